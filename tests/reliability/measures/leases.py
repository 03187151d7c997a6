"""A hundred runs of one environment at once, runs after a dead one, environments beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.child import KILLED
from tests.reliability.leases import ADD_PASSWORD, crowd, of_another_machine, resumed, stalled_at
from tests.reliability.restorable_environment import restorable_environments

if TYPE_CHECKING:
    from tests.reliability.census import Census
    from tests.reliability.restorable_environment import RestorableEnvironment
    from tests.reliability.tally import Tally

CROWD = 100


def measure(tally: Tally) -> None:
    """Each on one ground; all end with the one environment."""
    with restorable_environments(1) as (ground,):
        ground.restore("provisioned")
        wanted = ground.census()
        _many_at_once(tally, ground, wanted)
        _after_a_dead_one(tally, ground, wanted)
        _a_stalled_owner(tally, ground, wanted)


def _many_at_once(tally: Tally, ground: RestorableEnvironment, wanted: Census) -> None:
    ground.restore("empty")
    found = crowd(ground, CROWD)
    wrong = found.unclear if found.went_well else ("none went well", *found.unclear)
    _count(tally, ground, wanted, "begun at once", wrong)


def _after_a_dead_one(tally: Tally, ground: RestorableEnvironment, wanted: Census) -> None:
    ground.restore("empty")
    child = ground.prepare("provision")
    ground.azure.fault(fault="kill", pid=child.pid, method="POST", path=ADD_PASSWORD)
    dead = ground.ran(child.begin())
    of_another_machine(ground)
    after = ground.run("provision")  # it waits for the lease to run out
    kept = (dead.code, after.code) == (KILLED, 0)
    _count(tally, ground, wanted, "owner died elsewhere", () if kept else (dead.text, after.text))


def _a_stalled_owner(tally: Tally, ground: RestorableEnvironment, wanted: Census) -> None:
    ground.restore("empty")
    stalled = stalled_at(ground, ground.prepare("provision"), ADD_PASSWORD)
    other = ground.run("provision")
    woken, wrote = resumed(ground, stalled)
    kept = (other.code, woken.code, wrote) == (0, 3, [])
    _count(tally, ground, wanted, "owner stalled", () if kept else (other.text, woken.text, *wrote))


def _count(tally: Tally, ground: RestorableEnvironment, wanted: Census, fault: str, wrong: tuple[str, ...]) -> None:
    found = ground.census()
    twice = found.twice(wanted)
    complaints = (*wrong, *twice, *found.orphans, *found.differing(wanted))
    tally.ran(fault, *complaints, duplicates=len(twice), orphans=len(found.orphans))
