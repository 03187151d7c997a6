"""A storage account through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import Conflict
from provisioner.kind import OWNER_TAG
from provisioner.kinds.storage_account import KIND, OWNER_METADATA, ObservedStorageAccount, StorageAccount
from provisioner.model import Forces
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

VERSION = "2023-05-01"


def declare(azure: LocalAzure) -> StorageAccount:
    """One that is not there, in a group that is."""
    group = f"{azure.subscription}/resourceGroups/rg-dev"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    return StorageAccount(
        id=f"{group}/providers/Microsoft.Storage/storageAccounts/stdev0815",
        location="West Europe",
        sku="Standard_LRS",
        tags={"team": "a"},
        environment=ENVIRONMENT,
    )


def change(_azure: LocalAzure, desired: StorageAccount) -> StorageAccount:
    """Another SKU and another tag."""
    return replace(desired, sku="Standard_ZRS", tags={"team": "b"})


EXAMPLE = Example(declare=declare, change=change)
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: StorageAccount) -> ObservedStorageAccount:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return seen(cloud, desired)


def seen(cloud: Cloud, desired: StorageAccount) -> ObservedStorageAccount:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, desired: StorageAccount) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert KIND.publish(observed, None).known() == {
        "id": desired.id,
        "name": "stdev0815",
        "dfs_endpoint": "https://stdev0815.dfs.core.windows.net/",
        "blob_endpoint": "https://stdev0815.blob.core.windows.net/",
    }
    assert made(cloud, desired).account.tags == observed.account.tags
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    KIND.delete(cloud, observed)
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, desired) is None


def test_it_is_made_safe_and_what_others_loosened_is_drift(
    cloud: Cloud, azure: LocalAzure, desired: StorageAccount
) -> None:
    made(cloud, desired)
    loose = {"properties": {"allowSharedKeyAccess": True}, "tags": {OWNER_TAG: ENVIRONMENT, "cost": "7"}}
    assert (
        azure.request("PATCH", f"https://management.azure.com{desired.id}?api-version={VERSION}", loose).status == 200
    )
    drifted = seen(cloud, desired)
    fields = [change.field for change in KIND.diff(desired, drifted, view_at(cloud.session.clock.decision_time()))]
    assert fields == ["allowSharedKeyAccess", "tags.team"]
    assert KIND.update is not None
    KIND.update(cloud, desired, drifted)
    now = seen(cloud, desired)
    assert KIND.diff(desired, now, view_at(cloud.session.clock.decision_time())) == ()
    assert now.account.tags == {OWNER_TAG: ENVIRONMENT, "team": "a", "cost": "7"}


def test_a_tag_that_somebody_adds_before_the_update_survives_it(
    cloud: Cloud, azure: LocalAzure, desired: StorageAccount
) -> None:
    planned, newer = made(cloud, desired), replace(desired, tags={"team": "b"})
    added = {"tags": {**planned.account.tags, "cost": "7"}}
    url = f"https://management.azure.com{desired.id}?api-version={VERSION}"
    assert azure.request("PATCH", url, added).status == 200
    cloud.session.reads.new_pass()
    assert KIND.update is not None
    KIND.update(cloud, newer, planned)
    assert seen(cloud, newer).account.tags == {OWNER_TAG: ENVIRONMENT, "team": "b", "cost": "7"}


def test_an_account_without_hierarchical_namespace_is_refused_with_the_reason(
    cloud: Cloud, azure: LocalAzure, desired: StorageAccount
) -> None:
    flat = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    put(azure, desired.id, VERSION, flat)
    observed = seen(cloud, desired)
    assert not observed.owned
    refused = [
        c
        for c in KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time()))
        if c.forces is Forces.REFUSE
    ]
    assert [change.field for change in refused] == ["hierarchical_namespace"]
    assert "hns-migration" in refused[0].reason


def test_an_account_of_ours_does_not_move(cloud: Cloud, desired: StorageAccount) -> None:
    observed = made(cloud, desired)
    (change,) = KIND.diff(
        replace(desired, location="northeurope"), observed, view_at(cloud.session.clock.decision_time())
    )
    assert (change.field, change.forces) == ("location", Forces.REFUSE)


def test_containers_without_our_mark_are_strangers(cloud: Cloud, azure: LocalAzure, desired: StorageAccount) -> None:
    observed = made(cloud, desired)
    for name, mark in (("mine", ENVIRONMENT), ("others", OTHER), ("theirs", None)):
        metadata = {OWNER_METADATA: mark} if mark else {}
        body = {"properties": {"metadata": metadata}}
        put(azure, f"{desired.id}/blobServices/default/containers/{name}", VERSION, body)
    assert KIND.container is not None
    assert KIND.container.unmanaged is not None
    assert sorted(KIND.container.unmanaged(cloud, observed)) == ["container others", "container theirs"]


def test_a_name_that_is_taken_elsewhere_is_told(cloud: Cloud, azure: LocalAzure, desired: StorageAccount) -> None:
    made(cloud, desired)
    group = f"{azure.subscription}/resourceGroups/rg-other"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    elsewhere = replace(desired, id=desired.id.replace("rg-dev", "rg-other"))
    with pytest.raises(Conflict, match="name"):
        made(cloud, elsewhere)


def test_another_conflict_is_told_as_it_is(cloud: Cloud, azure: LocalAzure, desired: StorageAccount) -> None:
    azure.fault(fault="error", method="PUT", path="storageAccounts/", status=409, code="ScopeLocked")
    with pytest.raises(Conflict, match="ScopeLocked") as locked:
        made(cloud, desired)
    assert "Choose another account name" not in str(locked.value)


def test_one_that_somebody_made_since_the_plan_is_not_taken(
    cloud: Cloud, azure: LocalAzure, desired: StorageAccount
) -> None:
    assert KIND.read(cloud, desired) is None
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    put(azure, desired.id, VERSION, {**body, "properties": {"isHnsEnabled": True}})
    cloud.session.reads.new_pass()  # a run looks again right before it writes
    with pytest.raises(Conflict, match="meanwhile"):
        made(cloud, desired)
