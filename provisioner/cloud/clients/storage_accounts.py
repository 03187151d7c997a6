"""Storage accounts and, over ARM, their blob containers and leases.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts and …/blob-containers: the control plane needs no
right on the data.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from provisioner.cloud.errors import translated
from provisioner.cloud.transport.arm import Arm, parse_id
from provisioner.errors import NotFound
from provisioner.model.api_versions import api_version
from provisioner.model.network import closed_to, is_network_restricted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

NAMESPACE = "Microsoft.Storage"
VERSION = api_version(NAMESPACE)
READS_AT_ONCE = 8
# Of accounts that we create: nobody signs with a key, nobody reads anonymously, nobody comes without TLS 1.2.
# https://learn.microsoft.com/azure/storage/blobs/security-recommendations
SAFE: Mapping[str, Any] = {
    "allowSharedKeyAccess": False,
    "allowBlobPublicAccess": False,
    "minimumTlsVersion": "TLS1_2",
    "supportsHttpsTrafficOnly": True,
}


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """A storage account. settings: its values of those in SAFE. network_restricted: it admits some networks only.

    closed: why a trusted service of Azure cannot reach it; empty if it may.
    network: its properties that say which.
    """

    id: str
    name: str
    location: str
    sku: str
    kind: str
    hierarchical: bool
    settings: Mapping[str, Any]
    endpoints: Mapping[str, str]
    tags: Mapping[str, str]
    network_restricted: bool = False
    closed: str = ""
    network: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """A blob container (a filesystem is one) as ARM shows it. leased: somebody has its lease."""

    name: str
    metadata: Mapping[str, str]
    etag: str
    leased: bool


class StorageAccounts:
    """Every method raises CloudError; ids are full. safe_settings: of the accounts that we create."""

    safe_settings = SAFE

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def find_account(self, account_id: str) -> AccountState | None:
        """The account, or None."""
        document = self._arm.find(account_id, VERSION)
        return None if document is None else _account(document)

    def name_unavailable_reason(self, account_id: str) -> str:
        """Azure's reason why the name cannot be used; empty if it can.

        https://learn.microsoft.com/rest/api/storagerp/storage-accounts/check-name-availability
        """
        return self._arm.name_unavailable_reason(account_id, "Microsoft.Storage/storageAccounts", VERSION)

    @staticmethod
    def new_account_body(
        *, location: str, sku: str, tags: Mapping[str, str], settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What creating one sends: a data lake (hierarchical namespace) with safe settings and these.

        https://learn.microsoft.com/azure/storage/blobs/create-data-lake-storage-account
        """
        return {
            "location": location,
            "kind": "StorageV2",
            "sku": {"name": sku},
            "tags": dict(tags),
            "properties": {"isHnsEnabled": True, "accessTier": "Hot", **SAFE, **settings},
        }

    def create_account(self, account_id: str, body: Any) -> None:
        """Create it and wait until it is there. body: of `new_account_body`."""
        part = parse_id(account_id)
        with translated(what := f"PUT storageAccounts/{part.name}"):
            put = self._client(account_id).storage_accounts.begin_create(part.group, part.name, body)
            self._session.waits.await_operation(put, what=what)
        self._arm.mark_written(account_id)

    def update_account(
        self, account_id: str, *, sku: str, tags: Mapping[str, str], settings: Mapping[str, Any]
    ) -> None:
        """Set SKU, safe settings and these, and exactly these tags."""
        part = parse_id(account_id)
        body: Any = {"sku": {"name": sku}, "tags": dict(tags), "properties": {**SAFE, **settings}}
        with translated(f"PATCH storageAccounts/{part.name}"):
            self._client(account_id).storage_accounts.update(part.group, part.name, body)
        self._arm.mark_written(account_id)

    def delete_account(self, account_id: str) -> None:
        """Delete it with all that is in it. Fine if gone."""
        part = parse_id(account_id)
        try:
            with translated(f"DELETE storageAccounts/{part.name}"):
                self._client(account_id).storage_accounts.delete(part.group, part.name)
        except NotFound:
            pass
        self._arm.mark_written(account_id)

    def find_container(self, account_id: str, name: str) -> ContainerState | None:
        """A container with its present metadata, or None."""
        document = self._arm.find_now(_container_id(account_id, name), VERSION)
        return None if document is None else _container(document)

    def list_containers(self, account_id: str) -> tuple[ContainerState, ...]:
        """All containers with their metadata, which the list itself leaves out.

        https://learn.microsoft.com/rest/api/storagerp/blob-containers/list
        """
        listed = self._arm.list_all(f"{account_id}/blobServices/default/containers", VERSION)
        names = [str(item["name"]) for item in listed]
        with ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="containers") as pool:
            containers = pool.map(partial(self.find_container, account_id), names)
            return tuple(container for container in containers if container is not None)

    def set_container(self, account_id: str, name: str, metadata: Mapping[str, str]) -> None:
        """Create it if it does not exist, and set exactly this metadata.

        https://learn.microsoft.com/rest/api/storagerp/blob-containers/create
        """
        part = parse_id(account_id)
        body: Any = {"properties": {"publicAccess": "None", "metadata": dict(metadata)}}
        with translated(f"PUT containers/{name}"):
            self._client(account_id).blob_containers.create(part.group, part.name, name, body)

    def set_container_metadata(self, account_id: str, container_name: str, metadata: Mapping[str, str]) -> None:
        """Set exactly this metadata of an existing container, leased or not."""
        part = parse_id(account_id)
        body: Any = {"properties": {"metadata": dict(metadata)}}
        with translated(f"PATCH containers/{container_name}"):
            self._client(account_id).blob_containers.update(part.group, part.name, container_name, body)

    def delete_container(self, account_id: str, name: str) -> None:
        """Delete it with all that is in it. Fine if gone. Raises Conflict while somebody holds its lease."""
        part = parse_id(account_id)
        try:
            with translated(f"DELETE containers/{name}"):
                self._client(account_id).blob_containers.delete(part.group, part.name, name)
        except NotFound:
            pass

    def change_container_lease(
        self,
        account_id: str,
        name: str,
        action: Literal["Acquire", "Renew", "Release"],
        *,
        lease_id: str,
        seconds: int = 60,
    ) -> None:
        """Acquire, renew or release a lease. Raises Conflict if somebody else has it.

        Acquiring and renewing may be repeated under the same id, so both are sent again after a lost answer.

        https://learn.microsoft.com/rest/api/storagerp/blob-containers/lease
        """
        part = parse_id(account_id)
        body: Any = {"action": action}
        if action == "Acquire":
            body.update(leaseDuration=seconds, proposedLeaseId=lease_id)
        else:
            body.update(leaseId=lease_id)
        again: Any = {"retry_on_methods": ("POST",)} if action in {"Acquire", "Renew"} else {}
        with translated(f"{action} the lease of containers/{name}"):
            self._client(account_id).blob_containers.lease(part.group, part.name, name, body, **again)

    def _client(self, account_id: str) -> Any:
        from azure.mgmt.storage import StorageManagementClient

        def make() -> Any:
            options = self._arm.management_options(NAMESPACE)
            return StorageManagementClient(self._session.credential, parse_id(account_id).subscription, **options)

        return self._session.reads.get(("storage client", parse_id(account_id).subscription), make)


def _container_id(account_id: str, name: str) -> str:
    return f"{account_id}/blobServices/default/containers/{name}"


def _account(document: dict[str, Any]) -> AccountState:
    properties: dict[str, Any] = document["properties"]
    # Absent keys: shared keys are allowed, anonymous reading depends on the account's age, TLS 1.0 is enough.
    return AccountState(
        id=document["id"],
        name=document["name"],
        location=document["location"].replace(" ", "").lower(),
        sku=document["sku"]["name"],
        kind=document.get("kind", ""),
        hierarchical=bool(properties.get("isHnsEnabled")),
        settings={name: properties.get(name) for name in SAFE},
        endpoints=properties.get("primaryEndpoints") or {},
        tags=document.get("tags") or {},
        network_restricted=is_network_restricted(properties),
        closed=closed_to(properties, trusted=True),
        network=properties,
    )


def _container(document: dict[str, Any]) -> ContainerState:
    properties: dict[str, Any] = document.get("properties", {})
    return ContainerState(
        name=document["name"],
        metadata=properties.get("metadata") or {},
        etag=str(document.get("etag", "")),
        leased=properties.get("leaseState") in {"Leased", "Breaking"},
    )
