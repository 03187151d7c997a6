"""Data Lake Storage (`*.dfs.core.windows.net`): filesystems and paths, on the containers and paths that Blob shares.

https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from localazure.app.call import AzureError, Call, Reply
from localazure.app.service import Service
from localazure.storage.data import blob_tiers, conditions, containers, path_expiry, paths, shared_access
from localazure.storage.data.path_answers import (
    change_lease,
    content,
    first_lease,
    invalid_header,
    leased_meanwhile,
    stamps,
    versioned,
)
from localazure.storage.data.paths import Place
from localazure.storage.data.storage_access import (
    ADD,
    BLOBS,
    CONTAINERS,
    DELETE,
    MOVE,
    READ,
    SUPER,
    WRITE,
    Visit,
    visit,
)
from localazure.storage.dfs import dfs_wire
from localazure.storage.dfs.dfs_wire import flag, not_found, position

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.service import Handler
    from localazure.app.store import Document

SERVICE = Service(name="dfs", hosts=("*.dfs.core.windows.net",), render=dfs_wire.render)
_WHY = "bearer token (RBAC on the container) or Shared Key, both decided by storage_access.visit"


def _on(method: str, path: str, **query: str) -> Callable[[Handler], Handler]:
    register = SERVICE.route(method, path, action=None, why=_WHY, when=query)
    return lambda handler: register(versioned(handler)) and handler


@_on("GET", "/", resource="account")
def list_filesystems(call: Call) -> Reply:
    """Names with prefix and pages."""
    at = visit(call, f"{CONTAINERS}/read", control=True)
    prefix = call.query.get("prefix", "")
    found = [d for d in containers.listing(at.world, at.name) if d["name"].startswith(prefix)]
    page, headers = dfs_wire.page(call, found)
    return Reply(body={"filesystems": [dfs_wire.filesystem_entry(d) for d in page]}, headers=headers)


@_on("PUT", "/{container}", resource="filesystem")
def create_filesystem(call: Call) -> Reply:
    """201, or 409 FilesystemAlreadyExists."""
    at = visit(call, f"{CONTAINERS}/write", control=True)
    made = containers.create(at.world, at.name, at.container, metadata=dfs_wire.metadata(call))
    return Reply(status=201, headers=dfs_wire.filesystem_headers(made) | _namespace(at))


@_on("HEAD", "/{container}", resource="filesystem")
def get_filesystem(call: Call) -> Reply:
    """Its properties; also how clients learn whether the namespace is hierarchical."""
    at = visit(call, f"{CONTAINERS}/read", control=True)
    found = containers.get(at.world, at.name, at.container)
    return Reply(headers=dfs_wire.filesystem_headers(found) | dfs_wire.metadata_header(found) | _namespace(at))


@_on("PATCH", "/{container}", resource="filesystem")
def set_filesystem_properties(call: Call) -> Reply:
    """Replace the metadata."""
    at = visit(call, f"{CONTAINERS}/write", control=True)
    found = containers.get(at.world, at.name, at.container)
    conditions.check_write(call.headers, dfs_wire.as_path(found), dfs_wire.path_exists())
    changed = containers.put(at.world, {**found, "metadata": dfs_wire.metadata(call)})
    return Reply(headers=dfs_wire.filesystem_headers(changed))


@_on("DELETE", "/{container}", resource="filesystem")
def delete_filesystem(call: Call) -> Reply:
    """With all that is in it."""
    at = visit(call, f"{CONTAINERS}/delete", control=True)
    found = containers.get(at.world, at.name, at.container)
    conditions.check_write(call.headers, dfs_wire.as_path(found), dfs_wire.path_exists())
    containers.delete(at.world, at.name, at.container, lease_id=call.headers.get("x-ms-lease-id"))
    return Reply(status=202)


@_on("GET", "/{container}", resource="filesystem")
def list_paths(call: Call) -> Reply:
    """Below a directory, recursively or not, in pages; sizes and flags are strings, as Azure has them."""
    at = visit(call, READ)
    containers.get(at.world, at.name, at.container)
    top = at.place.beside(call.query.get("directory", ""))
    if top.path and paths.find(at.world, top) is None and not any(paths.below(at.world, top)):
        raise not_found()
    found = [d for d in paths.below(at.world, top) if d["size"] or d["directory"] or d["content"]]
    if not flag(call, "recursive"):
        found = dfs_wire.direct_children(found, top)
    found = dfs_wire.begun(call, found, top)
    page, headers = dfs_wire.page(call, found)
    return Reply(body={"paths": [dfs_wire.path_entry(d) for d in page]}, headers=headers)


@_on("PUT", "/{container}/{path:path}")
def create_path(call: Call) -> Reply:
    """A file, a directory, or, with x-ms-rename-source, what another path was."""
    if "x-ms-rename-source" in call.headers:
        return _rename(call)
    at, old = _writable(call)
    kind = call.query.get("resource", "")
    if kind not in {"file", "directory"}:
        raise dfs_wire.invalid_query("resource", kind)
    conditions.check_write(call.headers, old, dfs_wire.path_exists())
    conditions.check_lease(at.world, call.headers, old)
    inherits = "default:" in paths.above(at.world, at.place)["acl"]
    access = dfs_wire.given_access(call, directory=kind == "directory", inherits=inherits)
    expires = path_expiry.asked(call, at.world.clock.timestamp())
    values = {**dfs_wire.given(call), **access, **first_lease(call), **expires}
    make = paths.make_file if kind == "file" else paths.make_directory
    made = make(at.world, at.place, at.who, values)
    return Reply(status=201, headers={**stamps(made), "x-ms-request-server-encrypted": "true"})


def _writable(call: Call) -> tuple[Visit, Document | None]:
    """The caller's visit and what is there: adding needs less than overwriting."""
    at = visit(call, WRITE, ADD)
    containers.get(at.world, at.name, at.container)
    dfs_wire.check_name(at.place)
    old = paths.find(at.world, at.place)
    if old is not None:
        visit(call, WRITE)
    return at, old


