"""Writes what a run intended and did as JSON lines, for people. Only `report` shows it; it may be deleted."""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from provisioner.model import Outcome, Step


class Journal:
    """Appends to `folder/<environment>.jsonl` (0600). Names, key ids and results: no value, so no secret.

    by: who runs it.
    """

    def __init__(self, folder: Path, environment: str, *, verb: str, began: datetime, by: str = "") -> None:
        self._path = folder / f"{environment}.jsonl"
        with suppress(OSError):  # a run does not need it
            folder.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
        self._lock = Lock()
        self._run = {"run": began.isoformat(timespec="milliseconds"), "verb": verb, "by": by}

    def record_start(self, step: Step) -> None:
        """Record that a step begins."""
        self._write(event="intent", address=str(step.address), action=step.action.value)

    def record_outcome(self, outcome: Outcome, key_ids: Mapping[str, str]) -> None:
        """Record that a step has ended. key_ids: of a key: created (`key_id`), replaced, published, removed."""
        self._write(
            event="outcome",
            address=str(outcome.step.address),
            action=outcome.step.action.value,
            result=outcome.result.value,
            seconds=round(outcome.seconds, 3),
            error=type(outcome.error).__name__ if outcome.error else None,
            **key_ids,
        )

    def _write(self, **entry: str | float | None) -> None:
        line = json.dumps({**self._run, **entry})
        with suppress(OSError), self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
