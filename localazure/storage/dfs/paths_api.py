"""Data Lake Storage (`*.dfs.core.windows.net`): filesystems and paths, on the same data as the Blob endpoint.

https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from localazure.app.call import AzureError, Call, Reply
from localazure.app.service import Service
from localazure.storage.data import blob_tiers, conditions, containers, path_expiry, paths, shared_access
from localazure.storage.data.path_responses import (
    as_path,
    change_lease,
    container_validators,
    content_response,
    initial_lease,
    invalid_header,
    validators,
    with_lease_action,
    with_version_header,
)
from localazure.storage.data.paths import PathAddress
from localazure.storage.data.storage_access import (
    ADD,
    BLOBS,
    CONTAINERS,
    DELETE,
    MOVE,
    READ,
    RUN_AS_SUPER_USER,
    WRITE,
    AuthorizedRequest,
    authorize,
)
from localazure.storage.dfs import dfs_wire
from localazure.storage.dfs.dfs_wire import is_true, not_found, requested_position

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.service import Handler
    from localazure.app.store import Document

SERVICE = Service(name="dfs", hosts=("*.dfs.core.windows.net",), render=dfs_wire.render)
_WHY = "bearer token (RBAC on the container) or Shared Key, both decided by storage_access.authorize"


def _route(method: str, path: str, **query: str) -> Callable[[Handler], Handler]:
    """A decorator that registers a handler and adds the version header to its answers."""
    register = SERVICE.route(method, path, action=None, why=_WHY, query=query)
    return lambda handler: register(with_version_header(handler)) and handler


@_route("GET", "/", resource="account")
def list_filesystems(call: Call) -> Reply:
    """List the filesystems by prefix, in pages."""
    request = authorize(call, f"{CONTAINERS}/read", control=True)
    prefix = call.query.get("prefix", "")
    matching = [
        filesystem
        for filesystem in containers.list_containers(request.world, request.account_name)
        if filesystem["name"].startswith(prefix)
    ]
    page, headers = dfs_wire.page(call, matching)
    return Reply(body={"filesystems": [dfs_wire.filesystem_entry(filesystem) for filesystem in page]}, headers=headers)


@_route("PUT", "/{container}", resource="filesystem")
def create_filesystem(call: Call) -> Reply:
    """Create a filesystem: 201, or 409 FilesystemAlreadyExists."""
    request = authorize(call, f"{CONTAINERS}/write", control=True)
    filesystem = containers.create(
        request.world, request.account_name, request.container_name, metadata=dfs_wire.requested_metadata(call)
    )
    return Reply(status=201, headers=container_validators(filesystem) | _namespace_header(request))


@_route("HEAD", "/{container}", resource="filesystem")
def get_filesystem(call: Call) -> Reply:
    """Properties of a filesystem; clients also learn here whether the namespace is hierarchical."""
    request = authorize(call, f"{CONTAINERS}/read", control=True)
    filesystem = containers.get(request.world, request.account_name, request.container_name)
    return Reply(
        headers=container_validators(filesystem) | dfs_wire.metadata_header(filesystem) | _namespace_header(request)
    )


@_route("PATCH", "/{container}", resource="filesystem")
def set_filesystem_properties(call: Call) -> Reply:
    """Replace the metadata of a filesystem."""
    request = authorize(call, f"{CONTAINERS}/write", control=True)
    filesystem = containers.get(request.world, request.account_name, request.container_name)
    conditions.check_write(call.headers, as_path(filesystem), dfs_wire.path_exists())
    updated = containers.put(request.world, {**filesystem, "metadata": dfs_wire.requested_metadata(call)})
    return Reply(headers=container_validators(updated))


@_route("DELETE", "/{container}", resource="filesystem")
def delete_filesystem(call: Call) -> Reply:
    """Delete a filesystem with everything in it: 202."""
    request = authorize(call, f"{CONTAINERS}/delete", control=True)
    filesystem = containers.get(request.world, request.account_name, request.container_name)
    conditions.check_write(call.headers, as_path(filesystem), dfs_wire.path_exists())
    containers.delete(
        request.world, request.account_name, request.container_name, lease_id=call.headers.get("x-ms-lease-id")
    )
    return Reply(status=202)


@_route("GET", "/{container}", resource="filesystem")
def list_paths(call: Call) -> Reply:
    """List the paths below a directory, recursively or not, in pages."""
    request = authorize(call, READ)
    containers.get(request.world, request.account_name, request.container_name)
    directory = request.address.with_path(call.query.get("directory", ""))
    if (
        directory.path
        and paths.find(request.world, directory) is None
        and not any(paths.list_below(request.world, directory))
    ):
        raise not_found()
    listed = [
        path
        for path in paths.list_below(request.world, directory)
        if path["size"] or path["directory"] or path["content"]
    ]
    if not is_true(call, "recursive"):
        listed = dfs_wire.direct_children(listed, directory)
    listed = dfs_wire.from_first_name(call, listed, directory)
    page, headers = dfs_wire.page(call, listed)
    return Reply(body={"paths": [dfs_wire.path_entry(path) for path in page]}, headers=headers)


@_route("PUT", "/{container}/{path:path}")
def create_path(call: Call) -> Reply:
    """Create a file or directory, or with x-ms-rename-source rename another path."""
    if "x-ms-rename-source" in call.headers:
        return _rename_path(call)
    request, existing = _authorize_write(call)
    kind = call.query.get("resource", "")
    if kind not in {"file", "directory"}:
        raise dfs_wire.invalid_query("resource", kind)
    conditions.check_write(call.headers, existing, dfs_wire.path_exists())
    conditions.check_lease(request.world, call.headers, existing)
    inherits = "default:" in paths.nearest_directory(request.world, request.address)["acl"]
    access = dfs_wire.requested_access(call, directory=kind == "directory", inherits=inherits)
    expires = path_expiry.requested_expiry(call, request.world.clock.timestamp())
    values = {**dfs_wire.requested_values(call), **access, **initial_lease(call), **expires}
    create = paths.create_or_replace_file if kind == "file" else paths.create_or_update_directory
    path = create(request.world, request.address, request.caller_id, values)
    return Reply(status=201, headers={**validators(path), "x-ms-request-server-encrypted": "true"})


def _authorize_write(call: Call) -> tuple[AuthorizedRequest, Document | None]:
    """The authorized request and the path that it would overwrite. Adding needs less than overwriting."""
    request = authorize(call, WRITE, ADD)
    containers.get(request.world, request.account_name, request.container_name)
    dfs_wire.check_path_name(request.address)
    existing = paths.find(request.world, request.address)
    if existing is not None:
        authorize(call, WRITE)
    return request, existing


def _rename_path(call: Call) -> Reply:
    """Rename a path within the account.

    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create
    """
    request, existing = _authorize_write(call)
    source, path = _rename_source(call, request)
    conditions.check_write(call.headers, path, dfs_wire.path_exists(), prefix="x-ms-source-")
    conditions.check_write(call.headers, existing, dfs_wire.path_exists())
    conditions.check_lease(request.world, call.headers, existing)
    source_lease = {"x-ms-lease-id": call.headers.get("x-ms-source-lease-id", "")}
    conditions.check_lease(request.world, source_lease, path)
    renamed = path
    if source.key != request.address.key:
        _check_rename_target(request, source, path, existing)
        renamed = paths.rename(request.world, source, request.address)
        if "x-ms-properties" in call.headers:
            renamed = paths.put(
                request.world, request.address, {**renamed, "metadata": dfs_wire.requested_metadata(call)}
            )
    return Reply(status=201, headers={**validators(renamed), "x-ms-request-server-encrypted": "true"})


def _rename_source(call: Call, request: AuthorizedRequest) -> tuple[PathAddress, Document]:
    """The address and document of a rename's source; 404 SourcePathNotFound."""
    source_path = unquote(urlsplit(call.headers["x-ms-rename-source"]).path).strip("/")
    container, _, path = source_path.partition("/")
    if not path.strip("/"):
        raise invalid_header("x-ms-rename-source", source_path)
    source = PathAddress(account=request.account_name, container=container, path=path.strip("/"))
    document = paths.find(request.world, source)
    authorize(replace(call, params={"container": container, "path": path}), MOVE, DELETE)
    if document is None:
        raise AzureError(
            status=404, code="SourcePathNotFound", message="The source path for a rename operation does not exist."
        )
    return source, document