def _rename(call: Call) -> Reply:
    """A move within the account: https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create."""
    at, old = _writable(call)
    source, moving = _source(call, at)
    conditions.check_write(call.headers, moving, dfs_wire.path_exists(), prefix="x-ms-source-")
    conditions.check_write(call.headers, old, dfs_wire.path_exists())
    conditions.check_lease(at.world, call.headers, old)
    held = {"x-ms-lease-id": call.headers.get("x-ms-source-lease-id", "")}
    conditions.check_lease(at.world, held, moving)
    moved = moving
    if source.key != at.place.key:
        _check_target(at, source, moving, old)
        moved = paths.rename(at.world, source, at.place)
        if "x-ms-properties" in call.headers:
            moved = paths.put(at.world, at.place, {**moved, "metadata": dfs_wire.metadata(call)})
    return Reply(status=201, headers={**stamps(moved), "x-ms-request-server-encrypted": "true"})


def _source(call: Call, at: Visit) -> tuple[Place, Document]:
    named = unquote(urlsplit(call.headers["x-ms-rename-source"]).path).strip("/")
    container, _, path = named.partition("/")
    if not path.strip("/"):
        raise invalid_header("x-ms-rename-source", named)
    source = Place(account=at.name, container=container, path=path.strip("/"))
    moving = paths.find(at.world, source)
    visit(replace(call, params={"container": container, "path": path}), MOVE, DELETE)
    if moving is None:
        raise AzureError(
            status=404, code="SourcePathNotFound", message="The source path for a rename operation does not exist."
        )
    return source, moving


def _check_target(at: Visit, source: Place, moving: Document, old: Document | None) -> None:
    if at.place.key.startswith(source.key + "/"):
        raise dfs_wire.error(409, "InvalidRenameSourcePath")
    above = paths.find(at.world, at.place.parent)
    if at.is_hierarchical and (above is None or not above["directory"]):
        raise dfs_wire.error(404, "RenameDestinationParentPathNotFound")
    if old is not None and old["directory"] != moving["directory"]:
        raise dfs_wire.error(409, "InvalidSourceOrDestinationResourceType")
    if old is not None and any(paths.below(at.world, at.place)):
        raise dfs_wire.path_exists()


def _present(call: Call, *actions: str) -> tuple[Visit, Document]:
    at = visit(call, *actions)
    containers.get(at.world, at.name, at.container)
    found = paths.find(at.world, at.place)
    if found is None:
        raise not_found()
    return at, found


