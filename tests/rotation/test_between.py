"""What may happen between a rotation and its end, and beside it."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import Conflict, NotAuthorized, Refusals, Refused
from provisioner.model import Intent, Request
from tests.rotation import child
from tests.rotation.key_history import KeyHistory
from tests.rotation.rotating_environment import API_SECRET, DAY, NAMES, ROTATE, active_keys, done, failed

if TYPE_CHECKING:
    from provisioner.model import Outcome, Step
    from tests.rotation.rotating_environment import RotatingEnvironment

HOUR = 3600.0
FORCE = Request(intent=Intent.ROTATE, force=True)
REVOKE = Request(intent=Intent.REVOKE)
ROLLBACK = Request(intent=Intent.ROLLBACK, names=("flink-api",))


@pytest.fixture
def diary(rotations: RotatingEnvironment) -> KeyHistory:
    """Values take an hour to roll out; everybody is watched."""
    rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": HOUR})
    rotations.advance(HOUR)
    made = KeyHistory(rotations)
    rotations.watched = made.watch
    made.note()
    return made


def pass_time(diary: KeyHistory, seconds: float, asked: Request = ROTATE) -> None:
    """Time passes, everybody signs in, a run follows, everybody signs in."""
    diary.rotations.advance(seconds)
    diary.note()
    assert failed(diary.rotations.rotate(asked)) == []
    diary.note()


def assert_quiet(diary: KeyHistory) -> None:
    """A day later all old keys are gone, nobody held a dead one, and nothing is left to do."""
    pass_time(diary, DAY + 2 * HOUR)
    pass_time(diary, 2 * HOUR)
    assert diary.gaps() == []
    assert done(diary.rotations.rotate()) == []
    keys = diary.rotations.key_ids()
    assert {name: len(found) for name, found in keys.items()} == dict.fromkeys(NAMES, 1)
    enabled = [version for version in diary.rotations.versions() if version["attributes"]["enabled"]]
    assert {version["tags"]["keyId"] for version in enabled} == keys["flink-api"]


def test_of_two_rotations_at_once_one_ends_with_a_clear_word_and_both_leave_one_credential(diary: KeyHistory) -> None:
    rotations = diary.rotations
    rotations.advance(30 * DAY)
    process, go = child.begin(rotations, ROTATE)
    rotations.azure.fault(fault="latency", path="addPassword", seconds=1.0)
    go.set()
    while not rotations.azure.control("GET", "/faults")["rules"][0]["hit"]:
        assert process.is_alive()
    os.kill(process.pid or 0, signal.SIGSTOP)  # however slow the machine is, it has the lease while the other one asks

    try:
        with pytest.raises(Conflict, match=r"has held it since .* for rotate.*Wait until that run has ended"):
            rotations.rotate()
    finally:
        os.kill(process.pid or 0, signal.SIGCONT)

    process.join()
    assert process.exitcode == 0
    assert {name: len(keys) for name, keys in rotations.key_ids().items()} == dict.fromkeys(NAMES, 2)
    diary.note()
    assert_quiet(diary)


def test_forced_rotations_in_a_row_keep_every_key_that_workers_may_still_have(diary: KeyHistory) -> None:
    first = diary.rotations.uses()[0].key_id
    for _ in range(5):
        pass_time(diary, 60.0, FORCE)

    pass_time(diary, 0.5 * HOUR)

    assert diary.rotations.uses()[0].key_id == first
    pass_time(diary, 2 * HOUR)
    assert len(diary.rotations.key_ids()["airflow"]) == 6
    assert_quiet(diary)
    assert diary.removed_too_early(timedelta(hours=24)) == []


def test_a_rotation_within_the_overlap_lets_the_oldest_key_live_as_long_as_the_newer_ones(diary: KeyHistory) -> None:
    pass_time(diary, 0.0, FORCE)
    pass_time(diary, 12 * HOUR, FORCE)
    pass_time(diary, 14 * HOUR)

    assert [len(keys) for keys in diary.rotations.key_ids().values()] == [3, 3]
    assert_quiet(diary)


def test_a_revocation_waits_until_the_workers_have_the_new_key(diary: KeyHistory) -> None:
    rotations = diary.rotations.with_rollout(timedelta(seconds=8))
    rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": 8.0})
    leaked = rotations.key_ids()

    assert failed(rotations.rotate(REVOKE)) == []

    diary.note()
    assert diary.gaps() == []
    assert all(not leaked[name] & keys for name, keys in rotations.key_ids().items())


def test_a_revocation_that_stopped_half_way_is_ended_by_another(diary: KeyHistory) -> None:
    leaked = diary.rotations.uses()
    diary.rotations.azure.fault(fault="error", path="removePassword", status=400, code="Request_BadRequest", times=None)
    now = replace(REVOKE, outage=True)
    assert failed(diary.rotations.with_visible(timedelta(seconds=2)).rotate(now)) != []
    diary.rotations.azure.control("DELETE", "/faults")

    assert failed(diary.rotations.rotate(now)) == []

    assert all(use.key_id not in diary.rotations.key_ids()[use.name] for use in leaked)
    assert {name: len(keys) for name, keys in diary.rotations.key_ids().items()} == dict.fromkeys(NAMES, 1)
    assert diary.rotations.uses()[1].works


def test_a_plan_to_revoke_at_once_names_who_pays_for_it(diary: KeyHistory) -> None:
    report = diary.rotations.rotate(replace(REVOKE, outage=True), plan_only=True)

    reasons = {step.address.name: step.reason for step in report.plan.steps if step.action == "rotate"}
    assert "read it from airflow_runtime/airflow fail until" in reasons["airflow"]
    assert f"read it from vault_secret/{API_SECRET} fail until" in reasons["flink-api"]


def test_a_rollback_goes_back_and_the_newer_key_goes_after_the_overlap(diary: KeyHistory) -> None:
    before = diary.rotations.uses()[1].key_id
    pass_time(diary, 0.0, FORCE)
    assert diary.rotations.uses()[1].key_id != before

    pass_time(diary, HOUR, ROLLBACK)

    assert diary.rotations.uses()[1].key_id == before
    assert_quiet(diary)
    assert diary.rotations.uses()[1].key_id == before


def test_a_rollback_after_the_overlap_says_why_not(diary: KeyHistory) -> None:
    pass_time(diary, 0.0, FORCE)
    assert_quiet(diary)

    with pytest.raises(Refused, match="the previous key is in no holder that can be read"):
        diary.rotations.rotate(ROLLBACK)

    assert diary.rotations.uses()[1].works


def nobody(_step: Step, _outcome: Outcome | None) -> None:
    """Watches while the places cannot be read by tests either."""


PATHS = {"flink-api": f"secrets/{API_SECRET}", "airflow": "integrationruntimes"}


def shut(diary: KeyHistory, name: str) -> None:
    """Nobody may read the place of one principal's credential."""
    host, code = ("vault", "Forbidden") if name == "flink-api" else ("management", "AuthorizationFailed")
    refusal = {"status": 403, "code": code, "times": None}
    diary.rotations.azure.fault(fault="error", method="GET", host=host, path=PATHS[name], **refusal)


