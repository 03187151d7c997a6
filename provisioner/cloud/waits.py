"""What a run waits for, told meanwhile to whoever shows it: which step, for what, how long by now and at most."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@dataclass(frozen=True, kw_only=True)
class Wait:
    """about: the step that waits, empty outside of one. seconds: waited, of at most of_seconds. over: no more."""

    about: str
    what: str
    seconds: float
    of_seconds: float
    over: bool = False


class Waits:
    """Of one run. tell: called by whichever thread waits, every second or more often, and once it is over."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self.tell: Callable[[Wait], None] = lambda _wait: None
        self._ticks = ticks
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
        began, about, told = self._ticks(), getattr(self._thread, "about", ""), False

        def tell(*, over: bool = False) -> None:
            nonlocal told
            told = True
            seconds = self._ticks() - began
            self.tell(Wait(about=about, what=what, seconds=seconds, of_seconds=of_seconds, over=over))

        try:
            yield tell
        finally:
            if told:
                tell(over=True)