@_on("PATCH", "/{container}/{path:path}", action="append")
def append_data(call: Call) -> Reply:
    """Bytes at a position, not readable before a flush."""
    at, found = _present(call, WRITE, ADD)
    found = leased_meanwhile(call, found)
    if found["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    dfs_wire.check_body(call)
    kept = paths.append(at.world, at.place, found, position(call), call.body)
    if flag(call, "flush"):
        kept = _flush(at, kept, position(call) + len(call.body))
        return Reply(status=202, headers={**stamps(kept), "x-ms-request-server-encrypted": "true"})
    return Reply(status=202, headers={"x-ms-request-server-encrypted": "true"})


@_on("PATCH", "/{container}/{path:path}", action="flush")
def flush_data(call: Call) -> Reply:
    """Make appended bytes the file's; they must reach to the given position without a gap."""
    at, found = _present(call, WRITE, ADD)
    conditions.check_write(call.headers, found, dfs_wire.path_exists())
    found = leased_meanwhile(call, found)
    if found["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    changed = _flush(at, {**found, **dfs_wire.given(call, keep=found)}, position(call))
    return Reply(headers={**stamps(changed), "x-ms-request-server-encrypted": "true"})


def _flush(at: Visit, found: Document, end: int) -> Document:
    reached = paths.reaches(at.world, found)
    keeps = flag(at.call, "retainUncommittedData")
    if reached is None or end < found["size"] or (reached < end if keeps else reached != end):
        raise dfs_wire.error(400, "InvalidFlushPosition")
    changed = paths.commit(at.world, at.place, found, end)
    beyond = [[max(start, end), start + length - max(start, end), since] for start, length, since in found["pending"]]
    rest = [piece for piece in beyond if keeps and piece[1] > 0]
    return paths.keep(at.world, at.place, {**changed, "pending": rest}) if rest else changed


@_on("PATCH", "/{container}/{path:path}", action="setproperties")
def set_properties(call: Call) -> Reply:
    """Replace metadata and the content headers that are given."""
    at, found = _present(call, WRITE)
    conditions.check_write(call.headers, found, dfs_wire.path_exists())
    conditions.check_lease(at.world, call.headers, found)
    changed = paths.put(at.world, at.place, {**found, **dfs_wire.given(call, keep=found, replaces=True)})
    return Reply(headers=stamps(changed))


@_on("PATCH", "/{container}/{path:path}", action="setaccesscontrol")
def set_access_control(call: Call) -> Reply:
    """Owner, group, permissions or the list; only the owner and the super user may."""
    at, found = _owned(call)
    conditions.check_write(call.headers, found, dfs_wire.path_exists())
    conditions.check_lease(at.world, call.headers, found)
    changed = paths.put(at.world, at.place, {**found, **dfs_wire.wanted_access(call, found)})
    return Reply(headers=stamps(changed))


@_on("PATCH", "/{container}/{path:path}", action="setaccesscontrolrecursive")
def set_access_control_recursive(call: Call) -> Reply:
    """The same for all below, in batches of 2,000 or fewer; `mode` is set, modify or remove."""
    at, found = _owned(call)
    batch, headers = dfs_wire.page(call, [found, *paths.below(at.world, at.place)], size="maxRecords", most=2000)
    for each in batch:
        wanted = dfs_wire.wanted_access(call, each, call.query.get("mode", "set").lower())
        paths.put(at.world, at.place.beside(str(each["name"])), {**each, **wanted})
    directories = sum(bool(each["directory"]) for each in batch)
    counts = {"directoriesSuccessful": directories, "filesSuccessful": len(batch) - directories}
    return Reply(body={**counts, "failureCount": 0, "failedEntries": []}, headers=headers)


def _owned(call: Call) -> tuple[Visit, Document]:
    at, found = _present(call)
    if not at.is_hierarchical:
        raise dfs_wire.error(400, "HierarchicalNamespaceNotEnabled")
    if at.who != found["owner"]:
        visit(call, SUPER, f"{BLOBS}/manageOwnership/action", f"{BLOBS}/modifyPermissions/action")
    return at, found


@_on("HEAD", "/{container}/{path:path}")
def get_properties(call: Call) -> Reply:
    """Properties, status or access control, as `action` says."""
    at, found = _present(call, READ)
    conditions.check_read(call.headers, found)
    conditions.check_lease_read(at.world, call.headers, found)
    action = call.query.get("action", "").lower()
    if action == "getaccesscontrol" and not at.is_hierarchical:
        raise dfs_wire.error(400, "HierarchicalNamespaceNotEnabled")
    return Reply(headers=dfs_wire.path_headers(at.world, found, action) | shared_access.overrides(call.query))


@_on("GET", "/{container}/{path:path}")
def read_file(call: Call) -> Reply:
    """The bytes, streamed; a range of them on demand."""
    at, found = _present(call, READ)
    if found["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    conditions.check_read(call.headers, found)
    conditions.check_lease_read(at.world, call.headers, found)
    blob_tiers.check_online(at.world, found)
    return content(call, found, dfs_wire.path_headers(at.world, found, "") | shared_access.overrides(call.query))


@_on("DELETE", "/{container}/{path:path}")
def delete_path(call: Call) -> Reply:
    """A file, or a directory; a full one only recursively."""
    at, found = _present(call, DELETE)
    if not at.place.path:
        raise dfs_wire.error(400, "InvalidUri")
    conditions.check_write(call.headers, found, dfs_wire.path_exists())
    conditions.check_lease(at.world, call.headers, found)
    if any(paths.below(at.world, at.place)) and not flag(call, "recursive"):
        raise dfs_wire.error(409, "DirectoryNotEmpty")
    paths.remove(at.world, at.place)
    return Reply(headers={"x-ms-delete-type-permanent": "true"})


@_on("POST", "/{container}/{path:path}")
def lease_path(call: Call) -> Reply:
    """Acquire, renew, change, release or break."""
    at, found = _present(call, WRITE)
    conditions.check_write(call.headers, found, dfs_wire.path_exists())
    return change_lease(call, at.place, found)


# The root directory's path ends at the filesystem's name: no route above takes it, these hand it on.
for _method, _action, _handler in (
    ("PATCH", "setaccesscontrol", set_access_control),
    ("PATCH", "setaccesscontrolrecursive", set_access_control_recursive),
    ("HEAD", "getaccesscontrol", get_properties),
    ("HEAD", "getstatus", get_properties),
):
    _on(_method, "/{container}", action=_action)(_handler)


def _namespace(at: Visit) -> dict[str, str]:
    return {"x-ms-namespace-enabled": str(at.is_hierarchical).lower()}
