"""Keeps runs within Azure's rate limits: so many calls of a class in so many seconds, the others wait their turn.

A call counts from when it is sent until a full window after its answer, so that the service never sees more, whether
its windows are fixed or sliding. A token bucket refills all the time, so one call after the other counts no more, at
that pace, from the answers on. Others may use the same limit. A throttled call shows how many the
service takes at present, and no more of that class are sent until its Retry-After is over; of a bucket it shows that
it is empty. After each further window without a throttled call, twice as many are sent.
"""

from __future__ import annotations

import math
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
REFILL_SECONDS = 1.0  # after which an empty bucket takes some calls again
NOT_COUNTED = (401, 429)  # by any service, as far as documented; a vault's SDK asks without a token first


@dataclass(frozen=True)
class Rate:
    """At most so many calls in so many seconds. bucket: a token bucket of that size, which refills in that time."""

    most: int
    seconds: float
    bucket: bool = False


# https://learn.microsoft.com/azure/key-vault/general/service-limits (a PUT makes a secret)
VAULT = {"PUT": Rate(300, 10)}
VAULT_OTHER = Rate(4000, 10)
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
READS, DELETES = Rate(250, 10, bucket=True), Rate(200, 20, bucket=True)
ARM = {"GET": READS, "HEAD": READS, "DELETE": DELETES}
ARM_OTHER = Rate(200, 20, bucket=True)
# https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits: units in a small tenant, of
# which the requests that we send take up to two
GRAPH = Rate(1750, 10)


@dataclass(kw_only=True)
class _Window:
    """One class of calls. counted: until when, of those that were answered. shut: until when nothing is sent.

    full: the service's documented limit. most: the present one. grows: when `most` is raised again.
    """

    full: int
    seconds: float
    bucket: bool
    most: int = field(init=False)
    under_way: int = 0
    counted: deque[float] = field(default_factory=deque[float])
    shut: float = 0.0
    grows: float = 0.0

    def __post_init__(self) -> None:
        self.most = self.full

    def admit_or_seconds_left(self, now: float) -> float:
        """Seconds until the next call may be sent. If 0, the call counts as under way from now on."""
        while self.counted and self.counted[0] <= now:
            self.counted.popleft()
        if now < self.shut:
            return self.shut - now
        if now >= self.grows:
            self.most, self.grows = min(self.full, 2 * self.most), now + self.seconds
        if self.under_way + len(self.counted) < self.most:
            self.under_way += 1
            return 0.0
        return self.counted[0] - now if self.counted else POLL_SECONDS

    def note_call_ended(self, now: float, *, is_counted: bool) -> None:
        """A call under way has ended. is_counted: whether the service counts it."""
        self.under_way -= 1
        if is_counted and self.bucket:
            self.counted.append(max(now, self.counted[-1] if self.counted else now) + self.seconds / self.most)
        elif is_counted:
            self.counted.append(now + self.seconds)

    def note_throttled(self, now: float, retry_after_seconds: float) -> None:
        """A call was throttled: the limit is as many as were answered within the window, and all of it is used up.

        A bucket that others use, too, is empty, whoever emptied it: it refills half as fast for this run each time.
        retry_after_seconds: the Retry-After, 0 without one.
        """
        if now >= self.shut:
            self.most = max(1, self.most // 2 if self.bucket else min(self.most, len(self.counted)))
        self.shut = max(self.shut, now + (retry_after_seconds or (REFILL_SECONDS if self.bucket else self.seconds)))
        self.grows = self.shut + self.seconds
        if self.bucket:
            pace = self.seconds / self.most
            self.counted = deque(self.shut + number * pace for number in range(self.most))


class Windows:
    """What is left of each limit: one for all runs of a process that use the same cloud."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, ...], _Window] = {}
        self.lock = threading.Lock()

    def of(self, key: tuple[str, ...], rate: Rate) -> _Window:
        """The window of a class of calls."""
        window = _Window(full=max(1, int(rate.most * SHARE)), seconds=rate.seconds, bucket=rate.bucket)
        with self.lock:
            return self._windows.setdefault(key, window)


class Budget:
    """The budget of one run, used by many threads.

    pause: waits; an interrupt ends it. ticks: a monotonic clock in seconds. rate_limit_seconds: for an answer that
    throttles the call, its Retry-After in seconds (0 without one); None for any other answer. longest_seconds: a call
    that would have to wait longer is sent at once. windows: what is left, which other runs may use, too. tenant: whose
    directory the run's calls to Graph concern; asked for when the first of them is sent.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        pause: Callable[[float], None],
        ticks: Callable[[], float],
        rate_limit_seconds: Callable[[Any], float | None],
        longest_seconds: float = math.inf,
        windows: Windows | None = None,
        tenant: Callable[[], str] = str,
    ) -> None:
        self._arm, self._graph = (urlsplit(url).hostname or "" for url in (profile.arm, profile.graph))
        self._vaults = f".{profile.vault_suffix}"
        self._pause, self._ticks, self._rate_limit_seconds = pause, ticks, rate_limit_seconds
        self._longest_seconds, self._tenant = longest_seconds, tenant
        self._windows = windows or Windows()

    def wait_for_turn(self, method: str, url: str) -> Turn:
        """Wait until the call may be sent. The sender reports to the Turn how it ended.

        A call that would have to wait longer than longest_seconds is admitted at once, uncounted.
        """
        window = self._window(method, url)
        while window is not None:
            with self._windows.lock:
                seconds = window.admit_or_seconds_left(self._ticks())
            if not seconds:
                break
            if seconds > self._longest_seconds:  # the service itself says so, and the call ends with its answer
                return Turn(self, None)
            self._pause(seconds)
        return Turn(self, window)

    def note_answer(self, window: _Window, response: Any) -> None:
        """Count a call that has ended; `Turn` reports it."""
        limit_seconds = None if response is None else self._rate_limit_seconds(response)
        with self._windows.lock:
            now = self._ticks()
            window.note_call_ended(now, is_counted=response is None or response.status_code not in NOT_COUNTED)
            if limit_seconds is not None:
                window.note_throttled(now, limit_seconds)

    def _window(self, method: str, url: str) -> _Window | None:
        """The window of the call's class. None without a known limit, and for the lease, which cannot wait."""
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
            rate, key = GRAPH, (host, self._tenant())
        return None if rate is None else self._windows.of(key, rate)


class Turn:
    """One call that may be sent now."""

    def __init__(self, budget: Budget, window: _Window | None) -> None:
        self._budget, self._window = budget, window

    def note_answer(self, response: Any) -> None:
        """Report the answer, or None if it was lost."""
        if self._window is not None:
            self._budget.note_answer(self._window, response)
