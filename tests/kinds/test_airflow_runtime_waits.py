"""Writing an Airflow runtime: the wait until it has started, and answers that are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kinds.factories import changes, create, example, stands, update, variables

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
