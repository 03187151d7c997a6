"""Every call of provision, rotate and teardown: killed at it, its answer lost, interrupted, turned away.

Likewise environments without a client secret, which have nothing to rotate: their writes, and what only they read.
"""

from __future__ import annotations

import re
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
    at_a_time,
    restorable_environments,
)

if TYPE_CHECKING:
    from tests.reliability.restorable_environment import Call
    from tests.reliability.tally import Tally

SECRETLESS_READS = re.compile(
    r"federatedIdentityCredentials|managedClusters|userAssignedIdentities|\.airflow\.example|\.flink\.example"
)
SPECS = {SPEC: CASES, SELF_MANAGED: (PROVISION, TEARDOWN), MANAGED_IDENTITY: (PROVISION, TEARDOWN)}


def ways(call: Call) -> tuple[Way, ...]:
    """A write is met in all six; a read in two, since one that was answered has changed nothing."""
    if call.writes:
        return (BEFORE, AFTER, LOST, INTERRUPT, THROTTLED, UNAVAILABLE)
    return (BEFORE, LOST)


def ways_of_secretless(call: Call) -> tuple[Way, ...]:
    """Those of a write, and of a read that `local` does not make."""
    return ways(call) if call.writes or SECRETLESS_READS.search(f"{call.host}{call.path}") else ()


def measure(tally: Tally) -> None:
    """All of them."""
    for spec, cases in SPECS.items():
        with restorable_environments(at_a_time(), spec) as started:
            for case in cases:
                chosen = ways if spec == SPEC else ways_of_secretless
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
