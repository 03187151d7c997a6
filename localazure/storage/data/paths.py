"""Files and directories of the containers: one document each, shared by the dfs and the blob endpoint.

Table `paths`, key `<account>/<container>/<path>`: `{"name", "directory", "content", "size", "etag", "modified",
"created", "headers", "metadata", "owner", "group", "permissions", "acl", "lease", "pending", "type", "blocks",
"tier"}`. Times are seconds since the epoch; `pending` has `[offset, length, since]` of appended, unflushed bytes.
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
    from localazure.app.tenant import Tenant

TABLE = "paths"
BLOCKS = "blocks"
SUPER_USER = "$superuser"
# Azure: uncommitted blocks and appended data are discarded a week after the last of them arrived.
# https://learn.microsoft.com/rest/api/storageservices/put-block#remarks
UNCOMMITTED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class PathAddress:
    """The account, container and path of a file, directory or blob, which need not exist.

    The root's path is empty. Only blobs of a flat account have slashes at an end of their path.
    """

    account: str
    container: str
    path: str = ""

    @property
    def store_key(self) -> str:
        """The key in the store."""
        return f"{self.account.lower()}/{self.container.lower()}/{self.path}"

    @property
    def parent(self) -> PathAddress:
        """The address of the directory above."""
        return replace(self, path=self.path.rpartition("/")[0])

    def with_path(self, path: str) -> PathAddress:
        """The address of another path in the same container; slashes at its ends are removed."""
        return replace(self, path=path.strip("/"))


def find(tenant: Tenant, address: PathAddress) -> Document | None:
    """The file or directory, or None. The root of a container always exists."""
    path = tenant.store.get(TABLE, address.store_key)
    if path is None and not address.path and containers.find(tenant, address.account, address.container):
        return _root_directory(tenant, address)
    return path if path is None or _is_unexpired(tenant, path) else None


def nearest_directory(tenant: Tenant, address: PathAddress) -> Document:
    """The nearest existing directory above a path: what is created between them inherits from it."""
    parent = address.parent
    look_above = nearest_directory if parent.path else _root_directory
    return find(tenant, parent) or look_above(tenant, parent)


def list_below(tenant: Tenant, address: PathAddress) -> Iterator[Document]:
    """List everything below a directory or the root, by name."""
    prefix = f"{address.store_key}/" if address.path else address.store_key
    return (path for _, path in tenant.store.rows(TABLE, prefix) if path["name"] and _is_unexpired(tenant, path))


def put(tenant: Tenant, address: PathAddress, document: Document) -> Document:
    """Store a changed path with a new etag and time of change."""
    return _store(tenant, address, {**document, **_new_validators(tenant)})


def put_keeping_etag(tenant: Tenant, address: PathAddress, document: Document) -> Document:
    """Store a change that is none to Azure (a lease, appended bytes): etag and time of change stay."""
    return _store(tenant, address, document)


def create_or_replace_file(tenant: Tenant, address: PathAddress, owner: str, values: Mapping[str, Any]) -> Document:
    """Create an empty file, or replace the one at this address; missing parent directories are created.

    409 PathConflict if there is a directory.
    """
    existing = tenant.store.get(TABLE, address.store_key)
    if existing is not None and existing["directory"]:
        raise _path_conflict()
    create_parents(tenant, address, owner)
    if existing is not None:
        contents.delete(tenant, str(existing["content"]))
    # https://learn.microsoft.com/rest/api/storageservices/put-blob: what overwrites a blob stays in its tier
    tier = {"tier": values.get("tier") or (existing["tier"] if existing else "")}
    new = {**_new_path(tenant, address, owner, directory=False), "content": contents.create_empty(tenant)}
    return _store(tenant, address, {**new, **_kept_on_overwrite(existing), **values, **tier})


def create_or_reset_directory(tenant: Tenant, address: PathAddress, owner: str, values: Mapping[str, Any]) -> Document:
    """Create a directory, or reset the one at this address.

    Metadata, headers and time of creation are new; owner, access, lease and what is below stay. 409 PathConflict if
    there is a file.
    """
    existing = tenant.store.get(TABLE, address.store_key)
    if existing is not None and not existing["directory"]:
        raise _path_conflict()
    create_parents(tenant, address, owner)
    new = _new_path(tenant, address, owner, directory=True)
    return _store(tenant, address, {**new, **_kept_on_overwrite(existing), **values})


def unstored_file(tenant: Tenant, address: PathAddress, owner: str) -> Document:
    """A new file that is not stored."""
    return _new_path(tenant, address, owner, directory=False)


def create_parents(tenant: Tenant, address: PathAddress, owner: str) -> None:
    """Create the missing directories above a path of a hierarchical account; 409 PathConflict if one is a file."""
    if not address.path or not is_hierarchical(tenant, address.account):
        return
    parent = address.parent
    if parent.path:
        directory = tenant.store.get(TABLE, parent.store_key)
        if directory is None:
            create_or_reset_directory(tenant, parent, owner, {})
        elif not directory["directory"]:
            raise _path_conflict()


def is_hierarchical(tenant: Tenant, account: str) -> bool:
    """Whether the account has a hierarchical namespace."""
    resource = resources.find_by_name(tenant, "Microsoft.Storage/storageAccounts", account)
    return bool(resource and resource.get("properties", {}).get("isHnsEnabled"))


def delete_recursively(tenant: Tenant, address: PathAddress) -> None:
    """Delete a path, and everything below it if it is a directory. In a flat account nothing is below a blob.

    Deletes uncommitted blocks, too; fine if there is nothing.
    """
    path = tenant.store.get(TABLE, address.store_key)
    delete_uncommitted_blocks(tenant, address.store_key + "\n")
    if path is not None:
        contents.delete(tenant, str(path["content"]))
        tenant.store.remove(TABLE, address.store_key)
    if path is None or path["directory"]:
        for child in list(list_below(tenant, address)):
            contents.delete(tenant, str(child["content"]))
            tenant.store.remove(TABLE, replace(address, path=str(child["name"])).store_key)
        delete_uncommitted_blocks(tenant, address.store_key + "/" if address.path else address.store_key)


def delete_uncommitted_blocks(tenant: Tenant, key_prefix: str) -> None:
    """Delete uncommitted blocks by prefix; their keys are the blob's key, a line feed and the block id."""
    for key, block in tenant.store.rows(BLOCKS, key_prefix):
        contents.delete(tenant, str(block["content"]))
        tenant.store.remove(BLOCKS, key)


