"""Every call of provision, rotate and teardown: killed at it, its answer lost, interrupted, turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reliability.kills import (
    AFTER,
    BEFORE,
    CASES,
    INTERRUPT,
    LOST,
    THROTTLED,
    UNAVAILABLE,
    Ended,
    Way,
    everywhere,
)
from tests.reliability.restorable_environment import processors, restorable_environments

if TYPE_CHECKING:
    from tests.reliability.restorable_environment import Call
    from tests.reliability.tally import Tally


def ways(call: Call) -> tuple[Way, ...]:
    """A write is met in all six; a read in two, since one that was answered has changed nothing."""
    if call.writes:
        return (BEFORE, AFTER, LOST, INTERRUPT, THROTTLED, UNAVAILABLE)
    return (BEFORE, LOST)


def measure(tally: Tally) -> None:
    """All of them."""
    with restorable_environments(processors()) as started:
        for case in CASES:
            for ended in everywhere(started, case, ways, every=tally.every):
                note(tally, ended)


def note(tally: Tally, ended: Ended) -> None:
    """Count one; a call that this run did not make met no fault."""
    if not ended.reached:
        return
    if ended.way in (BEFORE, AFTER):
        tally.kill_points.add(ended.point)
    counts = {"duplicates": len(ended.duplicates), "orphans": len(ended.orphans)}
    tally.ran(ended.way.name, *ended.complaints, **counts)
