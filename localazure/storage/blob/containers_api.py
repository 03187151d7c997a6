"""Containers of the Blob service, on the same data as filesystems of the dfs endpoint.

https://learn.microsoft.com/rest/api/storageservices/operations-on-containers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Call, Reply
from localazure.storage.blob import access_policies, blob_wire, blocks
from localazure.storage.blob.blob_wire import error, requested_metadata
from localazure.storage.data import (
    conditions,
    containers,
    leases,
    paths,
)
from localazure.storage.data.path_responses import (
    LEASE_STATUS_CODES,
    container_validators,
    invalid_header,
    lease_request,
    lease_response,
    with_modified_time,
)
from localazure.storage.data.storage_access import (
    CONTAINERS,
    READ,
    AuthorizedRequest,
    authorize,
)

if TYPE_CHECKING:
    from localazure.app.store import Document

from localazure.storage.blob.service import route


@route("PUT", "/{container}", restype="container", comp="metadata")
def set_container_metadata(call: Call) -> Reply:
    """Replace the metadata of a container."""
    request, container = _require_container(call, "write")
    conditions.check_modified_since(call.headers, with_modified_time(container))
    updated = containers.put(request.tenant, {**container, "metadata": requested_metadata(call)})
    return Reply(headers=container_validators(updated))


@route("PUT", "/{container}", restype="container", comp="acl")
def set_container_acl(call: Call) -> Reply:
    """Set the public access and the stored access policies of a container."""
    request, container = _require_container(call, "setAcl/action")
    public_access = blob_wire.permitted_public_access(call, request.account)
    policies = access_policies.parse_policies(call.body.decode("utf-8", "replace"))
    updated = containers.put(request.tenant, {**container, "publicAccess": public_access, "_policies": policies})
    return Reply(headers=container_validators(updated))


@route("GET", "/{container}", restype="container", comp="acl")
def get_container_acl(call: Call) -> Reply:
    """The public access and the stored access policies of a container."""
    _, container = _require_container(call, "getAcl/action")
    public_access = {"x-ms-blob-public-access": container["publicAccess"].lower()} if container["publicAccess"] else {}
    policies = access_policies.render_policies(container.get("_policies", {}))
    return blob_wire.xml_response(policies, headers={**container_validators(container), **public_access})


@route("PUT", "/{container}", restype="container", comp="lease")
def lease_container(call: Call) -> Reply:
    """Acquire, renew, change, release or break the lease of a container."""
    request, container = _require_container(call, "write")
    action = call.headers.get("x-ms-lease-action", "").lower()
    if action not in LEASE_STATUS_CODES:
        raise invalid_header("x-ms-lease-action", action)
    lease = containers.change_lease(
        request.tenant, request.account_name, request.container_name, action, lease_request(call)
    )["lease"]
    return lease_response(action, lease, request.tenant.clock.timestamp(), container_validators(container))


@route("GET", "/{container}", restype="container", comp="list")
def list_blobs(call: Call) -> Reply:
    """List the blobs of a container, flat or by delimiter, in pages."""
    request = authorize(call, READ, min_public_access="Container")
    containers.get(request.tenant, request.account_name, request.container_name)
    only_deleted = call.query.get("showonly") == "deleted"  # soft delete of blobs is off: nothing to show
    listed = [] if only_deleted else list(paths.list_below(request.tenant, request.address))
    if "uncommittedblobs" in call.query.get("include", ""):
        listed.extend(blocks.uncommitted_blobs(request.tenant, request.address, request.caller_id))
    return blob_wire.blob_list_response(call, request.address, listed, hierarchical=request.is_hierarchical)


@route("PUT", "/{container}", restype="container")
def create_container(call: Call) -> Reply:
    """Create a container: 201, or 409 ContainerAlreadyExists."""
    blob_wire.check_comp(call)
    request = authorize(call, f"{CONTAINERS}/write", control=True)
    public_access = blob_wire.permitted_public_access(call, request.account)
    container = containers.create(
        request.tenant,
        request.account_name,
        request.container_name,
        metadata=requested_metadata(call),
        owner=request.caller_id,
    )
    if public_access:
        container = containers.put(request.tenant, {**container, "publicAccess": public_access})
    return Reply(status=201, headers=container_validators(container))


@route("DELETE", "/{container}", restype="container")
def delete_container(call: Call) -> Reply:
    """Delete a container with everything in it: 202."""
    blob_wire.check_comp(call)
    request, container = _require_container(call, "delete")
    conditions.check_write(call.headers, with_modified_time(container), error(409, "BlobAlreadyExists"))
    containers.delete(
        request.tenant, request.account_name, request.container_name, lease_id=call.headers.get("x-ms-lease-id")
    )
    return Reply(status=202)


def get_container(call: Call) -> Reply:
    """Properties and metadata of a container, in headers."""
    blob_wire.check_comp(call, "metadata")
    _, container = _require_container(call, "read")
    lease_id = call.headers.get("x-ms-lease-id")
    if lease_id:
        leases.check_lease_id(container["lease"], lease_id, call.tenant.clock.timestamp())
    return Reply(headers=blob_wire.container_headers(call.tenant, container))


for _method in ("GET", "HEAD"):
    route(_method, "/{container}", restype="container")(get_container)


def _require_container(call: Call, action: str) -> tuple[AuthorizedRequest, Document]:
    """The authorized request and its container; 404 ContainerNotFound."""
    request = authorize(call, f"{CONTAINERS}/{action}", control=True)
    return request, containers.get(request.tenant, request.account_name, request.container_name)
