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
REPORT_SECONDS = 1.0  # between two reports of one wait


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One report of a wait.

    step: which one waits, empty outside of any. seconds: waited so far, of at most limit_seconds. over: it has ended.
    """

    step: str
    what: str
    seconds: float
    limit_seconds: float
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class WaitLimits:
    """How long a run waits for Azure: `waits` in the spec, in seconds.

    operation: for a long-running operation to end. visible: for every replica to show what was written. throttled: for
    a service to accept a call that it has throttled with a Retry-After.
    """

    operation_seconds: float = 3600.0
    visible_seconds: float = 180.0
    throttled_seconds: float = THROTTLED_SECONDS


WAIT_LIMITS = WaitLimits()


class Waits:
    """The waits of one run, used by many threads. report: called by the waiting thread, each second and at the end.

    interrupted: ends every wait; runs that a signal ends together share it. before_pause: called before each pause;
    raises if there is nothing left to wait for.
    """

    def __init__(self, limits: WaitLimits = WAIT_LIMITS, interrupted: threading.Event | None = None) -> None:
        self.limits = limits
        self.report: Callable[[Wait], None] = lambda _wait: None
        self.interrupted = interrupted or threading.Event()
        self.before_pause: Callable[[], None] = lambda: None
        self._thread = threading.local()

    @property
    def step(self) -> str:
        """The step that this thread runs; empty outside of any."""
        return getattr(self._thread, "step", "")

    @contextmanager
    def for_step(self, step: str) -> Generator[None]:
        """Report what this thread waits for inside as waits of this step."""
        self._thread.step = step
        try:
            yield
        finally:
            self._thread.step = ""

    @contextmanager
    def waiting(self, what: str, limit_seconds: float) -> Generator[Callable[[], None]]:
        """One wait. Yields a function that reports how far it is."""
        began, step, reported = ticks(), self.step, False

        def report(*, over: bool = False) -> None:
            nonlocal reported
            reported = True
            seconds = ticks() - began
            self.report(Wait(step=step, what=what, seconds=seconds, limit_seconds=limit_seconds, over=over))

        try:
            yield report
        finally:
            if reported:
                report(over=True)

    def until(self, check: Callable[[], bool], *, what: str, deadline_seconds: float | None = None) -> None:
        """Check until it is true: at once, then at growing, jittered intervals. Raises NotYetVisible at the deadline.

        deadline_seconds: by default `limits.visible_seconds`.
        """
        seconds = self.limits.visible_seconds if deadline_seconds is None else deadline_seconds
        end = time.monotonic() + seconds
        delay = 0.1
        with self.waiting(what, seconds) as report:
            while not check():
                left = end - time.monotonic()
                if left <= 0:
                    message = f"not so after {seconds:.0f} s"
                    raise NotYetVisible(operation=what, message=message)
                self._pause_and_report(min(left, delay * JITTER(0.5, 1.0)), report)  # spreads load, guards nothing
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

    def await_operation(self, operation: LROPoller[Any], *, what: str) -> None:
        """Wait for a long-running operation of Azure to end. Raises its error, or NotYetVisible at the deadline."""
        seconds = self.limits.operation_seconds
        end = ticks() + seconds
        with self.waiting(f"Azure to finish {what}", seconds) as report:
            while not operation.done() and (left := end - ticks()) > 0:
                operation.wait(min(left, REPORT_SECONDS))
                report()
        operation.wait(0)  # raises what it ended with
        if not operation.done():
            message = f"Azure has not finished it after {seconds:.0f} s (`waits.operation`)"
            raise NotYetVisible(operation=what, message=message)

    def pause_before_next_call(self, seconds: float) -> None:
        """Pause between two attempts, or before a call that a limit holds back, and report it as a wait.

        Raises Interrupted.
        """
        with self.waiting("its next call to Azure", seconds) as report:
            self._pause_and_report(seconds, report)

    def pause(self, seconds: float) -> None:
        """Sleep until the time is over or `interrupted` is set; nothing else in `cloud/` sleeps. Raises Interrupted."""
        self.before_pause()
        if self.interrupted.wait(seconds):
            raise Interrupted(during="waiting for Azure")

    def _pause_and_report(self, seconds: float, report: Callable[[], None]) -> None:
        """Pause within a wait, and report it every second."""
        end = ticks() + seconds
        while (left := end - ticks()) > REPORT_SECONDS:
            report()
            self.pause(REPORT_SECONDS)
        report()
        self.pause(max(left, 0.0))
