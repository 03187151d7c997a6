"""What `make reliability` counts, and the table it prints. Nothing is written here but what ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_COUNTED = "not counted in this run"


@dataclass
class Tally:
    """Counts, added to by the modules of `measures`.

    every: only each so-many-th of what there is to try. faults: how many of each kind met a run. kill_points: calls at
    which a run was killed. secrets_found, bad_inputs: None until somebody looked. wrong: what did not go as it should,
    in sentences.
    """

    every: int = 1
    faults: Counter[str] = field(default_factory=Counter[str])
    kill_points: set[str] = field(default_factory=set[str])
    runs: int = 0
    survived: int = 0
    duplicates: int = 0
    orphans: int = 0
    secrets_found: int | None = None
    bad_inputs: int | None = None
    wrong: list[str] = field(default_factory=list[str])

    def ran(self, fault: str, *wrong: str, duplicates: int = 0, orphans: int = 0) -> None:
        """One run met a fault of this kind; `wrong` says why it did not survive it."""
        self.faults[fault] += 1
        self.runs += 1
        self.duplicates += duplicates
        self.orphans += orphans
        self.survived += not (wrong or duplicates or orphans)
        self.wrong += wrong

    @property
    def held(self) -> bool:
        """Whether nothing was found that should not be."""
        found = (self.duplicates, self.orphans, self.secrets_found or 0, len(self.wrong))
        return self.survived == self.runs and not any(found)

    def rows(self) -> Iterator[tuple[str, str]]:
        """The table: what, and how many."""
        yield "faults injected", f"{self.faults.total()}"
        yield "kinds of fault", f"{len(self.faults)}"
        yield "kill points", f"{len(self.kill_points)}"
        yield "runs survived", f"{self.survived} of {self.runs}"
        yield "duplicates", f"{self.duplicates}"
        yield "orphans", f"{self.orphans}"
        yield "secrets found", _counted(self.secrets_found)
        yield "bad inputs tried", _counted(self.bad_inputs)


def _counted(number: int | None) -> str:
    return NOT_COUNTED if number is None else f"{number}"
