"""Files and directories of the containers: one document each, written by the dfs and the blob endpoint alike.

Table `paths`, key `<account>/<container>/<path>`: `{"name", "directory", "content", "size", "etag", "modified",
"created", "headers", "metadata", "owner", "group", "permissions", "acl", "lease", "pending", "type", "blocks",
"tier"}`. Times are seconds since the epoch; `pending` holds `[offset, length, since]` of what waits for a flush.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from localazure.app import contents
from localazure.app.call import AzureError
from localazure.app.resource_manager import resources
from localazure.storage.data import acl, containers, leases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localazure.app.store import Document
    from localazure.app.world import World

TABLE = "paths"
BLOCKS = "blocks"
SUPER_USER = "$superuser"
# Azure: uncommitted blocks and appended data are discarded a week after the last of them arrived.
# https://learn.microsoft.com/rest/api/storageservices/put-block#remarks
UNCOMMITTED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something is or would be; the root's path is empty. Only a flat account's blobs have slashes at an end."""

    account: str
    container: str
    path: str = ""

    @property
    def key(self) -> str:
        """The store's key."""
        return f"{self.account.lower()}/{self.container.lower()}/{self.path}"

    @property
    def parent(self) -> Place:
        """The directory above."""
        return replace(self, path=self.path.rpartition("/")[0])

    def beside(self, path: str) -> Place:
        """Another path of the same container."""
        return replace(self, path=path.strip("/"))


def find(world: World, place: Place) -> Document | None:
    """The file or directory, or None; the root of a container is always there."""
    found = world.store.get(TABLE, place.key)
    if found is None and not place.path and containers.find(world, place.account, place.container):
        return _root(world, place)
    return found if found is None or _lives(world, found) else None


def above(world: World, place: Place) -> Document:
    """The nearest directory above a path that is there: what is made between them inherits of it."""
    parent = place.parent
    further = above if parent.path else _root
    return find(world, parent) or further(world, parent)


def below(world: World, place: Place) -> Iterator[Document]:
    """Everything under a directory (or under the root), by name."""
    prefix = f"{place.key}/" if place.path else place.key
    return (found for _, found in world.store.rows(TABLE, prefix) if found["name"] and _lives(world, found))


def put(world: World, place: Place, document: Document) -> Document:
    """Write a changed document; it gets a new etag and time of change."""
    return _store(world, place, {**document, **_stamp(world)})


def keep(world: World, place: Place, document: Document) -> Document:
    """Write what is no change to Azure (a lease, appended bytes): etag and time of change stay."""
    return _store(world, place, document)


def make_file(world: World, place: Place, owner: str, values: Mapping[str, Any]) -> Document:
    """An empty file in the place of whatever file was there; directories above it are made."""
    old = world.store.get(TABLE, place.key)
    if old is not None and old["directory"]:
        raise _conflict()
    make_parents(world, place, owner)
    if old is not None:
        contents.drop(world, str(old["content"]))
    # https://learn.microsoft.com/rest/api/storageservices/put-blob: what overwrites a blob stays in its tier
    tier = {"tier": values.get("tier") or (old["tier"] if old else "")}
    fresh = {**_fresh(world, place, owner, directory=False), "content": contents.create(world)}
    return _store(world, place, {**fresh, **_survivors(old), **values, **tier})


def make_directory(world: World, place: Place, owner: str, values: Mapping[str, Any]) -> Document:
    """A directory with these values; one that is there keeps what lies below it."""
    old = world.store.get(TABLE, place.key)
    if old is not None and not old["directory"]:
        raise _conflict()
    make_parents(world, place, owner)
    fresh = _fresh(world, place, owner, directory=True)
    return _store(world, place, {**fresh, **_survivors(old), **values})


def draft(world: World, place: Place, owner: str) -> Document:
    """A file as it would be made now; nothing is written."""
    return _fresh(world, place, owner, directory=False)


def make_parents(world: World, place: Place, owner: str) -> None:
    """The directories above a path, as hierarchical accounts make them; 409 PathConflict when one is a file."""
    if not place.path or not is_hierarchical(world, place.account):
        return
    parent = place.parent
    if parent.path:
        found = world.store.get(TABLE, parent.key)
        if found is None:
            make_directory(world, parent, owner, {})
        elif not found["directory"]:
            raise _conflict()


def is_hierarchical(world: World, account: str) -> bool:
    """Whether the account has a hierarchical namespace."""
    found = resources.named(world, "Microsoft.Storage/storageAccounts", account)
    return bool(found and found.get("properties", {}).get("isHnsEnabled"))


