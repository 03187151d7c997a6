"""Blob storage (`*.blob.core.windows.net`): containers and blobs, on the same data as the dfs endpoint.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Call, Reply
from localazure.app.service import Service
from localazure.storage.blob import access_policies, blob_wire, blocks, copy_source
from localazure.storage.blob.blob_wire import container_stamps, error, metadata
from localazure.storage.data import (
    blob_tiers,
    checksums,
    conditions,
    containers,
    leases,
    path_expiry,
    paths,
    shared_access,
)
from localazure.storage.data.path_answers import (
    LEASE_STATUS,
    change_lease,
    content,
    invalid_header,
    lease_reply,
    lease_request,
    stamps,
    versioned,
)
from localazure.storage.data.storage_access import ACCOUNTS, ADD, CONTAINERS, DELETE, READ, WRITE, Visit, visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.service import Handler
    from localazure.app.store import Document

SERVICE = Service(name="blob", hosts=("*.blob.core.windows.net",), render=blob_wire.render)
_WHY = "bearer token (RBAC on the container), Shared Key or public access, decided by storage_access.visit"
_CREATED = {"x-ms-request-server-encrypted": "true"}


def _on(method: str, path: str, **query: str) -> Callable[[Handler], Handler]:
    register = SERVICE.route(method, path, action=None, why=_WHY, when=query)
    return lambda handler: register(versioned(handler)) and handler


@_on("GET", "/", comp="list")
def list_containers(call: Call) -> Reply:
    """By name, in pages."""
    at = visit(call, f"{CONTAINERS}/read", control=True)
    return blob_wire.container_list(call, at.name, containers.listing(at.world, at.name))


def get_account_information(call: Call) -> Reply:
    """SKU, kind and namespace, in headers; asked of the account, a container or a blob."""
    at = visit(call, f"{ACCOUNTS}/blobServices/getInfo/action", READ, f"{ACCOUNTS}/read")
    shown = {
        "x-ms-sku-name": str(at.account.get("sku", {}).get("name", "Standard_LRS")),
        "x-ms-account-kind": str(at.account.get("kind", "StorageV2")),
        "x-ms-is-hns-enabled": str(at.is_hierarchical).lower(),
    }
    return Reply(headers=shown)


@_on("GET", "/", restype="service")
def refuse_of_service(call: Call) -> Reply:
    """Statistics of replication are for secondary endpoints: no account of here has one."""
    visit(call)
    raise blob_wire.invalid_query("comp", call.query.get("comp", ""))


for _method in ("GET", "HEAD"):
    for _path in ("/", "/{container}", "/{container}/{path:path}"):
        _on(_method, _path, restype="account", comp="properties")(get_account_information)


@_on("PUT", "/{container}", restype="container", comp="metadata")
def set_container_metadata(call: Call) -> Reply:
    """Replace it."""
    at, found = _container(call, "write")
    conditions.check_modified_since(call.headers, blob_wire.as_path(found))
    changed = containers.put(at.world, {**found, "metadata": metadata(call)})
    return Reply(headers=container_stamps(changed))


@_on("PUT", "/{container}", restype="container", comp="acl")
def set_container_acl(call: Call) -> Reply:
    """The public access and the stored access policies."""
    at, found = _container(call, "setAcl/action")
    public = blob_wire.public_access(call, at.account)
    policies = access_policies.parse(call.body.decode("utf-8", "replace"))
    changed = containers.put(at.world, {**found, "publicAccess": public, "_policies": policies})
    return Reply(headers=container_stamps(changed))


@_on("GET", "/{container}", restype="container", comp="acl")
def get_container_acl(call: Call) -> Reply:
    """The public access and the stored access policies."""
    _, found = _container(call, "getAcl/action")
    public = {"x-ms-blob-public-access": found["publicAccess"].lower()} if found["publicAccess"] else {}
    stored = access_policies.render(found.get("_policies", {}))
    return blob_wire.xml(stored, headers={**container_stamps(found), **public})


@_on("PUT", "/{container}", restype="container", comp="lease")
def lease_container(call: Call) -> Reply:
    """Acquire, renew, change, release or break."""
    at, found = _container(call, "write")
    action = call.headers.get("x-ms-lease-action", "").lower()
    if action not in LEASE_STATUS:
        raise invalid_header("x-ms-lease-action", action)
    held = containers.lease(at.world, at.name, at.container, action, lease_request(call))["lease"]
    return lease_reply(action, held, at.world.clock.timestamp(), container_stamps(found))


@_on("GET", "/{container}", restype="container", comp="list")
def list_blobs(call: Call) -> Reply:
    """Flat or by delimiter, with metadata on demand, in pages."""
    at = visit(call, READ, public="Container")
    containers.get(at.world, at.name, at.container)
    deleted = call.query.get("showonly") == "deleted"  # soft delete of blobs is off: nothing to show
    shown = [] if deleted else list(paths.below(at.world, at.place))
    if "uncommittedblobs" in call.query.get("include", ""):
        shown.extend(blocks.unborn(at.world, at.place, at.who))
    return blob_wire.blob_list(call, at.place, shown, hierarchical=at.is_hierarchical)


@_on("PUT", "/{container}", restype="container")
def create_container(call: Call) -> Reply:
    """201, or 409 ContainerAlreadyExists."""
    blob_wire.check_known(call)
    at = visit(call, f"{CONTAINERS}/write", control=True)
    public = blob_wire.public_access(call, at.account)
    made = containers.create(at.world, at.name, at.container, metadata=metadata(call))
    if public:
        made = containers.put(at.world, {**made, "publicAccess": public})
    return Reply(status=201, headers=container_stamps(made))


@_on("DELETE", "/{container}", restype="container")
def delete_container(call: Call) -> Reply:
    """With all that is in it."""
    blob_wire.check_known(call)
    at, found = _container(call, "delete")
    conditions.check_write(call.headers, blob_wire.as_path(found), error(409, "BlobAlreadyExists"))
    containers.delete(at.world, at.name, at.container, lease_id=call.headers.get("x-ms-lease-id"))
    return Reply(status=202)


def get_container(call: Call) -> Reply:
    """Properties and metadata, in headers."""
    blob_wire.check_known(call, "metadata")
    _, found = _container(call, "read")
    leased = call.headers.get("x-ms-lease-id")
    if leased:
        leases.check(found["lease"], leased, call.world.clock.timestamp())
    return Reply(headers=blob_wire.container_headers(call.world, found))


for _method in ("GET", "HEAD"):
    _on(_method, "/{container}", restype="container")(get_container)


def _container(call: Call, right: str) -> tuple[Visit, Document]:
    at = visit(call, f"{CONTAINERS}/{right}", control=True)
    return at, containers.get(at.world, at.name, at.container)


@_on("PUT", "/{container}/{path:path}", comp="block")
def put_block(call: Call) -> Reply:
    """Keep a block for a later block list."""
    at, _ = _writable(call)
    call = copy_source.filled(call, at)
    checksum = checksums.check(call.headers, call.body)
    blocks.put_block(at.world, at.place, call.query.get("blockid", ""), call.body)
    return Reply(status=201, headers={**_CREATED, **checksum})


@_on("PUT", "/{container}/{path:path}", comp="blocklist")
def put_block_list(call: Call) -> Reply:
    """Make the blob from blocks."""
    at, old = _writable(call)
    checksum = checksums.of_list(call.headers, call.body)
    conditions.check_write(call.headers, old, error(409, "BlobAlreadyExists"))
    made = blocks.commit(at.world, at.place, at.who, call.body.decode("utf-8", "replace"), blocks.given(call))
    return Reply(status=201, headers={**stamps(made), **_CREATED, **checksum})


@_on("GET", "/{container}/{path:path}", comp="blocklist")
def get_block_list(call: Call) -> Reply:
    """Committed and waiting blocks."""
    at = visit(call, READ)
    found, waiting = paths.find(at.world, at.place), blocks.uncommitted(at.world, at.place)
    if found is None and not waiting:
        raise error(404, "BlobNotFound")
    wanted, text = call.query.get("blocklisttype", "committed").lower(), ""
    for kind, listed in (("Committed", found["blocks"] if found else []), ("Uncommitted", waiting)):
        if wanted in {kind.lower(), "all"}:
            items = "".join(f"<Block><Name>{b['id']}</Name><Size>{b['size']}</Size></Block>" for b in listed)
            text += f"<{kind}Blocks>{items}</{kind}Blocks>"
    size = {"x-ms-blob-content-length": str(found["size"]), **stamps(found)} if found else {}
    return blob_wire.xml(f"<BlockList>{text}</BlockList>", headers=size)


@_on("PUT", "/{container}/{path:path}", comp="appendblock")
def append_block(call: Call) -> Reply:
    """At the end of an append blob, on condition of its length."""
    at, found = _present(call, WRITE, ADD)
    _check_writable(call, found)
    call = copy_source.filled(call, at)
    if found["type"] != "AppendBlob":
        raise error(409, "InvalidBlobType")
    expected = call.headers.get("x-ms-blob-condition-appendpos")
    if expected is not None and expected != str(found["size"]):
        raise conditions.append_position_unmet()
    conditions.check_append_size(call.headers, int(found["size"]) + len(call.body))
    checksum = checksums.check(call.headers, call.body)
    changed = blocks.append(at.world, at.place, found, call.body)
    count = {
        "x-ms-blob-append-offset": str(found["size"]),
        "x-ms-blob-committed-block-count": str(len(changed["blocks"])),
    }
    return Reply(status=201, headers={**stamps(changed), **_CREATED, **count, **checksum})


@_on("PUT", "/{container}/{path:path}", comp="metadata")
def set_blob_metadata(call: Call) -> Reply:
    """Replace it."""
    return _change(call, {"metadata": blocks.given(call)["metadata"]})


@_on("PUT", "/{container}/{path:path}", comp="properties")
def set_blob_properties(call: Call) -> Reply:
    """Replace the content headers: what is not given is cleared, as Azure does."""
    return _change(call, {"headers": blocks.content_headers(call), "copy": {}})


@_on("PUT", "/{container}/{path:path}", comp="copy")
def abort_copy(call: Call) -> Reply:
    """Always too late: a copy is done at once."""
    _present(call, WRITE)
    raise error(409, "NoPendingCopyOperation")


@_on("PUT", "/{container}/{path:path}", comp="tier")
def set_blob_tier(call: Call) -> Reply:
    """Hot, cool, cold or archive; it changes neither etag nor time."""
    at, found = _present(call, WRITE)
    status, changed = blob_tiers.changed(call, found)
    paths.keep(at.world, at.place, changed)
    return Reply(status=status)


@_on("PUT", "/{container}/{path:path}", comp="expiry")
def set_blob_expiry(call: Call) -> Reply:
    """When a file ends; only hierarchical accounts have that, and directories have none."""
    at, found = _present(call, WRITE)
    if not at.is_hierarchical or found["directory"] or "x-ms-expiry-option" not in call.headers:
        raise invalid_header("x-ms-expiry-option", call.headers.get("x-ms-expiry-option", ""))
    conditions.check_lease(at.world, call.headers, found)
    return Reply(headers=stamps(paths.put(at.world, at.place, {**found, **path_expiry.asked(call, found["created"])})))


@_on("PUT", "/{container}/{path:path}", comp="lease")
def lease_blob(call: Call) -> Reply:
    """Acquire, renew, change, release or break."""
    at, found = _present(call, WRITE)
    conditions.check_write(call.headers, found, error(409, "BlobAlreadyExists"))
    return change_lease(call, at.place, found)


@_on("PUT", "/{container}/{path:path}")
def put_blob(call: Call) -> Reply:
    """A block or append blob in the place of what was there, or a copy of another."""
    at, old = _writable(call)
    blob_wire.check_known(call)
    conditions.check_write(call.headers, old, error(409, "BlobAlreadyExists"))
    kind = call.headers.get("x-ms-blob-type", "")
    if copy_source.HEADER in call.headers and not kind:
        return _copy(call, at)
    if kind not in {"BlockBlob", "AppendBlob"}:
        raise invalid_header("x-ms-blob-type", kind)
    values = {**blocks.given(call), "type": kind}
    if copy_source.HEADER in call.headers:
        own = call.headers.get("x-ms-copy-source-blob-properties", "true").lower() == "true"
        values["headers"] = (copy_source.find(call, at)["headers"] if own else {}) | blocks.content_headers(call)
        call = copy_source.filled(call, at)
    checksum = checksums.check(call.headers, call.body)
    if at.is_hierarchical and call.headers.get("x-ms-meta-hdi_isfolder", "").lower() == "true":
        made = paths.make_directory(at.world, at.place, at.who, {"metadata": values["metadata"]})
    else:
        made = blocks.put_whole(at.world, at.place, at.who, call.body, values)
    return Reply(status=201, headers={**stamps(made), **_CREATED, **checksum})


def _copy(call: Call, at: Visit) -> Reply:
    """A blob like another, properties and all; done at once."""
    found, values = copy_source.find(call, at), blocks.given(call)
    values = {**values, "headers": found["headers"], "metadata": values["metadata"] or found["metadata"]}
    values["copy"] = {"id": at.world.clock.new_id(), "source": call.headers[copy_source.HEADER]}
    made = blocks.copy(at.world, found, at.place, at.who, values)
    done = {"x-ms-copy-id": values["copy"]["id"], "x-ms-copy-status": "success"}
    return Reply(status=202, headers={**stamps(made), **done})


def get_blob(call: Call) -> Reply:
    """The bytes, streamed, or their properties alone."""
    blob_wire.check_known(call, "metadata")
    at, found = _present(call, READ, public="Blob")
    conditions.check_read(call.headers, found)
    conditions.check_lease_read(at.world, call.headers, found)
    whole = not (call.headers.get("range") or call.headers.get("x-ms-range"))
    headers = blob_wire.blob_headers(at, found, whole=whole or call.method == "HEAD")
    headers |= shared_access.overrides(call.query)
    if call.method == "HEAD" or call.query.get("comp") == "metadata":
        shown = headers if call.method == "HEAD" else {**headers, "Content-Length": "0"}
        return Reply(headers=shown)
    blob_tiers.check_online(at.world, found)
    return content(call, found, headers)


for _method in ("GET", "HEAD"):
    _on(_method, "/{container}/{path:path}")(get_blob)
_on("HEAD", "/{container}")(get_blob)  # the root directory, which the data lake's clients ask for by the blob endpoint


@_on("DELETE", "/{container}/{path:path}")
def delete_blob(call: Call) -> Reply:
    """A blob, or an empty directory."""
    blob_wire.check_known(call)
    at, found = _present(call, DELETE)
    _check_writable(call, found)
    if any(paths.below(at.world, at.place)) and found["directory"]:
        raise error(409, "DirectoryIsNotEmpty")
    paths.remove(at.world, at.place)
    return Reply(status=202, headers={"x-ms-delete-type-permanent": "true"})


def _change(call: Call, values: Document) -> Reply:
    at, found = _present(call, WRITE)
    _check_writable(call, found)
    blob_tiers.check_online(at.world, found)
    changed = paths.put(at.world, at.place, {**found, **values})
    return Reply(headers={**stamps(changed), **_CREATED})


def _check_writable(call: Call, found: Document) -> None:
    conditions.check_write(call.headers, found, error(409, "BlobAlreadyExists"))
    conditions.check_lease(call.world, call.headers, found)


def _present(call: Call, *actions: str, public: str = "") -> tuple[Visit, Document]:
    at = visit(call, *actions, public=public)
    blob_wire.check_served(call, hierarchical=at.is_hierarchical)
    containers.get(at.world, at.name, at.container)
    found = paths.find(at.world, at.place)
    if found is None:
        raise error(404, "BlobNotFound")
    return at, found


def _writable(call: Call) -> tuple[Visit, Document | None]:
    """The caller's visit and what is there: adding needs less than overwriting."""
    at = visit(call, WRITE, ADD)
    blob_wire.check_served(call, hierarchical=at.is_hierarchical)
    containers.get(at.world, at.name, at.container)
    old = paths.find(at.world, at.place)
    if old is not None:
        visit(call, WRITE)
    conditions.check_lease(at.world, call.headers, old)
    blob_tiers.check_online(at.world, old)
    return at, old
