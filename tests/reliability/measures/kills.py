"""Every call of provision, rotate and teardown: killed at it, its answer lost, interrupted, turned away.

Likewise the writes of environments without a client secret, which has nothing to rotate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reliability.kills import (
    AFTER,
    BEFORE,
    CASES,
    INTERRUPT,
    LOST,
    PROVISION,
    TEARDOWN,
    THROTTLED,
    UNAVAILABLE,
    Ended,
    Way,
    everywhere,
)
from tests.reliability.restorable_environment import (
    MANAGED_IDENTITY,
    SELF_MANAGED,
    SPEC,
    processors,
    restorable_environments,
)

if TYPE_CHECKING:
    from tests.reliability.restorable_environment import Call
    from tests.reliability.tally import Tally

SPECS = {SPEC: CASES, SELF_MANAGED: (PROVISION, TEARDOWN), MANAGED_IDENTITY: (PROVISION, TEARDOWN)}


def ways(call: Call) -> tuple[Way, ...]:
    """A write is met in all six; a read in two, since one that was answered has changed nothing."""
    if call.writes:
        return (BEFORE, AFTER, LOST, INTERRUPT, THROTTLED, UNAVAILABLE)
    return (BEFORE, LOST)


def ways_of_a_write(call: Call) -> tuple[Way, ...]:
    """Those of a write alone: what they read, another environment reads as well."""
    return ways(call) if call.writes else ()


def measure(tally: Tally) -> None:
    """All of them."""
    for spec, cases in SPECS.items():
        with restorable_environments(processors(), spec) as started:
            for case in cases:
                chosen = ways if spec == SPEC else ways_of_a_write
                for ended in everywhere(started, case, chosen, every=tally.every):
                    note(tally, ended)


def note(tally: Tally, ended: Ended) -> None:
    """Count one; a call that this run did not make met no fault."""
    if not ended.reached:
        return
    if ended.way in (BEFORE, AFTER):
        tally.kill_points.add(ended.point)
    counts = {"duplicates": len(ended.duplicates), "orphans": len(ended.orphans)}
    tally.ran(ended.way.name, *ended.complaints, **counts)
