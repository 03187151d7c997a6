"""What time it is for the cloud, by the `Date` of its answers; machines of people are off by minutes."""

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
    """Of one run, used by many threads. ask: has some answer come, which is noted; called where there was none yet."""

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        self._ask = ask
        self._told: tuple[datetime, float, float] | None = None

    def note(self, date: str | None) -> None:
        """An answer came with this `Date`; only the first one counts."""
        if self._told is None and date:
            self._told = parsedate_to_datetime(date), ticks(), time.time()

    @property
    def known(self) -> bool:
        """Whether an answer has told the time."""
        return self._told is not None

    def now(self) -> datetime:
        """The `Date` of the cloud's first answer in this run: the same for whatever is decided in it."""
        return self._answer()[0]

    def moment(self) -> datetime:
        """The cloud's time as it is by now, for noting when something was written: seconds late, never early.

        It is a whole second, as a Date is.
        """
        date, began, _ = self._answer()
        return (date + timedelta(seconds=2.0 + ticks() - began)).replace(microsecond=0)

    def later(self) -> datetime:
        """The cloud's time now; from here on it is `now`."""
        self._told = None
        return self.now()

    @property
    def ahead(self) -> timedelta:
        """How much this machine's clock was ahead of the cloud's at that answer; nothing without one."""
        told = self._told
        return timedelta(seconds=told[2] - told[0].timestamp()) if told else timedelta()

    def _answer(self) -> tuple[datetime, float, float]:
        if self._told is None:
            self._ask()
        told = self._told
        if told is None:
            raise NotYetVisible(operation="the cloud's clock", message="no answer had a Date")
        return told


def ticks() -> float:
    """Seconds from anywhere; they go on while the machine sleeps, as the cloud's do."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
