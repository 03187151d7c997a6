"""A storage account with hierarchical namespace: created if absent, else adopted. Its owner tag is a tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.errors import Conflict
from provisioner.kind import (
    OWNER_TAG,
    PERHAPS_OWNED,
    Checked,
    Container,
    Kind,
    Preflight,
    Right,
    Verdict,
    adopted_network_notes,
    compare,
    compare_tags,
    firewall_check,
    network_checks_of_absent,
    readers_check,
)
from provisioner.model import Change, Forces, Network, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.storage_accounts import AccountState, ContainerState
    from provisioner.cloud.cloud import Cloud

# Metadata names are C# identifiers, so without the tag's hyphens:
# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
OWNER_METADATA = OWNER_TAG.replace("-", "_")

OTHER_NAME = "Choose another account name (they are unique in all of Azure)."


@dataclass(frozen=True, kw_only=True)
class StorageAccount:
    """What the spec declares. sku: as `Standard_LRS`; minimum_tls: as `TLS1_2`."""

    id: str
    location: str
    sku: str
    tags: Mapping[str, str]
    environment: str
    minimum_tls: str = field(default="TLS1_2", repr=False)
    network: Network = field(default_factory=Network, repr=False)

    @property
    def settings(self) -> dict[str, Any]:
        """Those of its properties that it is created with and that are set again where they differ."""
        return {"minimumTlsVersion": self.minimum_tls, **self.network.properties()}


@dataclass(frozen=True, kw_only=True)
class ObservedStorageAccount(Observed):
    """What exists. unsafe: settings that differ from those of an account created here, with the safe value."""

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
    account = cloud.storage_accounts.find_account(desired.id)
    if account is None:
        return None
    safe = {**cloud.storage_accounts.safe_settings, "minimumTlsVersion": desired.minimum_tls}
    unsafe = {name: (account.settings[name], right) for name, right in safe.items() if account.settings[name] != right}
    return ObservedStorageAccount(
        owned=account.tags.get(OWNER_TAG) == desired.environment,
        owner=account.tags.get(OWNER_TAG, ""),
        account=account,
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
    location = desired.location.replace(" ", "").lower()
    if observed.owned:
        right = f"an account cannot move; write `location: {there.location}`, or name another account"
        changes += compare("location", there.location, location, reason=right, forces=Forces.REFUSE)
    changes += compare("sku", there.sku, desired.sku)
    for name, (before, after) in observed.unsafe.items():
        changes += compare(name, before, after, reason="accounts that this tool creates are more secure")
    return (*changes, *desired.network.changes(there.network), *compare_tags(there.tags, desired.tags))


def _ready(cloud: Cloud, desired: StorageAccount, observed: ObservedStorageAccount | None) -> Iterator[Checked]:
    """Check whether its name is available and its network, also a declared one, admits who needs it."""
    name = desired.id.rpartition("/")[2]
    if observed is not None and not observed.owned:
        yield from adopted_network_notes(desired.network, observed.account.network)
    if observed is not None and observed.account.network_restricted:
        line = f"az storage account network-rule add --account-name {name} --ip-address ADDRESS"
        yield firewall_check(lambda: cloud.caller_rights.probe_blobs(desired.id, name), line)
        yield from readers_check(name, desired.network, observed.account.closed)
    elif observed is None:
        taken = cloud.storage_accounts.name_unavailable_reason(desired.id)
        if taken:
            yield Checked(verdict=Verdict.STOPS, what=taken.rstrip("."), remedy=f"{PERHAPS_OWNED} Else: {OTHER_NAME}")
        else:
            yield Checked(verdict=Verdict.HOLDS, what=f"the name {name} is free")
        yield from network_checks_of_absent(name, desired.network, trusted=True)


def _publish(observed: ObservedStorageAccount, _view: View | None) -> Outputs:
    there = observed.account
    endpoints = {service: there.endpoints.get(service, "") for service in ("dfs", "blob")}
    return Outputs(id=there.id, name=there.name, dfs_endpoint=endpoints["dfs"], blob_endpoint=endpoints["blob"])


def _unmanaged(cloud: Cloud, observed: ObservedStorageAccount) -> tuple[str, ...]:
    def is_owned(container: ContainerState) -> bool:
        return container.metadata.get(OWNER_METADATA) == observed.environment

    containers = cloud.storage_accounts.list_containers(observed.account.id)
    return tuple(f"container {one.name}" for one in containers if not is_owned(one))


def _create(cloud: Cloud, desired: StorageAccount) -> None:
    there = cloud.storage_accounts.find_account(desired.id)
    name = desired.id.rpartition("/")[2]
    if there is not None and there.tags.get(OWNER_TAG) != desired.environment:
        raise Conflict(operation=f"creating storage account {name}", message="somebody created it meanwhile")
    try:
        cloud.storage_accounts.create_account(desired.id, _content(cloud, desired))
    except Conflict as error:
        if error.code == "StorageAccountAlreadyTaken":
            error.remedy = f"{PERHAPS_OWNED} Else: {OTHER_NAME}"
        raise


def _content(cloud: Cloud, desired: StorageAccount) -> dict[str, Any]:
    tags = {**desired.tags, OWNER_TAG: desired.environment}
    return cloud.storage_accounts.new_account_body(
        location=desired.location, sku=desired.sku, tags=tags, settings=desired.settings
    )


def _update(cloud: Cloud, desired: StorageAccount, _observed: ObservedStorageAccount) -> None:
    cloud.arm.mark_written(desired.id)
    there = cloud.storage_accounts.find_account(desired.id)
    tags = {**(there.tags if there else {}), **desired.tags, OWNER_TAG: desired.environment}
    cloud.storage_accounts.update_account(desired.id, sku=desired.sku, tags=tags, settings=desired.settings)


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
        right=lambda desired: Right(
            "Microsoft.Storage/storageAccounts/write", desired.id, lambda cloud: _content(cloud, desired)
        ),
        ready=_ready,
    ),
    container=Container(unmanaged=_unmanaged),
)
