"""The switch from a client secret to a federation and back: workers that sign in every minute never fail.

Each run of it is killed before or after one of its writes, and run again; `make reliability ARGS=switch` does that
before and after every write, which takes a quarter of an hour.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.rotation.switching import Step, Switch, switched, switches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulator import LocalAzure

SEED = 20261130


@pytest.fixture
def switch(azure: LocalAzure, tmp_path: Path) -> Iterator[Switch]:
    """Provisioned with a secret that its workers have."""
    with switches(azure, tmp_path) as made:
        yield made


def test_workers_sign_in_every_minute_though_runs_of_the_switch_are_killed(switch: Switch) -> None:
    """One write of each run, and one side of it, the same each time."""
    choose = random.Random(SEED)  # noqa: S311  # no secret
    for step, count in switched(switch):
        number, after = choose.choice([(number, after) for number in range(count) for after in (False, True)])
        point = f"{step.name}, killed {'after' if after else 'before'} write {number + 1}"
        assert (point, *switch.meet(step, number, after=after)) == (point, True, [])


@pytest.mark.parametrize("verified", [False, True], ids=["unverified", "verified-too-early"])
@pytest.mark.parametrize(
    ("to", "ends"), [("federated", (True, False, False)), ("secret", (False, True, True))], ids=["there", "back"]
)
def test_a_report_of_before_a_deployment_is_no_evidence_when_the_file_goes_back(
    switch: Switch, to: str, ends: tuple[bool, bool, bool], *, verified: bool
) -> None:
    """The settings that the file goes back to were reported once; those that workers run with never were."""
    before, between = to, "secret" if to == "federated" else "federated"
    go(switch, before)
    switch.workers.deploy(switch.forms[before].deployment())
    switch.workers.pass_minutes(1)
    switch.verify()
    go(switch, before)
    go(switch, between)
    switch.workers.pass_minutes(61)
    if verified:  # of workers that do not have what was just provisioned
        switch.verify()
    switch.workers.deploy(switch.forms[between].deployment())
    switch.workers.pass_minutes(1)
    go(switch, before)
    switch.workers.pass_minutes(1)
    go(switch, before)
    switch.workers.pass_minutes(61)
    assert switch.workers.refused == []
    assert switch.forms[before].stands() == {(True, True, True)}
    switch.workers.deploy(switch.forms[before].deployment())
    switch.workers.pass_minutes(1)
    switch.verify()
    go(switch, before)
    switch.workers.pass_minutes(61)
    assert (switch.workers.refused, switch.forms[before].stands()) == ([], {ends})


def go(switch: Switch, credential: str) -> None:
    """One `provision` of the file with that credential."""
    switch.run(Step(name="", credential=credential, ends=(False, False, False)), "provision")


def test_verify_lets_workers_sign_in_again_while_entra_may_not_know_what_was_just_written(switch: Switch) -> None:
    def asked(credential: str) -> dict[str, int]:
        switch.airflow.calls.clear()
        switch.forms[credential].verify()
        (body,) = (body for method, path, body in switch.airflow.calls if (method, path[-8:]) == ("POST", "/dagRuns"))
        return dict(body["conf"])

    assert asked("secret") == {}
    go(switch, "federated")
    assert 240 < asked("federated")["acceptedWithin"] <= 300
    switch.workers.pass_minutes(6)
    assert asked("federated") == {}
    assert switch.workers.refused == []
