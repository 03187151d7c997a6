"""What the consumers held over time, as they signed in; and whether a moment lay uncovered.

Entries tile the time: an entry stands before and after every step that writes. A key that Entra has in two entries was
there between them, since a removed one never comes back; one that came between them was there before it was used, or
the entry before that use would name a key that Entra does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from provisioner.model import Action
from tests.rotation.rotating_environment import NAMES, active_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from provisioner.model import Outcome, Step
    from tests.rotation.rotating_environment import RotatingEnvironment, Use


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One moment. keys: by id that Entra had then, from when and until when."""

    at: datetime
    uses: tuple[Use, Use]
    keys: dict[str, tuple[datetime, datetime]]

    def use(self, name: str) -> Use:
        return next(one for one in self.uses if one.name == name)


@dataclass
class KeyHistory:
    """Entries of one environment, the oldest first. `watch` makes one before and after every step that writes."""

    rotations: RotatingEnvironment
    entries: list[Entry] = field(default_factory=list[Entry])

    def watch(self, step: Step, _outcome: Outcome | None) -> None:
        if step.action not in (Action.KEEP, Action.DEFER):
            self.note()

    def note(self) -> Entry:
        """Let every consumer sign in now. Entra is asked first and last, so that its keys are those of the moment."""
        before = {key_id: when for _, key_id, *when in active_keys(self.rotations)}
        at, uses = self.rotations.now(), self.rotations.uses()
        after = {key_id: (start, end) for _, key_id, start, end in active_keys(self.rotations)}
        entry = Entry(at=at, uses=uses, keys={k: v for k, v in after.items() if k in before or v[0] >= at})
        self.entries.append(entry)
        return entry

    def gaps(self) -> list[str]:
        """Every stretch of time in which a consumer may have held something that did not work."""
        return [*self._refused(), *self._uncovered()]

    def switches(self, name: str) -> list[tuple[datetime, str, str]]:
        """When a consumer was first seen with another key than before, and both."""
        held = [(entry.at, entry.use(name).key_id or "") for entry in self.entries]
        return [(at, old, new) for (_, old), (at, new) in pairwise(held) if old != new]

    def removals(self) -> dict[str, datetime]:
        """By key id, when it was first seen to be gone."""
        pairs = list(pairwise(self.entries))
        return {key_id: after.at for before, after in pairs for key_id in before.keys.keys() - after.keys.keys()}

    def removed_too_early(self, overlap: timedelta) -> list[str]:
        """Keys that went before the overlap had passed since a consumer last held them."""
        removed = self.removals()
        left = [(at, old) for name in NAMES for at, old, _ in self.switches(name)]
        return [
            f"{old} left at {at}, gone at {removed[old]}"
            for at, old in left
            if removed.get(old, at + overlap) < at + overlap
        ]

    def _refused(self) -> Iterator[str]:
        for entry in self.entries:
            for use in entry.uses:
                if not use.works or use.key_id is None:
                    yield f"{entry.at}: {use.name} could not sign in with {use.key_id}"

    def _uncovered(self) -> Iterator[str]:
        for before, after in pairwise(self.entries):
            for name in NAMES:
                for key_id in {before.use(name).key_id or "", after.use(name).key_id or ""}:
                    start, end = after.keys.get(key_id, (after.at, after.at))
                    there = key_id in before.keys or start >= before.at.replace(microsecond=0)
                    if not there or end <= after.at:
                        yield f"{before.at} to {after.at}: {name} held {key_id}, which did not work all the time"
