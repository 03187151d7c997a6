"""Keeps a run within what Azure takes: so many calls of a class in so many seconds, the others wait their turn.

A call counts from when it is sent until that long after its answer, so that whatever way the service counts (fixed
or sliding windows, buckets), it never sees more. What others use of the same limits is not known here: a service that
turns a call away for its limit teaches how many it takes, and nothing more of that class is sent until the time that it
asks for is over. Others end: each time that as long again goes by without a call turned away, twice as many are sent.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.profile import Profile

SHARE = 0.9  # of each limit; the rest is for others, and for the run before this one
POLL_SECONDS = 0.05
NOT_COUNTED = (401, 429)  # by any service, as far as told; a vault's SDK asks without a token first


@dataclass(frozen=True)
class Rate:
    """So many calls in so many seconds; a bucket that fills steadily is one that is full again after that time."""

    most: int
    seconds: float


# https://learn.microsoft.com/azure/key-vault/general/service-limits (a PUT makes a secret)
VAULT = {"PUT": Rate(300, 10)}
VAULT_OTHER = Rate(4000, 10)
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
ARM = {"GET": Rate(250, 10), "HEAD": Rate(250, 10), "DELETE": Rate(200, 20)}
ARM_OTHER = Rate(200, 20)
# https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits: units in a small tenant, of
# which the requests that we send take up to two
GRAPH = Rate(1750, 10)


@dataclass(kw_only=True)
class _Window:
    """One class of calls. answered: when, of those that still count. shut: until when nothing is sent.

    full: the most that the service takes of anyone; grows: when more than `most` are tried again.
    """

    full: int
    seconds: float
    most: int = field(init=False)
    under_way: int = 0
    answered: deque[float] = field(default_factory=deque[float])
    shut: float = 0.0
    grows: float = 0.0

    def __post_init__(self) -> None:
        self.most = self.full

    def wait(self, now: float) -> float:
        """Seconds until another call may be sent, 0 for now; then it counts as under way."""
        while self.answered and self.answered[0] + self.seconds <= now:
            self.answered.popleft()
        if now < self.shut:
            return self.shut - now
        if now >= self.grows:
            self.most, self.grows = min(self.full, 2 * self.most), now + self.seconds
        if self.under_way + len(self.answered) < self.most:
            self.under_way += 1
            return 0.0
        return self.answered[0] + self.seconds - now if self.answered else POLL_SECONDS

    def end(self, now: float, *, taken: bool) -> None:
        """A call under way has ended; one that was turned away does not count."""
        self.under_way -= 1
        if taken:
            self.answered.append(now)

    def learn(self, now: float, seconds: float) -> None:
        """The service's limit was reached: it is what was taken in the time, and all of it is used up.

        seconds: until when, as the service says; 0: it does not say.
        """
        if now >= self.shut:
            self.most = max(1, min(self.most, len(self.answered)))
        self.shut = max(self.shut, now + (seconds or self.seconds))
        self.grows = self.shut + self.seconds


class Budget:
    """Of one run, used by many threads.

    pause: the session's, which an interrupt ends. ticks: seconds from anywhere. limit_reached: of an answer, how long
    a service asks to wait that turned the call away for a limit of its own (0: it does not say); else None.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        pause: Callable[[float], None],
        ticks: Callable[[], float],
        limit_reached: Callable[[Any], float | None],
    ) -> None:
        self._arm, self._graph = (urlsplit(url).hostname or "" for url in (profile.arm, profile.graph))
        self._vaults = f".{profile.vault_suffix}"
        self._pause, self._ticks, self._limit_reached = pause, ticks, limit_reached
        self._windows: dict[tuple[str, ...], _Window] = {}
        self._lock = threading.Lock()

    def enter(self, method: str, url: str) -> Turn:
        """Wait until the call may be sent. Whoever sends it tells the Turn how it ended."""
        window = self._window(method, url)
        while window is not None:
            with self._lock:
                seconds = window.wait(self._ticks())
            if not seconds:
                break
            self._pause(seconds)
        return Turn(self, window)

    def ended(self, window: _Window, response: Any) -> None:
        """For `Turn`."""
        limit_seconds = None if response is None else self._limit_reached(response)
        with self._lock:
            now = self._ticks()
            window.end(now, taken=response is None or response.status_code not in NOT_COUNTED)
            if limit_seconds is not None:
                window.learn(now, limit_seconds)

    def _window(self, method: str, url: str) -> _Window | None:
        """That of the call's class; None for one without a limit that we know, and for the lease, which cannot wait."""
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path.split("/")
        rate, key = None, (host, method)
        if host.endswith(self._vaults):
            rate, key = VAULT.get(method, VAULT_OTHER), (host, method if method in VAULT else "")
        elif host == self._arm and path[-1] != "lease":
            where = path[2].lower() if len(path) > 2 and path[1].lower() == "subscriptions" else ""
            kind = "GET" if method == "HEAD" else method if method in ARM else ""
            rate, key = ARM.get(method, ARM_OTHER), (host, where, kind)
        elif host == self._graph:
            rate, key = GRAPH, (host,)
        if rate is None:
            return None
        with self._lock:
            most = max(1, int(rate.most * SHARE))
            return self._windows.setdefault(key, _Window(full=most, seconds=rate.seconds))


class Turn:
    """One call that may be sent now."""

    def __init__(self, budget: Budget, window: _Window | None) -> None:
        self._budget, self._window = budget, window

    def ended(self, response: Any) -> None:
        """It was answered, or (None) nobody knows what became of it."""
        if self._window is not None:
            self._budget.ended(self._window, response)
