from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from provisioner.cloud.lease import LEASE_SECONDS
from provisioner.errors import CloudError
from provisioner.model import Intent, Request
from tests.rotation import child
from tests.rotation.key_history import KeyHistory
from tests.rotation.rotating_environment import API_SECRET, DAY, NAMES, ROTATE, RotatingEnvironment, done, failed

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0
OVERLAP = timedelta(hours=24)
WRITES = {"method": "PUT,POST,PATCH,DELETE", "host": r"^(?!login\.)"}
KILLED = -9
MOST = 40


class Stage:
    """A moment that can be gone back to: the store and the clock."""

    def __init__(self, rotations: RotatingEnvironment, name: str) -> None:
        self.rotations, self.name = rotations, name
        rotations.azure.control("PUT", f"/snapshots/{name}")
        self.offset = rotations.azure.control("GET", "/clock")["offset_seconds"]

    def again(self) -> KeyHistory:
        """Back to it, with a new diary."""
        azure = self.rotations.azure
        azure.control("DELETE", "/faults")
        azure.control("POST", f"/snapshots/{self.name}")
        azure.control("PUT", "/clock", {"offset_seconds": self.offset})
        azure.tokens.clear()
        diary = KeyHistory(self.rotations)
        self.rotations.watched = diary.watch
        diary.note()
        return diary


def ended(diary: KeyHistory, *, by_provision: bool = False) -> Any:
    """Runs as the schedule would make them until all is quiet, and what stands then: no key id, so that it compares.

    by_provision: every other run is a `provision`, the first one too.
    """
    rotations = diary.rotations
    for turn, seconds in enumerate((LEASE_SECONDS + 1.0, 1.5 * HOUR, DAY + 2 * HOUR, DAY)):
        rotations.advance(seconds)
        assert failed(rotations.provision() if by_provision and not turn % 2 else rotations.rotate()) == []
        diary.note()
        rotations.advance(HOUR + 60.0)  # what was written is rolled out
        diary.note()
    assert done(rotations.rotate()) == []
    return standing(rotations)


def standing(rotations: RotatingEnvironment) -> Any:
    airflow, api = rotations.uses()
    versions = rotations.versions()
    latest = max(versions, key=lambda one: one["attributes"]["created"])
    return {
        "living": {name: len(keys) for name, keys in rotations.key_ids().items()},
        "working": [airflow.works, api.works],
        "enabled": sum(one["attributes"]["enabled"] for one in versions),
        "named": [rotations.runtime()["PROVISIONER_KEY_ID"] == airflow.key_id, latest["tags"]["keyId"] == api.key_id],
    }


QUIET = {"living": dict.fromkeys(NAMES, 1), "working": [True, True], "enabled": 1, "named": [True, True]}


def kill_everywhere(stage: Stage, asked: Request, *, by_provision: bool = False) -> int:
    """Kill a run after its first write, its second, and so on; the number of writes there are."""
    for number in range(MOST):
        diary = stage.again()
        process, go = child.begin(stage.rotations, asked)
        stage.rotations.azure.fault(fault="kill", pid=process.pid, after=True, skip=number, **WRITES)
        go.set()
        process.join()
        if process.exitcode != KILLED:
            assert process.exitcode == 0
            return number
        diary.note()
        assert ended(diary, by_provision=by_provision) == QUIET, f"killed after write {number + 1}"
        assert asked.outage or diary.gaps() + diary.removed_too_early(OVERLAP) == []
    raise AssertionError(f"more than {MOST} writes")


def lose_every_answer(stage: Stage) -> int:
    """Lose the answer to a run's first write, to its second, and so on."""
    for number in range(MOST):
        diary = stage.again()
        stage.rotations.azure.fault(fault="lost", skip=number, **WRITES)
        with suppress(CloudError):  # without the lease a run ends before its first write
            stage.rotations.rotate()
        (rule,) = stage.rotations.azure.control("GET", "/faults")["rules"]
        if not rule["hit"]:
            return number
        diary.note()
        assert ended(diary) == QUIET, f"the answer to write {number + 1} was lost"
        assert diary.gaps() + diary.removed_too_early(OVERLAP) == []
    raise AssertionError(f"more than {MOST} writes")


@pytest.fixture
def due(rotations: RotatingEnvironment) -> Stage:
    """Both credentials are due."""
    rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": HOUR})
    rotations.advance(30 * DAY + HOUR)
    return Stage(rotations, "due")


@pytest.fixture
def over(due: Stage) -> Stage:
    """Both were replaced, and the overlap is over."""
    assert failed(due.rotations.rotate()) == []
    due.rotations.advance(DAY + 2 * HOUR)
    return Stage(due.rotations, "over")


def test_a_run_that_is_killed_after_any_write_is_finished_by_the_next_ones(due: Stage) -> None:
    assert kill_everywhere(due, ROTATE) >= 7


def test_a_run_that_removes_and_is_killed_after_any_write_is_finished_by_the_next_ones(over: Stage) -> None:
    assert kill_everywhere(over, ROTATE, by_provision=True) >= 6


def test_a_run_with_several_places_that_is_killed_after_any_write_is_finished_by_a_provision(
    rotations: RotatingEnvironment, tmp_path: Path
) -> None:
    """Airflow's secret is in the vault, too: what a run put there, the next one copies to the runtime."""
    spec = yaml.safe_load(rotations.spec.read_text())
    spec["principals"] = {"airflow": {"secrets": ["airflow-own"]}, "flink-api": {"secrets": ["api-for-others"]}}
    spec["job"] = str((rotations.spec.parent / spec["job"]["jar"]).resolve())
    changed = RotatingEnvironment(azure=rotations.azure, spec=tmp_path / "several.yaml", journal=rotations.journal)
    changed.spec.write_text(yaml.safe_dump(spec))
    assert failed(changed.provision()) == []
    settings = {"rollout_seconds": HOUR, "mask_variables": ["AZURE_CLIENT_SECRET"]}
    changed.azure.control("PUT", "/settings/airflow", settings)
    changed.advance(30 * DAY + HOUR)

    assert kill_everywhere(Stage(changed, "several"), ROTATE, by_provision=True) >= 11


def test_a_run_whose_answers_get_lost_loses_no_credential(due: Stage) -> None:
    assert lose_every_answer(due) >= 7


def test_a_run_that_removes_and_whose_answers_get_lost_ends_the_same(over: Stage) -> None:
    assert lose_every_answer(over) >= 6


REVOKE = Request(intent=Intent.REVOKE, outage=True, names=("flink-api",))


def test_a_revocation_that_is_killed_after_any_write_is_finished_by_the_next_one(due: Stage) -> None:
    assert kill_everywhere(due, REVOKE) >= 6


@pytest.mark.parametrize("by_provision", [False, True], ids=["rotate", "provision"])
def test_a_revocation_that_is_killed_after_any_write_is_finished_at_once_by_a_plain_run(
    rotations: RotatingEnvironment, *, by_provision: bool
) -> None:
    """Nothing is due; but from the write that makes the new key on, the leaked one goes with whatever runs next."""
    stage, leaked = Stage(rotations, "leaked"), rotations.key_ids()
    begun = 0
    for number in range(MOST):
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
    assert begun >= 4


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