@pytest.mark.parametrize(("name", "other"), [("flink-api", "airflow"), ("airflow", "flink-api")])
def test_while_a_place_cannot_be_read_its_credential_is_left_alone_and_the_other_is_replaced(
    diary: KeyHistory, name: str, other: str
) -> None:
    pass_time(diary, 0.0, FORCE)
    keys = diary.rotations.key_ids()
    diary.rotations.advance(30 * DAY)
    diary.note()
    shut(diary, name)

    report = replace(diary.rotations, watched=nobody).rotate()

    assert failed(report) == []
    assert [outcome.step.address.kind for outcome in report.outcomes if outcome.step.remains] == [
        "vault_secret" if name == "flink-api" else "airflow_runtime"
    ]
    after = diary.rotations.key_ids()
    assert after[name] == keys[name]
    assert len(after[other] - keys[other]) == 1
    diary.rotations.azure.control("DELETE", "/faults")
    pass_time(diary, 0.0)
    assert_quiet(diary)


def test_while_no_place_can_be_read_nothing_is_rotated_and_nothing_removed(diary: KeyHistory) -> None:
    pass_time(diary, 0.0, FORCE)
    keys = diary.rotations.key_ids()
    diary.rotations.advance(30 * DAY)
    for name in NAMES:
        shut(diary, name)

    with pytest.raises(Refusals) as caught:
        diary.rotations.rotate()

    assert {type(error) for error in caught.value.errors} == {NotAuthorized}
    diary.rotations.azure.control("DELETE", "/faults")
    assert diary.rotations.key_ids() == keys
    pass_time(diary, 0.0)
    assert_quiet(diary)