def remove(world: World, place: Place) -> None:
    """Forget a path, and everything below it if it is a directory; in a flat account a blob has nothing below it."""
    found = world.store.get(TABLE, place.key)
    drop_blocks(world, place.key + "\n")
    if found is not None:
        contents.drop(world, str(found["content"]))
        world.store.remove(TABLE, place.key)
    if found is None or found["directory"]:
        for inner in list(below(world, place)):
            contents.drop(world, str(inner["content"]))
            world.store.remove(TABLE, replace(place, path=str(inner["name"])).key)
        drop_blocks(world, place.key + "/" if place.path else place.key)


def drop_blocks(world: World, prefix: str) -> None:
    """Forget uncommitted blocks: the keys are those of their blobs, a line feed, and the block's id."""
    for key, block in world.store.rows(BLOCKS, prefix):
        contents.drop(world, str(block["content"]))
        world.store.remove(BLOCKS, key)


def rename(world: World, source: Place, target: Place) -> Document:
    """Move a file, or a directory with all below it, over whatever stood at the target."""
    moving = world.store.get(TABLE, source.key)
    moved = [str(found["name"]) for found in below(world, source)] if moving and moving["directory"] else []
    if world.store.get(TABLE, target.key) is not None:
        remove(world, target)
    for name in moved:
        _move(world, source.beside(name), target.beside(target.path + name[len(source.path) :]))
    return _move(world, source, target)


def commit(world: World, place: Place, document: Document, size: int) -> Document:
    """Make a file this long; appended bytes beyond are gone."""
    return put(world, place, {**document, "size": size, "pending": []})


def append(world: World, place: Place, document: Document, offset: int, data: bytes) -> Document:
    """Keep bytes for a later flush; they are not readable until then, and committed bytes are never touched."""
    if offset >= document["size"]:
        contents.write(world, str(document["content"]), offset, data)
    pending = [*document["pending"], [offset, len(data), world.clock.timestamp()]]
    return keep(world, place, {**document, "pending": pending})


def reaches(world: World, document: Document) -> int | None:
    """How long the file would be with all its appended bytes; None when they leave a gap or overlap what is there."""
    end, oldest = int(document["size"]), world.clock.timestamp() - UNCOMMITTED_SECONDS
    for offset, length, since in sorted(document["pending"]):
        if since < oldest:
            continue
        if offset < document["size"] or offset > end:
            return None
        end = max(end, offset + length)
    return end


def _move(world: World, source: Place, target: Place) -> Document:
    found = world.store.get(TABLE, source.key)
    if found is None:
        raise AzureError(status=404, code="SourcePathNotFound", message="The source path for a rename does not exist.")
    world.store.remove(TABLE, source.key)
    return _store(world, target, {**found, "lease": leases.none()})


def _store(world: World, place: Place, document: Document) -> Document:
    return world.store.put(TABLE, place.key, {**document, "name": place.path})


def _stamp(world: World) -> Document:
    now = world.clock.now()
    return {"etag": containers.new_etag(now), "modified": now.timestamp()}


def _survivors(old: Document | None) -> Document:
    """What overwriting a path leaves as it was: who owns it and who may use it."""
    return {} if old is None else {key: old[key] for key in ("owner", "group", "permissions", "acl", "lease")}


def _fresh(world: World, place: Place, owner: str, *, directory: bool) -> Document:
    """A new path: owner all, group read (and enter a directory), others nothing, as with Azure's umask of 027.

    Its group is that of the directory above, whose default entries it takes:
    https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#the-owning-group
    """
    parent = above(world, place) if place.path else None
    entries = acl.inherited(parent["acl"], directory=directory) if parent else ""
    entries = entries or f"user::{'rwx' if directory else 'rw-'},group::{'r-x' if directory else 'r--'},other::---"
    return {
        "name": place.path,
        "directory": directory,
        "content": "",
        "size": 0,
        **_stamp(world),
        "created": world.clock.timestamp(),
        "headers": {},
        "metadata": {},
        "owner": owner,
        "group": parent["group"] if parent else SUPER_USER,
        "permissions": acl.permissions_of(entries),
        "acl": entries,
        "lease": leases.none(),
        "pending": [],
        "type": "BlockBlob",
        "blocks": [],
        "tier": "",
    }


def _lives(world: World, found: Document) -> bool:
    """Whether a file has not come to the end that was set for it."""
    return not found.get("expires") or world.clock.timestamp() < found["expires"]


def _root(world: World, place: Place) -> Document:
    return _fresh(world, place, SUPER_USER, directory=True)


def _conflict() -> AzureError:
    message = (
        "The specified path, or an element of the path, exists and its resource type is invalid for this operation."
    )
    return AzureError(status=409, code="PathConflict", message=message)


def _empty_container(world: World, container: Document) -> None:
    remove(world, Place(account=str(container["account"]), container=str(container["name"])))


containers.on_delete.append(_empty_container)
