"""All waiting of a run. While it waits it reports which step waits, for what, for how long and at most how long."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.cloud.transport.clock import ticks
from provisioner.cloud.transport.retries import JITTER, THROTTLED_SECONDS
from provisioner.errors import Interrupted, NotYetVisible

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from azure.core.polling import LROPoller

    from provisioner.errors import CloudError

T = TypeVar("T")
TELL_SECONDS = 1.0  # between two reports of one wait


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One report of a wait.

    about: the step that waits, empty outside of one. seconds: waited so far, of at most of_seconds. over: it has ended.
    """

    about: str
    what: str
    seconds: float
    of_seconds: float
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a run waits for Azure: `waits` in the spec, in seconds.

    operation: for a long-running operation to end. visible: for every replica to show what was written. throttled: for
    a service to accept a call that it has throttled with a Retry-After.
    """

    operation_seconds: float = 3600.0
    visible_seconds: float = 180.0
    throttled_seconds: float = THROTTLED_SECONDS


PATIENCE = Patience()


class Waits:
    """The waits of one run, used by many threads. tell: called by the waiting thread, each second and at the end.

    interrupted: ends every wait. may_go_on: called before each pause; raises if there is nothing left to wait for.
    """

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self.patience = patience
        self.tell: Callable[[Wait], None] = lambda _wait: None
        self.interrupted = threading.Event()
        self.may_go_on: Callable[[], None] = lambda: None
        self._thread = threading.local()

    @contextmanager
    def about(self, step: str) -> Generator[None]:
        """Report what this thread waits for inside as waits of this step."""
        self._thread.about = step
        try:
            yield
        finally:
            self._thread.about = ""

    @contextmanager
    def waiting(self, what: str, of_seconds: float) -> Generator[Callable[[], None]]:
        """One wait. Yields a function that reports how far it is."""
        began, about, reported = ticks(), getattr(self._thread, "about", ""), False

        def tell(*, over: bool = False) -> None:
            nonlocal reported
            reported = True
            seconds = ticks() - began
            self.tell(Wait(about=about, what=what, seconds=seconds, of_seconds=of_seconds, over=over))

        try:
            yield tell
        finally:
            if reported:
                tell(over=True)

    def until(self, check: Callable[[], bool], *, what: str, deadline_seconds: float | None = None) -> None:
        """Check until it is true: at once, then at growing, jittered intervals. Raises NotYetVisible at the deadline.

        deadline_seconds: by default the patience's `visible_seconds`.
        """
        seconds = self.patience.visible_seconds if deadline_seconds is None else deadline_seconds
        end = time.monotonic() + seconds
        delay = 0.1
        with self.waiting(what, seconds) as tell:
            while not check():
                left = end - time.monotonic()
                if left <= 0:
                    message = f"not so after {seconds:.0f} s"
                    raise NotYetVisible(operation=what, message=message)
                self._pause_and_tell(min(left, delay * JITTER(0.5, 1.0)), tell)  # spreads load, guards nothing
                delay = min(delay * 1.6, 10.0)

    def until_visible(
        self,
        fetch: Callable[[], T],
        *,
        what: str,
        deadline_seconds: float | None = None,
        on: tuple[type[CloudError], ...] = (NotYetVisible,),
    ) -> T:
        """Call `fetch` as `until` does while it raises one of `on`. Raises the last such error at the deadline."""
        values: list[T] = []
        last: list[Exception] = []

        def seen() -> bool:
            try:
                values.append(fetch())
            except on as error:
                last[:] = [error]
                return False
            return True

        try:
            self.until(seen, what=what, deadline_seconds=deadline_seconds)
        except NotYetVisible as late:
            raise (last[0] if last else late) from late
        return values[0]

    def finish(self, operation: LROPoller[Any], *, what: str) -> None:
        """Wait for a long-running operation of Azure to end. Raises its error, or NotYetVisible at the deadline."""
        seconds = self.patience.operation_seconds
        end = ticks() + seconds
        with self.waiting(f"Azure to finish {what}", seconds) as tell:
            while not operation.done() and (left := end - ticks()) > 0:
                operation.wait(min(left, TELL_SECONDS))
                tell()
        operation.wait(0)  # raises what it ended with
        if not operation.done():
            message = f"Azure has not finished it after {seconds:.0f} s (`waits.operation`)"
            raise NotYetVisible(operation=what, message=message)

    def take_turn(self, seconds: float) -> None:
        """Pause between two attempts, or until a service takes more calls. A long pause is reported."""
        with self.waiting("its next call to Azure", seconds) as tell:
            self._pause_and_tell(seconds, tell)

    def pause(self, seconds: float) -> None:
        """Sleep until the time is over or `interrupted` is set; nothing else in `cloud/` sleeps. Raises Interrupted."""
        self.may_go_on()
        if self.interrupted.wait(seconds):
            raise Interrupted(during="waiting for Azure")

    def _pause_and_tell(self, seconds: float, tell: Callable[[], None]) -> None:
        """Pause within a wait, and report it every second."""
        end = ticks() + seconds
        while (left := end - ticks()) > TELL_SECONDS:
            tell()
            self.pause(TELL_SECONDS)
        tell()
        self.pause(max(left, 0.0))
