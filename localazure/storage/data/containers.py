"""Blob containers (the data lake's filesystems): one document each, shared by ARM and both data planes.

Table `containers`, key `<account>/<container>`: `{"name", "account", "metadata", "lastModified" (ISO), "etag"
(quoted),
"lease", "publicAccess" (None | Container | Blob), "properties"}`. `properties` is for a data plane's own use.
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.resource_manager import resources
from localazure.rbac import assignments
from localazure.storage.data import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TABLE = "containers"

BLOB_PROPERTIES = "blob_service_properties"  # table, by account: what the data plane set, as XML by element


def _delete_role_assignments(tenant: Tenant, document: Document) -> None:
    """Delete the role assignments on a container that is being deleted."""
    account = resources.find_by_name(tenant, "Microsoft.Storage/storageAccounts", document["account"])
    if account is not None:
        assignments.delete_at_and_below(tenant, f"{account['id']}/blobServices/default/containers/{document['name']}")


# What else goes with a container (its blobs): called with the tenant and the document.
on_delete: list[Callable[[Tenant, Document], None]] = [_delete_role_assignments]

_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_SYSTEM_NAMES = {"$root", "$logs", "$web"}


def is_valid_name(name: str) -> bool:
    """Whether the name is 3 to 63 lower-case letters, digits and single hyphens, or one of Azure's own.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    return name in _SYSTEM_NAMES or bool(_NAME.fullmatch(name))


def find(tenant: Tenant, account: str, name: str) -> Document | None:
    """The container, or None."""
    return tenant.store.get(TABLE, f"{account}/{name}".lower())


def get(tenant: Tenant, account: str, name: str) -> Document:
    """The container; 404 ContainerNotFound."""
    container = find(tenant, account, name)
    if container is None:
        raise AzureError(status=404, code="ContainerNotFound", message="The specified container does not exist.")
    return container


def create(
    tenant: Tenant, account: str, name: str, *, metadata: Mapping[str, str] | None = None, owner: str = ""
) -> Document:
    """Create a container; 409 ContainerAlreadyExists, 400 OutOfRangeInput or InvalidResourceName.

    owner: of its root directory, the object id of a caller with a token.
    """
    if not name.startswith("$") and not 3 <= len(name) <= 63:
        message = "The specified resource name length is not within the permissible limits."
        raise AzureError(status=400, code="OutOfRangeInput", message=message)
    if not is_valid_name(name):
        message = "The specified resource name contains invalid characters."
        raise AzureError(status=400, code="InvalidResourceName", message=message)
    if find(tenant, account, name) is not None:
        message = "The specified container already exists."
        raise AzureError(status=409, code="ContainerAlreadyExists", message=message)
    document: Document = {"name": name, "account": account.lower(), "metadata": dict(metadata or {}), "_owner": owner}
    return put(tenant, {**document, "lease": leases.no_lease(), "publicAccess": None, "properties": {}})


def put(tenant: Tenant, document: Document) -> Document:
    """Store a changed container with a new etag and time of change."""
    now = tenant.clock.now()
    stamped = {**document, "lastModified": now.isoformat(), "etag": new_etag(now)}
    return tenant.store.put(TABLE, f"{document['account']}/{document['name']}".lower(), stamped)


def list_containers(tenant: Tenant, account: str) -> Iterator[Document]:
    """List the containers of an account, by name."""
    return (document for _, document in tenant.store.rows(TABLE, f"{account.lower()}/"))


def delete(tenant: Tenant, account: str, name: str, *, lease_id: str | None = None) -> None:
    """Delete a container and everything in it; 404 when absent, 412 when leased under another id."""
    document = get(tenant, account, name)
    leases.check_lease_id(document["lease"], lease_id, tenant.clock.timestamp())
    for clean_up in on_delete:
        clean_up(tenant, document)
    tenant.store.remove(TABLE, f"{account}/{name}".lower())


def change_lease(tenant: Tenant, account: str, name: str, action: str, request: leases.LeaseRequest) -> Document:
    """Apply `acquire`, `renew`, `change`, `release` or `break` to the lease. Returns the container.

    Azure: a lease operation changes neither the etag nor the time of change of a container.
    """
    document, now = get(tenant, account, name), tenant.clock.timestamp()
    document["lease"] = leases.apply_action(document["lease"], action, request, now, tenant.clock.new_id)
    return tenant.store.put(TABLE, f"{account}/{name}".lower(), document)


def lease_properties(tenant: Tenant, document: Document) -> dict[str, str]:
    """`leaseStatus`, `leaseState` and, while leased, `leaseDuration`, as the Blob service calls the values."""
    fields = leases.status_fields(document["lease"], tenant.clock.timestamp())
    return {f"lease{name.title()}": value for name, value in fields.items()}


def new_etag(now: datetime) -> str:
    """A quoted etag as the storage services write it: .NET ticks in hexadecimal."""
    ticks = int(now.timestamp() * 10_000_000) + 621_355_968_000_000_000
    return f'"0x{ticks:X}"'


def http_date(moment: datetime) -> str:
    """An HTTP date (RFC 1123), as in Last-Modified."""
    return format_datetime(moment, usegmt=True)
