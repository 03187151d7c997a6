"""Paths of a data lake, on the same data as the Blob endpoint: create, rename, append, flush, read, delete, lease.

https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from localazure.app.call import AzureError, Call, Reply
from localazure.storage.data import blob_tiers, conditions, containers, path_expiry, paths, shared_access
from localazure.storage.data.path_responses import (
    change_lease,
    content_response,
    invalid_header,
    requested_lease_field,
    validators,
    with_lease_action,
)
from localazure.storage.data.paths import PathAddress
from localazure.storage.data.storage_access import (
    ADD,
    DELETE,
    MOVE,
    READ,
    WRITE,
    AuthorizedRequest,
    authorize,
)
from localazure.storage.dfs import dfs_wire
from localazure.storage.dfs.dfs_wire import is_query_true, requested_position
from localazure.storage.dfs.service import require_path, route

if TYPE_CHECKING:
    from localazure.app.store import Document


@route("PUT", "/{container}/{path:path}")
def create_or_rename_path(call: Call) -> Reply:
    """Create a file or directory, or with x-ms-rename-source rename another path."""
    if "x-ms-rename-source" in call.headers:
        return _rename_path(call)
    request, existing = _authorize_write(call)
    kind = call.query.get("resource", "")
    if kind not in {"file", "directory"}:
        raise dfs_wire.invalid_query("resource", kind)
    conditions.check_write(call.headers, existing, dfs_wire.path_already_exists())
    conditions.check_lease(request.tenant, call.headers, existing)
    inherits = "default:" in paths.nearest_directory(request.tenant, request.address)["acl"]
    access = dfs_wire.requested_access(call, directory=kind == "directory", inherits=inherits)
    expires = path_expiry.requested_expiry(call, request.tenant.clock.timestamp())
    values = {**dfs_wire.requested_path_fields(call), **access, **requested_lease_field(call), **expires}
    create = paths.create_or_replace_file if kind == "file" else paths.create_or_reset_directory
    path = create(request.tenant, request.address, request.caller_id, values)
    return Reply(status=201, headers={**validators(path), "x-ms-request-server-encrypted": "true"})


def _authorize_write(call: Call) -> tuple[AuthorizedRequest, Document | None]:
    """The authorized request and the path that it would overwrite. Adding needs less than overwriting."""
    request = authorize(call, WRITE, ADD)
    containers.get(request.tenant, request.account_name, request.container_name)
    dfs_wire.check_path_name(request.address)
    existing = paths.find(request.tenant, request.address)
    if existing is not None:
        authorize(call, WRITE)
    return request, existing


def _rename_path(call: Call) -> Reply:
    """Rename a path within the account.

    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create
    """
    request, existing = _authorize_write(call)
    source, path = _require_rename_source(call, request)
    conditions.check_write(call.headers, path, dfs_wire.path_already_exists(), prefix="x-ms-source-")
    conditions.check_write(call.headers, existing, dfs_wire.path_already_exists())
    conditions.check_lease(request.tenant, call.headers, existing)
    source_lease = {"x-ms-lease-id": call.headers.get("x-ms-source-lease-id", "")}
    conditions.check_lease(request.tenant, source_lease, path)
    renamed = path
    if source.store_key != request.address.store_key:
        _check_rename_target(request, source, path, existing)
        renamed = paths.rename(request.tenant, source, request.address)
        if "x-ms-properties" in call.headers:
            renamed = paths.put(
                request.tenant, request.address, {**renamed, "metadata": dfs_wire.requested_metadata(call)}
            )
    return Reply(status=201, headers={**validators(renamed), "x-ms-request-server-encrypted": "true"})


def _require_rename_source(call: Call, request: AuthorizedRequest) -> tuple[PathAddress, Document]:
    """The address and document of a rename's source; 404 SourcePathNotFound."""
    source_path = unquote(urlsplit(call.headers["x-ms-rename-source"]).path).strip("/")
    container, _, path = source_path.partition("/")
    if not path.strip("/"):
        raise invalid_header("x-ms-rename-source", source_path)
    source = PathAddress(account=request.account_name, container=container, path=path.strip("/"))
    document = paths.find(request.tenant, source)
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
    if request.address.store_key.startswith(source.store_key + "/"):
        raise dfs_wire.error(409, "InvalidRenameSourcePath")
    parent = paths.find(request.tenant, request.address.parent)
    if request.is_hierarchical and (parent is None or not parent["directory"]):
        raise dfs_wire.error(404, "RenameDestinationParentPathNotFound")
    if existing is not None and existing["directory"] != path["directory"]:
        raise dfs_wire.error(409, "InvalidSourceOrDestinationResourceType")
    if existing is not None and any(paths.list_below(request.tenant, request.address)):
        raise dfs_wire.path_already_exists()


