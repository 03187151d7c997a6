"""One environment, one writer: what happens to runs that meet others, as processes of their own."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.child import KILLED
from tests.reliability.leases import (
    ADD_PASSWORD,
    begun_to_wait,
    crowd,
    impatient,
    is_leased,
    neighbour,
    of_another_machine,
    resumed,
    stalled_at,
    words,
)

if TYPE_CHECKING:
    from tests.child import Child
    from tests.reliability.census import Census
    from tests.reliability.restorable_environment import CommandResult, RestorableEnvironment

CROWD = 10  # `make reliability` begins a hundred
GREETING = "secrets/hdinsight-aks-variables-greeting"


@pytest.fixture
def wanted(ground: RestorableEnvironment) -> Census:
    """What stands after one run alone."""
    ground.restore("provisioned")
    return ground.census()


def assert_one_environment(ground: RestorableEnvironment, wanted: Census) -> None:
    found = ground.census()
    assert (found.twice(wanted), found.orphans, found.differing(wanted)) == ([], (), [])


def killed_at(ground: RestorableEnvironment, path: str) -> None:
    """A provision that dies before the first write of this path."""
    child = ground.prepare("provision")
    ground.azure.fault(fault="kill", pid=child.pid, path=path, method="PUT,POST,PATCH")
    assert ground.ran(child.begin()).code == KILLED
    ground.azure.control("DELETE", "/faults")


def test_of_many_first_runs_at_once_one_writes_and_the_others_say_who_does(
    ground: RestorableEnvironment, wanted: Census
) -> None:
    ground.restore("empty")

    found = crowd(ground, CROWD)

    assert found.unclear == ()
    assert found.went_well >= 1
    assert found.went_well + found.turned_away == CROWD
    assert_one_environment(ground, wanted)
    assert ground.run("plan", "--detailed-exitcode").code == 0


def test_two_first_runs_at_once_need_no_clock_that_agrees_with_the_cloud_s(
    ground: RestorableEnvironment, wanted: Census
) -> None:
    ground.restore("empty")
    ground.advance(86_400.0)

    found = crowd(ground, 2)

    assert (found.unclear, found.went_well + found.turned_away) == ((), 2)
    assert_one_environment(ground, wanted)


@pytest.mark.parametrize("verb", ["rotate", "teardown"])
def test_of_other_verbs_at_once_one_writes_too(ground: RestorableEnvironment, verb: str) -> None:
    ground.restore("due")
    ground.done(verb)
    alone = ground.census()
    ground.restore("due")

    found = crowd(ground, 3, verb)

    assert (found.unclear, found.went_well + found.turned_away) == ((), 3)
    assert_one_environment(ground, alone)


def test_an_owner_that_stalls_and_wakes_up_after_its_lease_writes_nothing_more(
    ground: RestorableEnvironment, wanted: Census
) -> None:
    ground.restore("empty")
    stalled = stalled_at(ground, ground.prepare("provision"), ADD_PASSWORD)

    other = ground.run("provision")
    woken, wrote = resumed(ground, stalled)

    assert other.code == 0, other.text
    assert wrote == []
    assert woken.code == 3
    assert "the environment's lease was lost" in woken.text
    assert "run the command again" in woken.text
    assert_one_environment(ground, wanted)


def test_the_lease_of_a_dead_run_on_this_machine_is_broken_at_once(
    ground: RestorableEnvironment, wanted: Census
) -> None:
    ground.restore("empty")
    killed_at(ground, GREETING)

    ground.done("provision")

    assert_one_environment(ground, wanted)
    assert not is_leased(ground)


def test_of_many_runs_after_a_dead_one_on_this_machine_one_takes_its_lease(
    ground: RestorableEnvironment, wanted: Census
) -> None:
    ground.restore("empty")
    killed_at(ground, GREETING)

    found = crowd(ground, 5)

    assert (found.unclear, found.went_well + found.turned_away) == ((), 5)
    assert_one_environment(ground, wanted)


def test_the_lease_of_a_dead_run_elsewhere_is_taken_over_when_it_has_run_out(
    ground: RestorableEnvironment, wanted: Census
) -> None:
    ground.restore("empty")
    killed_at(ground, GREETING)
    of_another_machine(ground)

    early = ground.run("provision", spec=impatient(ground))
    assert early.code == 1
    assert "somebody@elsewhere has held it since" in early.text
    assert "the lease of a run that died ends within a minute" in early.text

    patient = begun_to_wait(ground, ground.prepare("provision"))
    ground.wait_out_lease()

    assert ground.ran(patient).code == 0
    assert_one_environment(ground, wanted)


def test_a_run_that_died_before_it_wrote_its_name_is_waited_for(ground: RestorableEnvironment, wanted: Census) -> None:
    ground.restore("empty")
    child = ground.prepare("provision")
    ground.azure.fault(fault="kill", pid=child.pid, path="/lease$", method="POST", after=True)
    assert ground.ran(child.begin()).code == KILLED
    ground.azure.control("DELETE", "/faults")
    assert "lease_owner" not in words(ground)

    second = begun_to_wait(ground, ground.prepare("provision"))
    ground.wait_out_lease()

    assert ground.ran(second).code == 0
    assert_one_environment(ground, wanted)


def standing(ground: RestorableEnvironment) -> list[str]:
    """What there is, without what a deleted vault keeps for 90 days."""
    kept = ("deleted_", "enabled version", "disabled version")
    return [role for role in ground.census().counted if not role.startswith(kept)]


@pytest.mark.parametrize("shared", [False, True], ids=["apart", "in the same containers"])
def test_different_environments_run_side_by_side(ground: RestorableEnvironment, *, shared: bool) -> None:
    ground.restore("empty")
    second = neighbour(ground, shared=shared)

    def both(verb: str) -> list[CommandResult]:
        begun: list[Child] = [child.begin() for child in (ground.prepare(verb), ground.prepare(verb, spec=second))]
        return [ground.ran(child) for child in begun]

    made = both("provision")  # where they share an account, one of them makes it and the other does not take it
    assert [ran for ran in made if ran.code and not (shared and "somebody created it meanwhile" in ran.text)] == []
    again = both("provision")  # and a mark on a grant may have been written over; it is drift for its owner
    assert [ran.code for ran in again] == [0, 0], again
    assert [
        ran.code
        for ran in (ground.run("plan", "--detailed-exitcode"), ground.run("plan", "--detailed-exitcode", spec=second))
    ] == [0, 0]
    first = both("teardown")
    assert {ran.code for ran in first} <= {0, 3}, first  # one may end before the other begins: docs/known-flaws.md
    last = [ground.run("teardown"), ground.run("teardown", spec=second)]
    assert [ran.code for ran in last] == [0, 0], last
    assert not any("flink-local" in role or "second" in role for role in standing(ground))


def test_a_teardown_waits_for_another_environment_s_in_the_same_containers(ground: RestorableEnvironment) -> None:
    ground.restore("empty")
    ground.done("provision")
    second = neighbour(ground, shared=True)
    assert ground.run("provision", spec=second).code == 0
    other = ground.prepare("teardown", spec=second)
    ground.azure.fault(fault="hold", pid=other.pid, method="DELETE", path="^/secrets/second-variables")
    other.begin()
    while not ground.azure.control("GET", "/faults")["rules"][-1]["hit"]:
        assert other.process.is_alive(), other.text

    first = ground.prepare("teardown").begin()
    while "the teardown of another environment" not in first.text:
        assert first.process.is_alive(), first.text
        first.process.join(0.05)
    ground.azure.control("DELETE", "/faults")
    os.kill(other.pid, signal.SIGCONT)

    ended = [ground.ran(other), ground.ran(first)]
    assert [ran.code for ran in ended] == [0, 0], ended
    assert not any("flink-local" in role or "second" in role for role in standing(ground))
