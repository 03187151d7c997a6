"""The client secret in an Airflow runtime: hidden by Azure, and replaced again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds import client_secret
from provisioner.kinds.airflow_runtime import KIND
from provisioner.model import Address, HolderKey, KeyReference, View
from provisioner.secret import Secret
from tests.kinds.azure_setup import ENVIRONMENT
from tests.kinds.factories import CREDENTIAL, changes, create, example, read, update, variables

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def test_a_hidden_client_secret_stops_only_a_change_that_nobody_can_write_it_anew_for(
    cloud: Cloud, azure: LocalAzure
) -> None:
    create(cloud, example(azure))
    azure.control("PUT", "/settings/airflow", {"mask_variables": ["AZURE_CLIENT_SECRET"]})
    client = {**example(azure).environment_variables, "AZURE_CLIENT_SECRET": client_secret.Outputs.value.of(CREDENTIAL)}
    assert changes(cloud, example(azure, environment_variables=client)) == []
    assert ("PROVISIONER_KEY_ID", "update") in changes(
        cloud, example(azure, environment_variables=client, key_id="key-2")
    )
    alone = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    other = example(azure, environment_variables={**client, "TEAM": Secret("red-team")})
    refused = [one for one in KIND.diff(other, read(cloud, other), alone) if one.forces == "refuse"]
    assert [one.reason for one in refused if "rotate --force --only airflow" in one.reason] != []
    place = HolderKey(holder=Address("vault_secret", "own"), key=KeyReference(key_id="key-1", readable=True))
    view = View(
        now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT, key_references={CREDENTIAL: (place,)}
    )
    assert [one.field for one in KIND.diff(other, read(cloud, other), view) if one.forces == "refuse"] == []


def test_keys_that_may_still_be_in_use_stay_in_the_book_and_dead_ones_leave_it(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, example(azure))
    for number in range(2, 7):
        update(cloud, example(azure, key_id=f"key-{number}"))
    assert variables(azure)["PROVISIONER_PREVIOUS_KEY_ID"] == "key-5 key-4 key-3 key-2 key-1"
    update(cloud, example(azure, key_id="key-7", active_key_ids=("key-6", "key-2")))
    assert variables(azure)["PROVISIONER_PREVIOUS_KEY_ID"] == "key-6 key-5 key-4 key-2"