def rename(tenant: Tenant, source: PathAddress, target: PathAddress) -> Document:
    """Move a file, or a directory with everything below it, and replace what is at the target. 404 SourcePathNotFound.

    Leases of what moves end.
    """
    path = tenant.store.get(TABLE, source.store_key)
    names = [str(child["name"]) for child in list_below(tenant, source)] if path and path["directory"] else []
    if tenant.store.get(TABLE, target.store_key) is not None:
        delete_recursively(tenant, target)
    for name in names:
        _move(tenant, source.with_path(name), target.with_path(target.path + name[len(source.path) :]))
    return _move(tenant, source, target)


def commit_size(tenant: Tenant, address: PathAddress, document: Document, size: int) -> Document:
    """Set the size of a file; appended bytes beyond it are discarded."""
    return put(tenant, address, {**document, "size": size, "pending": []})


def append_pending(tenant: Tenant, address: PathAddress, document: Document, offset: int, data: bytes) -> Document:
    """Store bytes for a later flush. They are not readable until then; committed bytes never change."""
    if offset >= document["size"]:
        contents.write(tenant, str(document["content"]), offset, data)
    pending = [*document["pending"], [offset, len(data), tenant.clock.timestamp()]]
    return put_keeping_etag(tenant, address, {**document, "pending": pending})


def flushable_size(tenant: Tenant, document: Document) -> int | None:
    """The size with all appended bytes flushed; None if they leave a gap or overlap committed bytes."""
    end, oldest = int(document["size"]), tenant.clock.timestamp() - UNCOMMITTED_SECONDS
    for offset, length, since in sorted(document["pending"]):
        if since < oldest:
            continue
        if offset < document["size"] or offset > end:
            return None
        end = max(end, offset + length)
    return end


def _move(tenant: Tenant, source: PathAddress, target: PathAddress) -> Document:
    """Move one document to another address; its lease ends."""
    path = tenant.store.get(TABLE, source.store_key)
    if path is None:
        raise AzureError(status=404, code="SourcePathNotFound", message="The source path for a rename does not exist.")
    tenant.store.remove(TABLE, source.store_key)
    return _store(tenant, target, {**path, "lease": leases.no_lease()})


def _store(tenant: Tenant, address: PathAddress, document: Document) -> Document:
    return tenant.store.put(TABLE, address.store_key, {**document, "name": address.path})


def _new_validators(tenant: Tenant) -> Document:
    now = tenant.clock.now()
    return {"etag": containers.new_etag(now), "modified": now.timestamp()}


def _kept_on_overwrite(existing: Document | None) -> Document:
    """The fields that overwriting a path keeps: its owner, access and lease."""
    return {} if existing is None else {key: existing[key] for key in ("owner", "group", "permissions", "acl", "lease")}


def _new_path(tenant: Tenant, address: PathAddress, owner: str, *, directory: bool) -> Document:
    """A new path: owner all, group read (and enter a directory), others nothing, as with Azure's umask of 027.

    Its group is that of the directory above, whose default entries it takes:
    https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#the-owning-group
    """
    parent = nearest_directory(tenant, address) if address.path else None
    entries = acl.inherited_acl(parent["acl"], directory=directory) if parent else ""
    entries = entries or f"user::{'rwx' if directory else 'rw-'},group::{'r-x' if directory else 'r--'},other::---"
    return {
        "name": address.path,
        "directory": directory,
        "content": "",
        "size": 0,
        **_new_validators(tenant),
        "created": tenant.clock.timestamp(),
        "headers": {},
        "metadata": {},
        "owner": owner,
        "group": parent["group"] if parent else SUPER_USER,
        "permissions": acl.to_permissions(entries),
        "acl": entries,
        "lease": leases.no_lease(),
        "pending": [],
        "type": "BlockBlob",
        "blocks": [],
        "tier": "",
    }


def _is_unexpired(tenant: Tenant, path: Document) -> bool:
    """Whether a file has not expired."""
    return not path.get("expires") or tenant.clock.timestamp() < path["expires"]


def _root_directory(tenant: Tenant, address: PathAddress) -> Document:
    """The root directory of a container, which is not stored; whoever made a container with a token owns it.

    https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#the-owning-user
    """
    container = containers.find(tenant, address.account, address.container) or {}
    return _new_path(tenant, address, container.get("_owner") or SUPER_USER, directory=True)


def _path_conflict() -> AzureError:
    message = (
        "The specified path, or an element of the path, exists and its resource type is invalid for this operation."
    )
    return AzureError(status=409, code="PathConflict", message=message)


def _delete_paths_of_container(tenant: Tenant, container: Document) -> None:
    """Delete everything in a container that is being deleted."""
    delete_recursively(tenant, PathAddress(account=str(container["account"]), container=str(container["name"])))


containers.on_delete.append(_delete_paths_of_container)
