"""The blob container whose lease a run holds while it writes; over ARM. Its owner tag is metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.kind import OWNER_TAG, Kind, Preflight, Right, compare, publish_nothing
from provisioner.model import Change, Observed, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud

OWNER_METADATA = OWNER_TAG.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class LockContainer:
    """What the spec declares. account_id: full; environment: the owner tag's value."""

    account_id: str
    name: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedLockContainer(Observed):
    """What exists. Its ETag changes with every lease, so the digest leaves it out. leased: to any run."""

    account_id: str
    name: str
    metadata: Mapping[str, str]
    leased: bool


def _read(cloud: Cloud, desired: LockContainer) -> ObservedLockContainer | None:
    container = cloud.storage_accounts.find_container(desired.account_id, desired.name)
    if container is None:
        return None
    owned = container.metadata.get(OWNER_METADATA) == desired.environment
    return ObservedLockContainer(
        owned=owned,
        account_id=desired.account_id,
        name=desired.name,
        metadata=container.metadata,
        leased=container.leased,
    )


def _diff(desired: LockContainer, observed: ObservedLockContainer, _view: View) -> tuple[Change, ...]:
    return compare("mark", observed.metadata.get(OWNER_METADATA, ""), desired.environment)


def _create(cloud: Cloud, desired: LockContainer) -> None:
    """One that another run created meanwhile is used; at worst its metadata no longer names that run."""
    cloud.storage_accounts.set_container(desired.account_id, desired.name, {OWNER_METADATA: desired.environment})


def _update(cloud: Cloud, desired: LockContainer, observed: ObservedLockContainer) -> None:
    metadata = {**observed.metadata, OWNER_METADATA: desired.environment}
    cloud.storage_accounts.set_container_metadata(desired.account_id, desired.name, metadata)


def _delete(cloud: Cloud, observed: ObservedLockContainer) -> None:
    """Release this run's lease first: Azure does not delete a leased container."""
    lease = cloud.session.lease
    if lease is not None and lease.is_of_container(observed.account_id, observed.name):
        lease.release()
    cloud.storage_accounts.delete_container(observed.account_id, observed.name)


KIND: Kind[LockContainer, ObservedLockContainer] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned="its name follows from the environment's id, so that no spec of the environment leaves it out",
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right(
            "Microsoft.Storage/storageAccounts/blobServices/containers/write", desired.account_id
        )
    ),
)
