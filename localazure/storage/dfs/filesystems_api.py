"""Filesystems of a data lake, and the list of the paths in one.

https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem
"""

from __future__ import annotations

from localazure.app.call import Call, Reply
from localazure.storage.data import conditions, containers, paths
from localazure.storage.data.path_responses import (
    container_validators,
    with_modified_time,
)
from localazure.storage.data.storage_access import (
    CONTAINERS,
    READ,
    AuthorizedRequest,
    authorize,
)
from localazure.storage.dfs import dfs_wire
from localazure.storage.dfs.dfs_wire import is_query_true, not_found
from localazure.storage.dfs.service import route


@route("GET", "/", resource="account")
def list_filesystems(call: Call) -> Reply:
    """List the filesystems by prefix, in pages."""
    request = authorize(call, f"{CONTAINERS}/read", control=True)
    prefix = call.query.get("prefix", "")
    matching = [
        filesystem
        for filesystem in containers.list_containers(request.tenant, request.account_name)
        if filesystem["name"].startswith(prefix)
    ]
    page, headers = dfs_wire.page(call, matching)
    return Reply(body={"filesystems": [dfs_wire.filesystem_entry(filesystem) for filesystem in page]}, headers=headers)


@route("PUT", "/{container}", resource="filesystem")
def create_filesystem(call: Call) -> Reply:
    """Create a filesystem: 201, or 409 FilesystemAlreadyExists."""
    request = authorize(call, f"{CONTAINERS}/write", control=True)
    filesystem = containers.create(
        request.tenant,
        request.account_name,
        request.container_name,
        metadata=dfs_wire.requested_metadata(call),
        owner=request.caller_id,
    )
    return Reply(status=201, headers=container_validators(filesystem) | _namespace_header(request))


@route("HEAD", "/{container}", resource="filesystem")
def get_filesystem(call: Call) -> Reply:
    """Properties of a filesystem; clients also learn here whether the namespace is hierarchical."""
    request = authorize(call, f"{CONTAINERS}/read", control=True)
    filesystem = containers.get(request.tenant, request.account_name, request.container_name)
    return Reply(
        headers=container_validators(filesystem) | dfs_wire.metadata_header(filesystem) | _namespace_header(request)
    )


@route("PATCH", "/{container}", resource="filesystem")
def set_filesystem_properties(call: Call) -> Reply:
    """Replace the metadata of a filesystem."""
    request = authorize(call, f"{CONTAINERS}/write", control=True)
    filesystem = containers.get(request.tenant, request.account_name, request.container_name)
    conditions.check_write(call.headers, with_modified_time(filesystem), dfs_wire.path_already_exists())
    updated = containers.put(request.tenant, {**filesystem, "metadata": dfs_wire.requested_metadata(call)})
    return Reply(headers=container_validators(updated))


@route("DELETE", "/{container}", resource="filesystem")
def delete_filesystem(call: Call) -> Reply:
    """Delete a filesystem with everything in it: 202."""
    request = authorize(call, f"{CONTAINERS}/delete", control=True)
    filesystem = containers.get(request.tenant, request.account_name, request.container_name)
    conditions.check_write(call.headers, with_modified_time(filesystem), dfs_wire.path_already_exists())
    containers.delete(
        request.tenant, request.account_name, request.container_name, lease_id=call.headers.get("x-ms-lease-id")
    )
    return Reply(status=202)


@route("GET", "/{container}", resource="filesystem")
def list_paths(call: Call) -> Reply:
    """List the paths below a directory, recursively or not, in pages."""
    request = authorize(call, READ)
    containers.get(request.tenant, request.account_name, request.container_name)
    directory = request.address.with_path(call.query.get("directory", ""))
    if (
        directory.path
        and paths.find(request.tenant, directory) is None
        and not any(paths.list_below(request.tenant, directory))
    ):
        raise not_found()
    listed = [
        path
        for path in paths.list_below(request.tenant, directory)
        if path["size"] or path["directory"] or path["content"]
    ]
    if not is_query_true(call, "recursive"):
        listed = dfs_wire.direct_children(listed, directory)
    listed = dfs_wire.paths_from_requested_start(call, listed, directory)
    page, headers = dfs_wire.page(call, listed)
    return Reply(body={"paths": [dfs_wire.path_entry(path) for path in page]}, headers=headers)


def _namespace_header(request: AuthorizedRequest) -> dict[str, str]:
    """The header that says whether the namespace is hierarchical."""
    return {"x-ms-namespace-enabled": str(request.is_hierarchical).lower()}
