"""The last runs, from the journal that runs of this machine have written; for people, and it may be missing."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST = 10


@dataclass
class LastRun:
    """One run. results: how many steps ended so."""

    began: str
    verb: str
    by: str
    seconds: float = 0.0
    results: Counter[str] = field(default_factory=Counter[str])


def last_runs(journal: Path) -> list[LastRun]:
    """The newest first."""
    runs: dict[str, LastRun] = {}
    with suppress(OSError):
        for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError, AttributeError):  # a line that was cut off
                entry = json.loads(line)
                began = str(entry["run"])
                run = runs.setdefault(began, LastRun(began=began, verb=str(entry["verb"]), by=str(entry["by"])))
                if entry["event"] == "outcome":
                    run.results[str(entry["result"])] += 1
                    run.seconds += float(entry["seconds"])
    return sorted(runs.values(), key=lambda run: run.began, reverse=True)[:MOST]
