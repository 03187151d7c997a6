"""Blobs of the Blob service, on the same data as files of the dfs endpoint.

https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Call, Reply
from localazure.storage.blob import blob_wire, blocks, copy_source
from localazure.storage.blob.blob_wire import error
from localazure.storage.data import (
    blob_tiers,
    checksums,
    conditions,
    containers,
    path_expiry,
    paths,
    shared_access,
)
from localazure.storage.data.path_responses import (
    change_lease,
    content_response,
    invalid_header,
    validators,
)
from localazure.storage.data.storage_access import (
    ADD,
    DELETE,
    READ,
    WRITE,
    AuthorizedRequest,
    authorize,
)

if TYPE_CHECKING:
    from localazure.app.store import Document

from localazure.storage.blob.service import route

_ENCRYPTED = {"x-ms-request-server-encrypted": "true"}


@route("PUT", "/{container}/{path:path}", comp="block")
def put_block(call: Call) -> Reply:
    """Stage a block for a later block list."""
    request, _ = _require_writable(call)
    call = copy_source.with_source_content(call, request)
    checksum = checksums.verified_checksum_header(call.headers, call.body)
    blocks.put_block(request.tenant, request.address, call.query.get("blockid", ""), call.body)
    return Reply(status=201, headers={**_ENCRYPTED, **checksum})


@route("PUT", "/{container}/{path:path}", comp="blocklist")
def put_block_list(call: Call) -> Reply:
    """Commit a blob from its blocks."""
    request, existing = _require_writable(call)
    checksum = checksums.verified_block_list_header(call.headers, call.body)
    conditions.check_write(call.headers, existing, error(409, "BlobAlreadyExists"))
    blob = blocks.commit_blocks(
        request.tenant,
        request.address,
        request.caller_id,
        call.body.decode("utf-8", "replace"),
        blocks.requested_blob_fields(call),
    )
    return Reply(status=201, headers={**validators(blob), **_ENCRYPTED, **checksum})


@route("GET", "/{container}/{path:path}", comp="blocklist")
def get_block_list(call: Call) -> Reply:
    """List the committed and the uncommitted blocks of a blob."""
    request = authorize(call, READ)
    blob, uncommitted = (
        paths.find(request.tenant, request.address),
        blocks.list_uncommitted_blocks(request.tenant, request.address),
    )
    if blob is None and not uncommitted:
        raise error(404, "BlobNotFound")
    list_type, text = call.query.get("blocklisttype", "committed").lower(), ""
    for kind, listed in (("Committed", blob["blocks"] if blob else []), ("Uncommitted", uncommitted)):
        if list_type in {kind.lower(), "all"}:
            items = "".join(
                f"<Block><Name>{block['id']}</Name><Size>{block['size']}</Size></Block>" for block in listed
            )
            text += f"<{kind}Blocks>{items}</{kind}Blocks>"
    size = {"x-ms-blob-content-length": str(blob["size"]), **validators(blob)} if blob else {}
    return blob_wire.xml_response(f"<BlockList>{text}</BlockList>", headers=size)


@route("PUT", "/{container}/{path:path}", comp="appendblock")
def append_block(call: Call) -> Reply:
    """Append to an append blob, on condition of its size."""
    request, blob = _require_blob(call, WRITE, ADD)
    _check_write_conditions(call, blob)
    call = copy_source.with_source_content(call, request)
    if blob["type"] != "AppendBlob":
        raise error(409, "InvalidBlobType")
    expected = call.headers.get("x-ms-blob-condition-appendpos")
    if expected is not None and expected != str(blob["size"]):
        raise conditions.append_position_not_met()
    conditions.check_append_size(call.headers, int(blob["size"]) + len(call.body))
    checksum = checksums.verified_checksum_header(call.headers, call.body)
    appended = blocks.append_block(request.tenant, request.address, blob, call.body)
    count = {
        "x-ms-blob-append-offset": str(blob["size"]),
        "x-ms-blob-committed-block-count": str(len(appended["blocks"])),
    }
    return Reply(status=201, headers={**validators(appended), **_ENCRYPTED, **count, **checksum})


@route("PUT", "/{container}/{path:path}", comp="metadata")
def set_blob_metadata(call: Call) -> Reply:
    """Replace the metadata of a blob."""
    return _update_blob(call, {"metadata": blocks.requested_blob_fields(call)["metadata"]})


@route("PUT", "/{container}/{path:path}", comp="properties")
def set_blob_properties(call: Call) -> Reply:
    """Replace the content headers of a blob. As in Azure, those that are not sent are cleared."""
    return _update_blob(call, {"headers": blocks.content_headers(call), "copy": {}})


@route("PUT", "/{container}/{path:path}", comp="copy")
def refuse_copy_abort(call: Call) -> Reply:
    """409: every copy is complete at once."""
    _require_blob(call, WRITE)
    raise error(409, "NoPendingCopyOperation")


@route("PUT", "/{container}/{path:path}", comp="tier")
def set_blob_tier(call: Call) -> Reply:
    """Set the tier to hot, cool, cold or archive. It changes neither etag nor time."""
    request, blob = _require_blob(call, WRITE)
    status, updated = blob_tiers.with_requested_tier(call, blob)
    paths.put_keeping_etag(request.tenant, request.address, updated)
    return Reply(status=status)


@route("PUT", "/{container}/{path:path}", comp="expiry")
def set_blob_expiry(call: Call) -> Reply:
    """Set when a file expires; only files of hierarchical accounts can."""
    request, blob = _require_blob(call, WRITE)
    if not request.is_hierarchical or blob["directory"] or "x-ms-expiry-option" not in call.headers:
        raise invalid_header("x-ms-expiry-option", call.headers.get("x-ms-expiry-option", ""))
    conditions.check_lease(request.tenant, call.headers, blob)
    return Reply(
        headers=validators(
            paths.put(request.tenant, request.address, {**blob, **path_expiry.requested_expiry(call, blob["created"])})
        )
    )


@route("PUT", "/{container}/{path:path}", comp="lease")
def lease_blob(call: Call) -> Reply:
    """Acquire, renew, change, release or break the lease of a blob."""
    request, blob = _require_blob(call, WRITE)
    conditions.check_write(call.headers, blob, error(409, "BlobAlreadyExists"))
    return change_lease(call, request.address, blob)


@route("PUT", "/{container}/{path:path}")
def put_blob(call: Call) -> Reply:
    """Write a block or append blob over an existing one, from the body, from a URL, or as a copy."""
    request, existing = _require_writable(call)
    blob_wire.check_comp(call)
    conditions.check_write(call.headers, existing, error(409, "BlobAlreadyExists"))
    blob_type = call.headers.get("x-ms-blob-type", "")
    if copy_source.HEADER in call.headers and not blob_type:
        return _copy_blob(call, request)
    if blob_type not in {"BlockBlob", "AppendBlob"}:
        raise invalid_header("x-ms-blob-type", blob_type)
    values = {**blocks.requested_blob_fields(call), "type": blob_type}
    if copy_source.HEADER in call.headers:
        copies_properties = call.headers.get("x-ms-copy-source-blob-properties", "true").lower() == "true"
        values["headers"] = (
            copy_source.require_source(call, request)["headers"] if copies_properties else {}
        ) | blocks.content_headers(call)
        call = copy_source.with_source_content(call, request)
    checksum = checksums.verified_checksum_header(call.headers, call.body)
    if request.is_hierarchical and call.headers.get("x-ms-meta-hdi_isfolder", "").lower() == "true":
        blob = paths.create_or_reset_directory(
            request.tenant, request.address, request.caller_id, {"metadata": values["metadata"]}
        )
    else:
        blob = blocks.write_blob(request.tenant, request.address, request.caller_id, call.body, values)
    return Reply(status=201, headers={**validators(blob), **_ENCRYPTED, **checksum})


def _copy_blob(call: Call, request: AuthorizedRequest) -> Reply:
    """Copy a blob with its properties: 202, complete at once."""
    source, values = copy_source.require_source(call, request), blocks.requested_blob_fields(call)
    values = {**values, "headers": source["headers"], "metadata": values["metadata"] or source["metadata"]}
    values["copy"] = {"id": request.tenant.clock.new_id(), "source": call.headers[copy_source.HEADER]}
    blob = blocks.copy_blob(request.tenant, source, request.address, request.caller_id, values)
    copy_headers = {"x-ms-copy-id": values["copy"]["id"], "x-ms-copy-status": "success"}
    return Reply(status=202, headers={**validators(blob), **copy_headers})


def get_blob(call: Call) -> Reply:
    """The bytes of a blob as a stream, or its properties only."""
    blob_wire.check_comp(call, "metadata")
    request, blob = _require_blob(call, READ, min_public_access="Blob")
    conditions.check_read(call.headers, blob)
    conditions.check_lease_read(request.tenant, call.headers, blob)
    is_whole = not (call.headers.get("range") or call.headers.get("x-ms-range"))
    headers = blob_wire.blob_headers(request, blob, is_whole=is_whole or call.method == "HEAD")
    headers |= shared_access.response_header_overrides(call.query)
    if call.method == "HEAD" or call.query.get("comp") == "metadata":
        property_headers = headers if call.method == "HEAD" else {**headers, "Content-Length": "0"}
        return Reply(headers=property_headers)
    blob_tiers.check_not_archived(request.tenant, blob)
    return content_response(call, blob, headers)


for _method in ("GET", "HEAD"):
    route(_method, "/{container}/{path:path}")(get_blob)
route("HEAD", "/{container}")(
    get_blob
)  # the root directory, which the data lake's clients ask for by the blob endpoint


@route("DELETE", "/{container}/{path:path}")
def delete_blob(call: Call) -> Reply:
    """Delete a blob, or an empty directory."""
    blob_wire.check_comp(call)
    request, blob = _require_blob(call, DELETE)
    _check_write_conditions(call, blob)
    if any(paths.list_below(request.tenant, request.address)) and blob["directory"]:
        raise error(409, "DirectoryIsNotEmpty")
    paths.delete_recursively(request.tenant, request.address)
    return Reply(status=202, headers={"x-ms-delete-type-permanent": "true"})


def _update_blob(call: Call, values: Document) -> Reply:
    """Store changed fields of a blob, if conditions, lease and tier permit."""
    request, blob = _require_blob(call, WRITE)
    _check_write_conditions(call, blob)
    blob_tiers.check_not_archived(request.tenant, blob)
    updated = paths.put(request.tenant, request.address, {**blob, **values})
    return Reply(headers={**validators(updated), **_ENCRYPTED})


def _check_write_conditions(call: Call, blob: Document) -> None:
    """412 unless the conditions and the lease of a write are met."""
    conditions.check_write(call.headers, blob, error(409, "BlobAlreadyExists"))
    conditions.check_lease(call.tenant, call.headers, blob)


def _require_blob(call: Call, *actions: str, min_public_access: str = "") -> tuple[AuthorizedRequest, Document]:
    """The authorized request and its blob; 404 BlobNotFound.

    404 also without the container; tags and snapshots are refused.
    """
    request = authorize(call, *actions, min_public_access=min_public_access)
    blob_wire.refuse_tags_and_snapshots(call, hierarchical=request.is_hierarchical)
    containers.get(request.tenant, request.account_name, request.container_name)
    blob = paths.find(request.tenant, request.address)
    if blob is None:
        raise error(404, "BlobNotFound")
    return request, blob


def _require_writable(call: Call) -> tuple[AuthorizedRequest, Document | None]:
    """The authorized request and the blob that it would overwrite. Adding needs less than overwriting.

    404 without the container, 409 for an archived blob or tags, 412 without the lease id of a leased one.
    """
    request = authorize(call, WRITE, ADD)
    blob_wire.refuse_tags_and_snapshots(call, hierarchical=request.is_hierarchical)
    containers.get(request.tenant, request.account_name, request.container_name)
    existing = paths.find(request.tenant, request.address)
    if existing is not None:
        authorize(call, WRITE)
    conditions.check_lease(request.tenant, call.headers, existing)
    blob_tiers.check_not_archived(request.tenant, existing)
    return request, existing
