"""Blob containers (the data lake's filesystems): one document each, written by ARM and by both data planes.

Table `containers`, key `<account>/<container>`: `{"name", "account", "metadata", "lastModified" (ISO), "etag" (quoted),
"lease", "publicAccess" (None | Container | Blob), "properties"}`. `properties` is what only a data plane needs to keep.
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
    from localazure.app.world import World

TABLE = "containers"

BLOB_PROPERTIES = "blob_service_properties"  # table, by account: what the data plane set, as XML by element


def _end_grants(world: World, document: Document) -> None:
    account = resources.named(world, "Microsoft.Storage/storageAccounts", document["account"])
    if account is not None:
        assignments.end_with(world, f"{account['id']}/blobServices/default/containers/{document['name']}")


# What else goes with a container (its blobs): called with the world and the document.
on_delete: list[Callable[[World, Document], None]] = [_end_grants]

_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_SPECIAL = {"$root", "$logs", "$web"}


def is_name(name: str) -> bool:
    """3 to 63 lower-case letters, digits and single hyphens.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    return name in _SPECIAL or bool(_NAME.fullmatch(name))


def find(world: World, account: str, name: str) -> Document | None:
    """The container, or None."""
    return world.store.get(TABLE, f"{account}/{name}".lower())


def get(world: World, account: str, name: str) -> Document:
    """The container; 404 ContainerNotFound otherwise."""
    found = find(world, account, name)
    if found is None:
        raise AzureError(status=404, code="ContainerNotFound", message="The specified container does not exist.")
    return found


def create(world: World, account: str, name: str, *, metadata: Mapping[str, str] | None = None) -> Document:
    """A new container; 409 ContainerAlreadyExists, 400 OutOfRangeInput, InvalidResourceName."""
    if not name.startswith("$") and not 3 <= len(name) <= 63:
        message = "The specified resource name length is not within the permissible limits."
        raise AzureError(status=400, code="OutOfRangeInput", message=message)
    if not is_name(name):
        message = "The specified resource name contains invalid characters."
        raise AzureError(status=400, code="InvalidResourceName", message=message)
    if find(world, account, name) is not None:
        message = "The specified container already exists."
        raise AzureError(status=409, code="ContainerAlreadyExists", message=message)
    document: Document = {"name": name, "account": account.lower(), "metadata": dict(metadata or {})}
    return put(world, {**document, "lease": leases.none(), "publicAccess": None, "properties": {}})


def put(world: World, document: Document) -> Document:
    """Write a changed container; it gets a new etag and time of change."""
    now = world.clock.now()
    stamped = {**document, "lastModified": now.isoformat(), "etag": new_etag(now)}
    return world.store.put(TABLE, f"{document['account']}/{document['name']}".lower(), stamped)


def listing(world: World, account: str) -> Iterator[Document]:
    """Every container of an account, by name."""
    return (document for _, document in world.store.rows(TABLE, f"{account.lower()}/"))


def delete(world: World, account: str, name: str, *, lease_id: str | None = None) -> None:
    """Delete a container and what hangs on it; 404 when absent, 412 when leased under another id."""
    document = get(world, account, name)
    leases.check(document["lease"], lease_id, world.clock.timestamp())
    for ending in on_delete:
        ending(world, document)
    world.store.remove(TABLE, f"{account}/{name}".lower())


def lease(world: World, account: str, name: str, action: str, wanted: leases.LeaseRequest) -> Document:
    """Do `acquire`, `renew`, `change`, `release` or `break`; the container with its new lease.

    Azure: a lease operation changes neither the etag nor the time of change of a container.
    """
    document, now = get(world, account, name), world.clock.timestamp()
    if action == "acquire":
        document["lease"] = leases.acquire(document["lease"], wanted, now, world.clock.new_id())
    else:
        document["lease"] = _LEASE_ACTIONS[action](document["lease"], wanted, now)
    return world.store.put(TABLE, f"{account}/{name}".lower(), document)


def lease_properties(world: World, document: Document) -> dict[str, str]:
    """`leaseStatus`, `leaseState` and, while leased, `leaseDuration`, in the words of the Blob service."""
    held, now = document["lease"], world.clock.timestamp()
    state = leases.state(held, now)
    shown = {"leaseStatus": "locked" if leases.is_held(held, now) else "unlocked", "leaseState": state}
    if state == "leased":
        shown["leaseDuration"] = "infinite" if held["duration"] == leases.INFINITE else "fixed"
    return shown


def new_etag(now: datetime) -> str:
    """Quoted, as the storage services write it: .NET ticks in hexadecimal."""
    ticks = int(now.timestamp() * 10_000_000) + 621_355_968_000_000_000
    return f'"0x{ticks:X}"'


def http_date(moment: datetime) -> str:
    """RFC 1123, as Last-Modified has it."""
    return format_datetime(moment, usegmt=True)


_LEASE_ACTIONS = {
    "renew": leases.renew,
    "change": leases.change,
    "release": leases.release,
    "break": leases.break_,
}
