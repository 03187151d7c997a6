"""An Airflow runtime: the wait until it has started, answers that are lost, and what its workers run with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.kind import Verdict
from provisioner.kinds.airflow_runtime import KIND, worker_variables
from tests.kinds.factories import changes, create, example, read, stands, update, variables

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def test_a_new_runtime_is_waited_for(cloud: Cloud, azure: LocalAzure) -> None:
    azure.control("PUT", "/settings/airflow", {"start_seconds": 0.4})
    create(cloud, example(azure))
    assert stands(azure)["state"] == "Started"


def test_a_lost_answer_changes_nothing(cloud: Cloud, azure: LocalAzure) -> None:
    azure.fault(fault="lost", method="PUT", path="integrationruntimes")
    create(cloud, example(azure))
    azure.fault(fault="lost", method="PUT", path="integrationruntimes")
    update(cloud, example(azure, key_id="key-2"))
    assert variables(azure)["PROVISIONER_PREVIOUS_KEY_ID"] == "key-1"
    assert changes(cloud, example(azure, key_id="key-2")) == []


def test_one_that_failed_stops_a_run_before_it_begins(cloud: Cloud, azure: LocalAzure) -> None:
    desired = example(azure)
    create(cloud, desired)
    observed = read(cloud, desired)
    assert KIND.preflight.ready is not None

    found = tuple(KIND.preflight.ready(cloud, desired, replace(observed, note="its state is Failed")))

    assert [(one.verdict, one.what) for one in found][:1] == [(Verdict.STOPS, "its state is Failed")]
    assert Verdict.STOPS not in {one.verdict for one in KIND.preflight.ready(cloud, desired, observed)}


def test_what_its_workers_run_with_is_known_but_for_what_azure_hides(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    azure.control("PUT", "/settings/airflow", {"mask_variables": ["AZURE_CLIENT_SECRET"]})
    cloud.session.reads.new_pass()

    found = worker_variables(read(cloud, example(azure)))

    team = found["TEAM"]
    assert (team and team.reveal(), found["AZURE_CLIENT_SECRET"]) == ("blue-team", None)
