"""The cloud's time, by the `Date` of its answers: clocks of people's machines are off by minutes."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from provisioner.errors import NotYetVisible

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Clock:
    """The clock of one run, used by many threads. ask: sends any request, so that an answer with a `Date` is noted."""

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        self._ask = ask
        self._first: tuple[datetime, float, float] | None = None

    def note(self, date: str | None) -> None:
        """Note the `Date` of an answer. Only the first one counts."""
        if self._first is None and date:
            self._first = parsedate_to_datetime(date), ticks(), time.time()

    @property
    def known(self) -> bool:
        """Whether an answer with a `Date` has come."""
        return self._first is not None

    def decision_time(self) -> datetime:
        """The `Date` of the cloud's first answer in this run: one time for all that the run decides."""
        return self._answer()[0]

    def recording_time(self) -> datetime:
        """The cloud's present time in whole seconds, to record when something was written: late, never early."""
        date, began, _ = self._answer()
        return (date + timedelta(seconds=2.0 + ticks() - began)).replace(microsecond=0)

    def refresh(self) -> datetime:
        """Ask the cloud for its time again; from here on that is `decision_time`."""
        self._first = None
        return self.decision_time()

    @property
    def machine_ahead(self) -> timedelta:
        """How far this machine's clock was ahead of the cloud's at the first answer; zero if there was none."""
        answer = self._first
        return timedelta(seconds=answer[2] - answer[0].timestamp()) if answer else timedelta()

    def _answer(self) -> tuple[datetime, float, float]:
        if self._first is None:
            self._ask()
        answer = self._first
        if answer is None:
            raise NotYetVisible(operation="the cloud's clock", message="no answer had a Date")
        return answer


def ticks() -> float:
    """A monotonic clock in seconds. It goes on while the machine sleeps, as the cloud's time does."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