def test_where_the_runtime_hides_our_own_book_the_other_principal_is_rotated_all_the_same(diary: KeyHistory) -> None:
    hidden = [name for name in diary.rotations.runtime() if name.startswith("PROVISIONER_")]
    diary.rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": HOUR, "mask_variables": hidden})
    keys = diary.rotations.key_ids()
    diary.rotations.advance(30 * DAY)

    report = diary.rotations.rotate()

    (stuck,) = [outcome.step for outcome in report.outcomes if outcome.step.remains]
    assert "PROVISIONER_KEYS is hidden by Azure" in stuck.remains
    after = diary.rotations.key_ids()
    assert (after["airflow"], len(after["flink-api"])) == (keys["airflow"], 2)
    assert diary.note().use("flink-api").works
    with pytest.raises(Refused, match="name another runtime"):
        diary.rotations.rotate(replace(ROTATE, names=("airflow",)))


def test_a_vault_secret_that_somebody_edited_during_the_overlap_gets_the_new_key_back(diary: KeyHistory) -> None:
    pass_time(diary, 0.0, FORCE)
    published = diary.rotations.uses()[1].key_id
    assert diary.rotations.vault("PUT", f"secrets/{API_SECRET}", {"value": "by hand"}).status == 200

    assert failed(diary.rotations.rotate()) == []

    assert diary.rotations.uses()[1].key_id == published
    assert diary.rotations.uses()[1].works
    assert len(diary.rotations.key_ids()["flink-api"]) == 2
    diary.rotations.advance(DAY + 2 * HOUR)
    assert failed(diary.rotations.rotate()) == []
    assert diary.rotations.key_ids()["flink-api"] == {published}


@pytest.mark.parametrize("verb", ["rotate", "provision"])
def test_credentials_that_expired_while_nobody_ran_are_replaced_by_whatever_runs_next(
    rotations: RotatingEnvironment, verb: str
) -> None:
    ends = max(end for name in NAMES for end in [rotations.passwords(name)[0]["endDateTime"]])
    assert all(use.works for use in rotations.uses())
    rotations.advance(80 * DAY)
    assert ends < rotations.now().isoformat()
    assert not any(use.works for use in rotations.uses())

    assert failed(rotations.rotate() if verb == "rotate" else rotations.provision()) == []

    assert all(use.works for use in rotations.uses())
    assert {name: len(keys) for name, keys in rotations.key_ids().items()} == dict.fromkeys(NAMES, 1)


def test_a_credential_works_until_it_expires_and_not_a_second_longer(rotations: RotatingEnvironment) -> None:
    for _, _, _, end in sorted(active_keys(rotations), key=lambda one: one[-1]):
        rotations.advance_to(end - timedelta(seconds=20))
        assert rotations.uses()[-1].works

    rotations.advance(21.0)

    assert not any(use.works for use in rotations.uses())


def test_entra_that_knows_a_new_secret_late_is_waited_for_before_anybody_gets_it(diary: KeyHistory) -> None:
    diary.rotations.azure.control("PUT", "/faults", {"secret_lag_seconds": 3.0})

    pass_time(diary, 0.0, FORCE)

    diary.rotations.azure.control("DELETE", "/faults")
    assert_quiet(diary)
