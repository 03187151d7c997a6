"""A rotation whose process is killed, or whose answers get lost: a sample; `make reliability` meets every write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.lease import LEASE_SECONDS
from tests.rotation import child
from tests.rotation.killed import DUE, HOUR, KILLED, MOST, QUIET, REVOKE, RUNS, WRITES, Stage, standing
from tests.rotation.rotating_environment import API_SECRET, RotatingEnvironment, failed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure
    from tests.reliability.kills import Way
    from tests.rotation.killed import Scenario

SAMPLE = range(1, MOST, 5)  # the second write, the seventh, and so on


@pytest.mark.parametrize(("scenario", "way"), RUNS, ids=lambda one: one.name.replace(" ", "-"))
def test_what_became_of_a_run_at_its_writes_is_made_good_by_the_next_ones(
    azure: LocalAzure, tmp_path: Path, scenario: Scenario, way: Way
) -> None:
    stage = scenario.stage(azure, tmp_path)
    met = takewhile(lambda one: one[0], (scenario.meet(stage, number, way) for number in SAMPLE))
    complaints = [wrong for _, wrong in met]

    assert len(complaints) >= 2
    assert not any(complaints), complaints


@pytest.fixture
def due(azure: LocalAzure, tmp_path: Path) -> Stage:
    """Both credentials are due."""
    return DUE.stage(azure, tmp_path)


@pytest.mark.parametrize("by_provision", [False, True], ids=["rotate", "provision"])
def test_a_revocation_that_is_killed_after_any_write_is_finished_at_once_by_a_plain_run(
    rotations: RotatingEnvironment, *, by_provision: bool
) -> None:
    """Nothing is due; but from the write that makes the new key on, the leaked one goes with whatever runs next."""
    stage, leaked = Stage(rotations, "leaked"), rotations.key_ids()
    begun = 0
    for number in range(1, MOST, 3):
        stage.again()
        process, go = child.begin(rotations, REVOKE)
        rotations.azure.fault(fault="kill", pid=process.pid, after=True, skip=number, **WRITES)
        go.set()
        process.join()
        if process.exitcode != KILLED:
            break
        begun += any("revokes" in one["displayName"] for one in rotations.passwords("flink-api"))
        rotations.advance(LEASE_SECONDS + 1.0)
        assert failed(rotations.provision() if by_provision else rotations.rotate()) == []
        keys = rotations.key_ids()
        assert keys["airflow"] == leaked["airflow"]
        assert (keys["flink-api"] == leaked["flink-api"]) is not bool(begun), f"killed after write {number + 1}"
        assert not begun or not leaked["flink-api"] & keys["flink-api"]
        assert rotations.uses()[1].works
        rotations.advance(2 * HOUR)
        assert failed(rotations.rotate()) == []
        assert standing(rotations) == QUIET
    assert begun >= 2


def test_a_revocation_that_waits_is_waited_for_by_a_plain_run_too(rotations: RotatingEnvironment) -> None:
    quick = rotations.with_rollout(timedelta(seconds=4))
    leaked = rotations.key_ids()
    process, go = child.begin(rotations, replace(REVOKE, outage=False, names=()))
    rotations.azure.fault(fault="kill", pid=process.pid, path="integrationruntimes", after=True, method="PUT")
    go.set()
    process.join()
    assert process.exitcode == KILLED
    rotations.advance(LEASE_SECONDS + 1.0)

    assert failed(quick.rotate()) == []

    assert all(not leaked[name] & keys for name, keys in rotations.key_ids().items())
    assert standing(rotations) == QUIET


def test_a_place_that_was_written_in_part_is_stamped_by_the_next_run(due: Stage) -> None:
    """A new vault version whose last write is missing bears the mark and the key already."""
    due.again()
    due.rotations.azure.fault(fault="error", method="PATCH", host="vault", times=None, status=400, code="BadParameter")
    assert failed(due.rotations.rotate()) != []
    due.rotations.azure.control("DELETE", "/faults")

    assert failed(due.rotations.rotate()) == []

    latest = max(due.rotations.versions(), key=lambda one: one["attributes"]["created"])
    assert latest["tags"]["provisioner-version"] == latest["id"].rsplit("/", 1)[-1]
    assert sum(version["attributes"]["enabled"] for version in due.rotations.versions(API_SECRET)) == 2
