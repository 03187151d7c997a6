"""What `make reliability` counts, and the table made of it. Nothing is written here but what ran.

The figures of each part are kept in a file as they come, so that a run that was cut off tells as far as it came, and
parts that were run one by one make one table.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

NOT_COUNTED = "not counted"


@dataclass
class Tally:
    """Counts of one part, added to by its module of `measures`.

    every: only each so-many-th of what there is to try. faults: how many of each kind met a run. kill_points: calls at
    which a run was killed. secrets_found, bad_inputs: None until somebody looked. wrong: what did not go as it should,
    in sentences. ended: the part came to its end. noted: called after each run.
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
    seconds: float = 0.0
    ended: bool = False
    noted: Callable[[Tally], None] = field(default=lambda _tally: None, compare=False)

    def ran(self, fault: str, *wrong: str, duplicates: int = 0, orphans: int = 0) -> None:
        """One run met a fault of this kind; `wrong` says why it did not survive it."""
        self.faults[fault] += 1
        self.runs += 1
        self.duplicates += duplicates
        self.orphans += orphans
        self.survived += not (wrong or duplicates or orphans)
        self.wrong += wrong
        self.noted(self)

    @property
    def held(self) -> bool:
        """Whether it ended and nothing was found that should not be."""
        found = (self.duplicates, self.orphans, self.secrets_found or 0, len(self.wrong))
        return self.ended and self.survived == self.runs and not any(found)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "noted"}
        return {**told, "kill_points": sorted(self.kill_points)}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Tally:
        """One that was written down."""
        faults: Counter[str] = Counter(told["faults"])
        kill_points: set[str] = set(told["kill_points"])
        others: dict[str, Any] = {name: value for name, value in told.items() if name not in {"faults", "kill_points"}}
        return cls(faults=faults, kill_points=kill_points, **others)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The parts' counts, by name, and the file in which they are kept."""

    file: Path
    parts: dict[str, Tally]

    @classmethod
    def kept(cls, file: Path, known: Iterable[str]) -> Figures:
        """What the file has of the known parts."""
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return cls(file=file, parts={name: Tally.of_json(told[name]) for name in known if name in told})

    def measure(
        self, name: str, measure: Callable[[Tally], None], noted: Callable[[Tally], None], *, every: int
    ) -> None:
        """Count one part anew; what there is so far is kept, and `noted` called, after each run and at the end."""
        began = time.monotonic()
        tally = self.parts[name] = Tally(every=every)

        def keep(tally: Tally) -> None:
            tally.seconds = round(time.monotonic() - began, 1)
            self.keep()
            noted(tally)

        tally.noted = keep
        measure(tally)
        tally.ended = True
        keep(tally)

    def keep(self) -> None:
        """Write them down: whole, or as before."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        written = self.file.with_suffix(".new")
        written.write_text(json.dumps({name: tally.to_json() for name, tally in self.parts.items()}, indent=1))
        written.replace(self.file)

    def lacks(self, known: Iterable[str]) -> Iterator[str]:
        """Why these are not the figures of everything."""
        for name in known:
            tally = self.parts.get(name)
            if tally is None:
                yield f"{name} was not run"
            elif not tally.ended:
                yield f"{name} was cut off after {tally.runs} runs"
            elif tally.every != 1:
                yield f"{name} was run with each {tally.every}th call only"

    def rows(self) -> Iterator[tuple[str, str]]:
        """The table: what, and how many."""
        tallies = self.parts.values()
        faults = self.faults
        yield "faults injected", f"{faults.total()}"
        yield "kinds of fault", f"{len(faults)}"
        yield "kill points", f"{sum(len(one.kill_points) for one in tallies)}"
        yield "runs survived", f"{sum(one.survived for one in tallies)} of {sum(one.runs for one in tallies)}"
        yield "duplicates", f"{sum(one.duplicates for one in tallies)}"
        yield "orphans", f"{sum(one.orphans for one in tallies)}"
        yield "secrets found", _sum(one.secrets_found for one in tallies)
        yield "bad inputs tried", _sum(one.bad_inputs for one in tallies)

    @property
    def faults(self) -> Counter[str]:
        """By kind, how many met a run."""
        return sum((one.faults for one in self.parts.values()), Counter[str]())

    @property
    def text(self) -> str:
        """The table; how many runs each kind of fault met; how long each part took."""
        kinds = ((kind, f"{number}") for kind, number in sorted(self.faults.items()))
        took = ((f"{name}, seconds", f"{tally.seconds:.0f}") for name, tally in self.parts.items())
        blocks = (self.rows(), kinds, took)
        return "\n\n".join("\n".join(f"{what:24}{number:>16}" for what, number in block) for block in blocks)


def _sum(counted: Iterable[int | None]) -> str:
    numbers = [number for number in counted if number is not None]
    return f"{sum(numbers)}" if numbers else NOT_COUNTED