@route("PATCH", "/{container}/{path:path}", action="append")
def append_data(call: Call) -> Reply:
    """Append bytes at a position; they are not readable before a flush."""
    request, path = require_path(call, WRITE, ADD)
    path = with_lease_action(call, path)
    if path["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    dfs_wire.check_body(call)
    appended = paths.append_pending(request.tenant, request.address, path, requested_position(call), call.body)
    if is_query_true(call, "flush"):
        appended = _flush(request, appended, requested_position(call) + len(call.body))
        return Reply(status=202, headers={**validators(appended), "x-ms-request-server-encrypted": "true"})
    return Reply(status=202, headers={"x-ms-request-server-encrypted": "true"})


@route("PATCH", "/{container}/{path:path}", action="flush")
def flush_data(call: Call) -> Reply:
    """Flush appended bytes, which must reach to the position without a gap."""
    request, path = require_path(call, WRITE, ADD)
    conditions.check_write(call.headers, path, dfs_wire.path_already_exists())
    path = with_lease_action(call, path)
    if path["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    flushed = _flush(request, {**path, **dfs_wire.requested_path_fields(call, current=path)}, requested_position(call))
    return Reply(headers={**validators(flushed), "x-ms-request-server-encrypted": "true"})


def _flush(request: AuthorizedRequest, path: Document, end: int) -> Document:
    """Commit a file at this size; bytes beyond stay pending on request. 400 InvalidFlushPosition."""
    flushable = paths.flushable_size(request.tenant, path)
    retain = is_query_true(request.call, "retainUncommittedData")
    if flushable is None or end < path["size"] or (flushable < end if retain else flushable != end):
        raise dfs_wire.error(400, "InvalidFlushPosition")
    committed = paths.commit_size(request.tenant, request.address, path, end)
    beyond = [[max(start, end), start + length - max(start, end), since] for start, length, since in path["pending"]]
    rest = [part for part in beyond if retain and part[1] > 0]
    return (
        paths.put_keeping_etag(request.tenant, request.address, {**committed, "pending": rest}) if rest else committed
    )


@route("PATCH", "/{container}/{path:path}", action="setproperties")
def set_properties(call: Call) -> Reply:
    """Replace the metadata, and the content headers that are sent."""
    request, path = require_path(call, WRITE)
    conditions.check_write(call.headers, path, dfs_wire.path_already_exists())
    conditions.check_lease(request.tenant, call.headers, path)
    updated = paths.put(
        request.tenant,
        request.address,
        {**path, **dfs_wire.requested_path_fields(call, current=path, replace_metadata=True)},
    )
    return Reply(headers=validators(updated))


@route("HEAD", "/{container}/{path:path}")
def get_properties(call: Call) -> Reply:
    """Properties, status or access control of a path, by `action`."""
    request, path = require_path(call, READ)
    conditions.check_read(call.headers, path)
    conditions.check_lease_read(request.tenant, call.headers, path)
    action = call.query.get("action", "").lower()
    if action == "getaccesscontrol" and not request.is_hierarchical:
        raise dfs_wire.error(400, "HierarchicalNamespaceNotEnabled")
    return Reply(
        headers=dfs_wire.path_headers(request.tenant, path, action)
        | shared_access.response_header_overrides(call.query)
    )


@route("GET", "/{container}/{path:path}")
def read_file(call: Call) -> Reply:
    """The bytes of a file as a stream, or a range of them."""
    request, path = require_path(call, READ)
    if path["directory"]:
        raise dfs_wire.error(409, "PathConflict")
    conditions.check_read(call.headers, path)
    conditions.check_lease_read(request.tenant, call.headers, path)
    blob_tiers.check_not_archived(request.tenant, path)
    return content_response(
        call,
        path,
        dfs_wire.path_headers(request.tenant, path, "") | shared_access.response_header_overrides(call.query),
    )


@route("DELETE", "/{container}/{path:path}")
def delete_path(call: Call) -> Reply:
    """Delete a file or directory; a directory that is not empty only recursively."""
    request, path = require_path(call, DELETE)
    if not request.address.path:
        raise dfs_wire.error(400, "InvalidUri")
    conditions.check_write(call.headers, path, dfs_wire.path_already_exists())
    conditions.check_lease(request.tenant, call.headers, path)
    if any(paths.list_below(request.tenant, request.address)) and not is_query_true(call, "recursive"):
        raise dfs_wire.error(409, "DirectoryNotEmpty")
    paths.delete_recursively(request.tenant, request.address)
    return Reply(headers={"x-ms-delete-type-permanent": "true"})


@route("POST", "/{container}/{path:path}")
def lease_path(call: Call) -> Reply:
    """Acquire, renew, change, release or break the lease of a path."""
    request, path = require_path(call, WRITE)
    conditions.check_write(call.headers, path, dfs_wire.path_already_exists())
    return change_lease(call, request.address, path)


# As for access control: the root directory's path ends at the filesystem's name.
for _action in ("getaccesscontrol", "getstatus"):
    route("HEAD", "/{container}", action=_action)(get_properties)
