"""A linked service through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.kinds.linked_service import (
    KIND,
    LinkedService,
    ObservedLinkedService,
    Scope,
    notes_on_services_with_keys,
)
from provisioner.model import View
from tests.kinds.azure_setup import ENVIRONMENT, put
from tests.kinds.factories import VERSION, factory_id
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

ENDPOINT = "https://stkinds.blob.core.windows.net/"
OWNER_TAG = f"provisioner-environment={ENVIRONMENT}"


def declare(azure: LocalAzure) -> LinkedService:
    """To the account of the other tests; the account need not be there."""
    return LinkedService(
        factory_id=factory_id(azure),
        name="dags",
        account="stkinds",
        account_id="",
        vault_id="",
        environment=ENVIRONMENT,
    )


EXAMPLE = Example(
    name="dags",
    declare=declare,
    change=lambda _azure, desired: replace(desired, account="stothers"),
    scope=lambda desired: Scope(factory_id=desired.factory_id, environment=ENVIRONMENT),
)
desired = pytest.fixture(declare, name="desired")


def made_by_hand(azure: LocalAzure, kind: str = "AzureBlobStorage", mark: str = "", **properties: Any) -> None:
    body = {"type": kind, "typeProperties": properties, "annotations": ["team", *([mark] if mark else [])]}
    path = f"{factory_id(azure)}/linkedservices/dags"
    put(azure, path, VERSION, {"properties": {**body, "description": "by hand"}})


def stands(azure: LocalAzure) -> dict[str, Any]:
    url = f"https://management.azure.com{factory_id(azure)}/linkedservices/dags?api-version={VERSION}"
    return azure.request("GET", url).json()["properties"]


def read(cloud: Cloud, desired: LinkedService) -> ObservedLinkedService:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def diff(cloud: Cloud, desired: LinkedService) -> list[tuple[str, str]]:
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return [(change.field, change.forces.value) for change in KIND.diff(desired, read(cloud, desired), view)]


def create(cloud: Cloud, desired: LinkedService) -> None:
    assert KIND.create is not None
    KIND.create(cloud, desired)


def delete(cloud: Cloud, observed: ObservedLinkedService) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def test_it_is_absent_then_made_then_as_declared_then_gone(
    cloud: Cloud, azure: LocalAzure, desired: LinkedService
) -> None:
    assert KIND.read(cloud, desired) is None
    create(cloud, desired)
    observed = read(cloud, desired)
    assert observed.owned
    assert diff(cloud, desired) == []
    assert stands(azure)["typeProperties"] == {"serviceEndpoint": ENDPOINT, "accountKind": "StorageV2"}
    create(cloud, desired)
    delete(cloud, observed)
    delete(cloud, observed)
    assert KIND.read(cloud, desired) is None


def test_ours_with_a_key_is_repaired_and_keeps_what_others_noted(
    cloud: Cloud, azure: LocalAzure, desired: LinkedService
) -> None:
    key = "DefaultEndpointsProtocol=https;AccountName=stkinds;AccountKey=a2V5"
    made_by_hand(azure, mark=OWNER_TAG, connectionString=key)
    assert ("sign_in", "update") in diff(cloud, desired)
    assert "a2V5" not in str(read(cloud, desired))
    assert KIND.update is not None
    KIND.update(cloud, desired, read(cloud, desired))
    assert diff(cloud, desired) == []
    assert stands(azure)["annotations"] == ["team", OWNER_TAG]
    assert stands(azure)["description"] == "by hand"


def test_ours_of_another_type_is_replaced(cloud: Cloud, azure: LocalAzure, desired: LinkedService) -> None:
    made_by_hand(azure, "AzureFileStorage", mark=OWNER_TAG)
    assert {forces for _, forces in diff(cloud, desired)} == {"replace"}


def test_one_of_others_serves_as_it_is_or_is_refused(cloud: Cloud, azure: LocalAzure, desired: LinkedService) -> None:
    made_by_hand(azure, serviceEndpoint=ENDPOINT.rstrip("/"), accountKind="StorageV2")
    assert diff(cloud, desired) == []
    assert not read(cloud, desired).owned
    made_by_hand(azure, serviceEndpoint="https://another.blob.core.windows.net/", accountKind="StorageV2")
    assert diff(cloud, desired) == [("endpoint", "refuse")]


def test_those_that_the_spec_no_longer_names_are_found_by_their_mark(
    cloud: Cloud, azure: LocalAzure, desired: LinkedService
) -> None:
    create(cloud, desired)
    put(azure, f"{factory_id(azure)}/linkedservices/theirs", VERSION, {"properties": {"type": "AzureSqlDatabase"}})
    assert not isinstance(KIND.owned, str)
    scope = Scope(factory_id=factory_id(azure), environment=ENVIRONMENT)
    assert [one.name for one in KIND.owned(cloud, scope)] == ["dags"]
    assert KIND.owned(cloud, Scope(factory_id=f"{factory_id(azure)}x", environment=ENVIRONMENT)) == ()


def test_a_lost_answer_changes_nothing(cloud: Cloud, azure: LocalAzure, desired: LinkedService) -> None:
    azure.fault(fault="lost", method="PUT", path="linkedservices")
    create(cloud, desired)
    assert diff(cloud, desired) == []


def test_every_linked_service_to_storage_that_holds_a_key_is_noted(
    cloud: Cloud, azure: LocalAzure, desired: LinkedService
) -> None:
    create(cloud, desired)
    key = {"connectionString": "DefaultEndpointsProtocol=https;AccountName=stkinds;AccountKey=a2V5"}
    for name, kind in (("theirs", "AzureBlobStorage"), ("database", "AzureSqlDatabase")):
        path = f"{factory_id(azure)}/linkedservices/{name}"
        put(azure, path, VERSION, {"properties": {"type": kind, "typeProperties": key}})
    (note,) = notes_on_services_with_keys(cloud, desired.factory_id)
    assert note.startswith("linked service theirs contains ")
    assert "a2V5" not in note
