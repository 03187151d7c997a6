"""All waiting of a run, told meanwhile to whoever shows it: which step, for what, how long by now and at most."""

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
TELL_SECONDS = 1.0  # between two words about one wait


@dataclass(frozen=True, kw_only=True)
class Wait:
    """about: the step that waits, empty outside of one. seconds: waited, of at most of_seconds. over: no more."""

    about: str
    what: str
    seconds: float
    of_seconds: float
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a run waits for Azure: `waits` in the spec, in seconds.

    operation: for a long-running one to end. visible: for every replica to show what was written. throttled: for a call
    to be taken that a service turns away and says until when.
    """

    operation_seconds: float = 3600.0
    visible_seconds: float = 180.0
    throttled_seconds: float = THROTTLED_SECONDS


PATIENCE = Patience()


class Waits:
    """Of one run, used by many threads. tell: called by whichever thread waits, every second or so, and at the end.

    interrupted: ends every wait. may_go_on: called before each pause, raises where nothing is left to wait for.
    """

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self.patience = patience
        self.tell: Callable[[Wait], None] = lambda _wait: None
        self.interrupted = threading.Event()
        self.may_go_on: Callable[[], None] = lambda: None
        self._thread = threading.local()

    @contextmanager
    def about(self, step: str) -> Generator[None]:
        """Whatever this thread waits for meanwhile is for this step."""
        self._thread.about = step
        try:
            yield
        finally:
            self._thread.about = ""

    @contextmanager
    def waiting(self, what: str, of_seconds: float) -> Generator[Callable[[], None]]:
        """One wait; what it yields tells of it as it is now."""
        began, about, told = ticks(), getattr(self._thread, "about", ""), False

        def tell(*, over: bool = False) -> None:
            nonlocal told
            told = True
            seconds = ticks() - began
            self.tell(Wait(about=about, what=what, seconds=seconds, of_seconds=of_seconds, over=over))

        try:
            yield tell
        finally:
            if told:
                tell(over=True)

    def until(self, check: Callable[[], bool], *, what: str, deadline_seconds: float | None = None) -> None:
        """Ask until it is so: at once, then at growing, jittered intervals. Raises NotYetVisible at the deadline.

        deadline_seconds: the patience's `visible_seconds` unless given.
        """
        seconds = self.patience.visible_seconds if deadline_seconds is None else deadline_seconds
        end = time.monotonic() + seconds
        delay = 0.1
        with self.waiting(what, seconds) as tell:
            while not check():
                left = end - time.monotonic()
                if left <= 0:
                    told = f"not so after {seconds:.0f} s"
                    raise NotYetVisible(operation=what, message=told)
                self._tell_on(min(left, delay * JITTER(0.5, 1.0)), tell)  # spreads load, guards nothing
                delay = min(delay * 1.6, 10.0)

    def until_visible(
        self,
        fetch: Callable[[], T],
        *,
        what: str,
        deadline_seconds: float | None = None,
        on: tuple[type[CloudError], ...] = (NotYetVisible,),
    ) -> T:
        """`fetch()` again and again, as `until`, while it raises one of `on`; the last such error at the deadline."""
        found: list[T] = []
        last: list[Exception] = []

        def seen() -> bool:
            try:
                found.append(fetch())
            except on as error:
                last[:] = [error]
                return False
            return True

        try:
            self.until(seen, what=what, deadline_seconds=deadline_seconds)
        except NotYetVisible as late:
            raise (last[0] if last else late) from late
        return found[0]

    def finish(self, operation: LROPoller[Any], *, what: str) -> None:
        """Until a long-running operation of Azure has ended. Raises its error, or NotYetVisible at the deadline."""
        seconds = self.patience.operation_seconds
        end = ticks() + seconds
        with self.waiting(f"Azure to finish {what}", seconds) as tell:
            while not operation.done() and (left := end - ticks()) > 0:
                operation.wait(min(left, TELL_SECONDS))
                tell()
        operation.wait(0)  # raises what it ended with
        if not operation.done():
            told = f"Azure has not finished it after {seconds:.0f} s (`waits.operation`)"
            raise NotYetVisible(operation=what, message=told)

    def take_turn(self, seconds: float) -> None:
        """Between two tries, and until a service takes more calls; a long one is told of."""
        with self.waiting("its next call to Azure", seconds) as tell:
            self._tell_on(seconds, tell)

    def pause(self, seconds: float) -> None:
        """The only sleep; `interrupted` ends it."""
        self.may_go_on()
        if self.interrupted.wait(seconds):
            raise Interrupted(during="waiting for Azure")

    def _tell_on(self, seconds: float, tell: Callable[[], None]) -> None:
        """A pause in the midst of a wait that is told of, also while it lasts."""
        end = ticks() + seconds
        while (left := end - ticks()) > TELL_SECONDS:
            tell()
            self.pause(TELL_SECONDS)
        tell()
        self.pause(max(left, 0.0))
