"""A storage account with hierarchical namespace (data lake): made if absent, else adopted. Its owner tag is a tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.errors import Conflict
from provisioner.kind import (
    OWNER_TAG,
    Checked,
    Container,
    Kind,
    Preflight,
    Right,
    Verdict,
    compare,
    compare_tags,
    let_in,
)
from provisioner.model import Change, Forces, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.storage_accounts import AccountState, ContainerState
    from provisioner.cloud.cloud import Cloud

# Metadata names are C# identifiers, so without the mark's hyphen:
# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
OWNER_METADATA = OWNER_TAG.replace("-", "_")

OTHER_NAME = "Choose another account name (they are unique in all of Azure)."


@dataclass(frozen=True, kw_only=True)
class StorageAccount:
    """What should be. sku: as `Standard_LRS`."""

    id: str
    location: str
    sku: str
    tags: Mapping[str, str]
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedStorageAccount(Observed):
    """What is there. unsafe: settings that are not as on an account that we make, with what would be right."""

    account: AccountState
    environment: str
    unsafe: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    id: Output[str] = Output()
    name: Output[str] = Output()
    dfs_endpoint: Output[str] = Output()
    blob_endpoint: Output[str] = Output()


def _read(cloud: Cloud, desired: StorageAccount) -> ObservedStorageAccount | None:
    found = cloud.storage_accounts.find_account(desired.id)
    if found is None:
        return None
    safe = cloud.storage_accounts.safe_settings
    unsafe = {name: (found.settings[name], right) for name, right in safe.items() if found.settings[name] != right}
    return ObservedStorageAccount(
        owned=found.tags.get(OWNER_TAG) == desired.environment,
        account=found,
        environment=desired.environment,
        unsafe=unsafe,
    )


def _diff(desired: StorageAccount, observed: ObservedStorageAccount, _view: View) -> tuple[Change, ...]:
    there = observed.account
    changes: tuple[Change, ...] = ()
    if not there.hierarchical:
        # https://learn.microsoft.com/azure/storage/blobs/upgrade-to-data-lake-storage-gen2
        right = (
            "without a hierarchical namespace it is no data lake, and Flink cannot read the jar by abfs; name an "
            "account that has one, or upgrade this one for good (`az storage account hns-migration start`)"
        )
        changes += compare("hierarchical_namespace", before=False, after=True, reason=right, forces=Forces.REFUSE)
    place = desired.location.replace(" ", "").lower()
    if observed.owned:
        right = f"an account cannot move; write `location: {there.location}`, or name another account"
        changes += compare("location", there.location, place, reason=right, forces=Forces.REFUSE)
    changes += compare("sku", there.sku, desired.sku)
    for name, (before, after) in observed.unsafe.items():
        changes += compare(name, before, after, reason="accounts that we make are safe by default")
    return (*changes, *compare_tags(there.tags, desired.tags))


def _ready(cloud: Cloud, desired: StorageAccount, observed: ObservedStorageAccount | None) -> Iterator[Checked]:
    """Whether its name can be had; whether its network rules let this machine in."""
    name = desired.id.rpartition("/")[2]
    if observed is not None and observed.account.fenced:
        line = f"az storage account network-rule add --account-name {name} --ip-address ADDRESS"
        yield let_in(lambda: cloud.caller.try_blobs(desired.id, name), line)
    elif observed is None:
        taken = cloud.storage_accounts.name_taken(desired.id)
        if taken:
            yield Checked(verdict=Verdict.STOPS, what=taken.rstrip("."), remedy=OTHER_NAME)
        else:
            yield Checked(verdict=Verdict.HOLDS, what=f"the name {name} is free")


def _publish(observed: ObservedStorageAccount, _view: View | None) -> Outputs:
    there = observed.account
    ends = {service: there.endpoints.get(service, "") for service in ("dfs", "blob")}
    return Outputs(id=there.id, name=there.name, dfs_endpoint=ends["dfs"], blob_endpoint=ends["blob"])


def _unmanaged(cloud: Cloud, observed: ObservedStorageAccount) -> tuple[str, ...]:
    def ours(container: ContainerState) -> bool:
        return container.metadata.get(OWNER_METADATA) == observed.environment

    found = cloud.storage_accounts.list_containers(observed.account.id)
    return tuple(f"container {one.name}" for one in found if not ours(one))


def _create(cloud: Cloud, desired: StorageAccount) -> None:
    cloud.arm.forget(desired.id)
    there = cloud.storage_accounts.find_account(desired.id)
    name = desired.id.rpartition("/")[2]
    if there is not None and there.tags.get(OWNER_TAG) != desired.environment:
        raise Conflict(operation=f"creating storage account {name}", message="somebody made it meanwhile")
    tags = {**desired.tags, OWNER_TAG: desired.environment}
    try:
        cloud.storage_accounts.create_account(desired.id, location=desired.location, sku=desired.sku, tags=tags)
    except Conflict as error:
        if error.code == "StorageAccountAlreadyTaken":
            error.remedy = OTHER_NAME
        raise


def _update(cloud: Cloud, desired: StorageAccount, _observed: ObservedStorageAccount) -> None:
    cloud.arm.forget(desired.id)
    there = cloud.storage_accounts.find_account(desired.id)
    tags = {**(there.tags if there else {}), **desired.tags, OWNER_TAG: desired.environment}
    cloud.storage_accounts.update_account(desired.id, sku=desired.sku, tags=tags)


def _delete(cloud: Cloud, observed: ObservedStorageAccount) -> None:
    cloud.storage_accounts.delete_account(observed.account.id)


KIND: Kind[StorageAccount, ObservedStorageAccount] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right("Microsoft.Storage/storageAccounts/write", desired.id), ready=_ready
    ),
    container=Container(unmanaged=_unmanaged),
)
