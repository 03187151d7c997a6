"""One line of the bench's table."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure: what each run gave, and the most that the median may be; None: nothing is promised.

    waits: it grows with what else the machine does, so that a busy one cannot tell whether the promise is kept.
    """

    what: str
    found: Sequence[float]
    unit: str = ""
    most: float | None = None
    waits: bool = False

    @property
    def median(self) -> float:
        return median(self.found)

    @property
    def kept(self) -> bool:
        return self.most is None or self.median <= self.most