def _check_rename_target(
    request: AuthorizedRequest, source: PathAddress, path: Document, existing: Document | None
) -> None:
    """404 or 409 if the source cannot be moved to the target."""
    if request.address.key.startswith(source.key + "/"):
        raise dfs_wire.error(409, "InvalidRenameSourcePath")
    parent = paths.find(request.world, request.address.parent)
    if request.is_hierarchical and (parent is None or not parent["directory"]):
        raise dfs_wire.error(404, "RenameDestinationParentPathNotFound")
    if existing is not None and existing["directory"] != path["directory"]:
        raise dfs_wire.error(409, "InvalidSourceOrDestinationResourceType")
    if existing is not None and any(paths.list_below(request.world, request.address)):
        raise dfs_wire.path_exists()


def _require_path(call: Call, *actions: str) -> tuple[AuthorizedRequest, Document]:
    """The authorized request and its path; 404 PathNotFound."""
    request = authorize(call, *actions)
    containers.get(request.world, request.account_name, request.container_name)
    path = paths.find(request.world, request.address)
    if path is None:
        raise not_found()
    return request, path


@_route("PATCH", "/{container}/{path:path}", action="append")
def append_data(call: Call) -> Reply:
    """Append bytes at a position; they are not readable before a flush."""
    request, path = _require_path(call, WRITE, ADD)
    path = with_lease_action(call, path)
    if path["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    dfs_wire.check_body(call)
    appended = paths.append(request.world, request.address, path, requested_position(call), call.body)
    if is_true(call, "flush"):
        appended = _flush(request, appended, requested_position(call) + len(call.body))
        return Reply(status=202, headers={**validators(appended), "x-ms-request-server-encrypted": "true"})
    return Reply(status=202, headers={"x-ms-request-server-encrypted": "true"})


@_route("PATCH", "/{container}/{path:path}", action="flush")
def flush_data(call: Call) -> Reply:
    """Flush appended bytes, which must reach to the position without a gap."""
    request, path = _require_path(call, WRITE, ADD)
    conditions.check_write(call.headers, path, dfs_wire.path_exists())
    path = with_lease_action(call, path)
    if path["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    flushed = _flush(request, {**path, **dfs_wire.requested_values(call, current=path)}, requested_position(call))
    return Reply(headers={**validators(flushed), "x-ms-request-server-encrypted": "true"})


def _flush(request: AuthorizedRequest, path: Document, end: int) -> Document:
    """Commit a file at this size; bytes beyond stay pending on request. 400 InvalidFlushPosition."""
    flushable = paths.flushable_size(request.world, path)
    retain = is_true(request.call, "retainUncommittedData")
    if flushable is None or end < path["size"] or (flushable < end if retain else flushable != end):
        raise dfs_wire.error(400, "InvalidFlushPosition")
    committed = paths.commit(request.world, request.address, path, end)
    beyond = [[max(start, end), start + length - max(start, end), since] for start, length, since in path["pending"]]
    rest = [part for part in beyond if retain and part[1] > 0]
    return paths.put_keeping_etag(request.world, request.address, {**committed, "pending": rest}) if rest else committed


@_route("PATCH", "/{container}/{path:path}", action="setproperties")
def set_properties(call: Call) -> Reply:
    """Replace the metadata, and the content headers that are sent."""
    request, path = _require_path(call, WRITE)
    conditions.check_write(call.headers, path, dfs_wire.path_exists())
    conditions.check_lease(request.world, call.headers, path)
    updated = paths.put(
        request.world, request.address, {**path, **dfs_wire.requested_values(call, current=path, replace_metadata=True)}
    )
    return Reply(headers=validators(updated))


@_route("PATCH", "/{container}/{path:path}", action="setaccesscontrol")
def set_access_control(call: Call) -> Reply:
    """Set owner, group, permissions or ACL; only the owner and a super user may."""
    request, path = _authorize_owner(call)
    conditions.check_write(call.headers, path, dfs_wire.path_exists())
    conditions.check_lease(request.world, call.headers, path)
    updated = paths.put(request.world, request.address, {**path, **dfs_wire.changed_access(call, path)})
    return Reply(headers=validators(updated))


@_route("PATCH", "/{container}/{path:path}", action="setaccesscontrolrecursive")
def set_access_control_recursive(call: Call) -> Reply:
    """Set, modify or remove ACL entries of a directory and everything below it, in batches of 2,000."""
    request, directory = _authorize_owner(call)
    batch, headers = dfs_wire.page(
        call, [directory, *paths.list_below(request.world, request.address)], size="maxRecords", maximum=2000
    )
    for path in batch:
        access = dfs_wire.changed_access(call, path, call.query.get("mode", "set").lower())
        paths.put(request.world, request.address.with_path(str(path["name"])), {**path, **access})
    directories = sum(bool(path["directory"]) for path in batch)
    counts = {"directoriesSuccessful": directories, "filesSuccessful": len(batch) - directories}
    return Reply(body={**counts, "failureCount": 0, "failedEntries": []}, headers=headers)


def _authorize_owner(call: Call) -> tuple[AuthorizedRequest, Document]:
    """The authorized request and its path, for the owner or a super user of a hierarchical account."""
    request, path = _require_path(call)
    if not request.is_hierarchical:
        raise dfs_wire.error(400, "HierarchicalNamespaceNotEnabled")
    if request.caller_id != path["owner"]:
        authorize(call, RUN_AS_SUPER_USER, f"{BLOBS}/manageOwnership/action", f"{BLOBS}/modifyPermissions/action")
    return request, path


@_route("HEAD", "/{container}/{path:path}")
def get_properties(call: Call) -> Reply:
    """Properties, status or access control of a path, by `action`."""
    request, path = _require_path(call, READ)
    conditions.check_read(call.headers, path)
    conditions.check_lease_read(request.world, call.headers, path)
    action = call.query.get("action", "").lower()
    if action == "getaccesscontrol" and not request.is_hierarchical:
        raise dfs_wire.error(400, "HierarchicalNamespaceNotEnabled")
    return Reply(
        headers=dfs_wire.path_headers(request.world, path, action) | shared_access.response_header_overrides(call.query)
    )


@_route("GET", "/{container}/{path:path}")
def read_file(call: Call) -> Reply:
    """The bytes of a file as a stream, or a range of them."""
    request, path = _require_path(call, READ)
    if path["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    conditions.check_read(call.headers, path)
    conditions.check_lease_read(request.world, call.headers, path)
    blob_tiers.check_not_archived(request.world, path)
    return content_response(
        call, path, dfs_wire.path_headers(request.world, path, "") | shared_access.response_header_overrides(call.query)
    )


@_route("DELETE", "/{container}/{path:path}")
def delete_path(call: Call) -> Reply:
    """Delete a file or directory; a directory that is not empty only recursively."""
    request, path = _require_path(call, DELETE)
    if not request.address.path:
        raise dfs_wire.error(400, "InvalidUri")
    conditions.check_write(call.headers, path, dfs_wire.path_exists())
    conditions.check_lease(request.world, call.headers, path)
    if any(paths.list_below(request.world, request.address)) and not is_true(call, "recursive"):
        raise dfs_wire.error(409, "DirectoryNotEmpty")
    paths.delete(request.world, request.address)
    return Reply(headers={"x-ms-delete-type-permanent": "true"})


@_route("POST", "/{container}/{path:path}")
def lease_path(call: Call) -> Reply:
    """Acquire, renew, change, release or break the lease of a path."""
    request, path = _require_path(call, WRITE)
    conditions.check_write(call.headers, path, dfs_wire.path_exists())
    return change_lease(call, request.address, path)


# The root directory's path ends at the filesystem's name: no route above takes it, these hand it on.
for _method, _action, _handler in (
    ("PATCH", "setaccesscontrol", set_access_control),
    ("PATCH", "setaccesscontrolrecursive", set_access_control_recursive),
    ("HEAD", "getaccesscontrol", get_properties),
    ("HEAD", "getstatus", get_properties),
):
    _route(_method, "/{container}", action=_action)(_handler)


def _namespace_header(request: AuthorizedRequest) -> dict[str, str]:
    """The header that says whether the namespace is hierarchical."""
    return {"x-ms-namespace-enabled": str(request.is_hierarchical).lower()}
