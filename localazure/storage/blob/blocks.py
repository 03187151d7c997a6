"""The content of blobs: write it whole, in blocks, append to it, copy it.

https://learn.microsoft.com/rest/api/storageservices/understanding-block-blobs--append-blobs--and-page-blobs
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localazure.app import contents
from localazure.storage.blob import blob_wire
from localazure.storage.blob.blob_wire import error
from localazure.storage.data import checksums, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.storage.data.paths import PathAddress

_CONTENT_HEADERS = {
    "x-ms-blob-content-type": "Content-Type",
    "x-ms-blob-content-encoding": "Content-Encoding",
    "x-ms-blob-content-language": "Content-Language",
    "x-ms-blob-content-disposition": "Content-Disposition",
    "x-ms-blob-cache-control": "Cache-Control",
    "x-ms-blob-content-md5": "Content-MD5",
}


def requested_blob_fields(call: Call) -> Document:
    """Content headers, metadata and tier of a call that writes a blob."""
    # Put Blob falls back on the body's own Content-Type; a block list's is that of its XML.
    content_type = call.headers.get("content-type") if "comp" not in call.query else None
    return {
        "headers": {**({"Content-Type": content_type} if content_type else {}), **content_headers(call)},
        "metadata": {
            name: value for name, value in blob_wire.requested_metadata(call).items() if name != "hdi_isfolder"
        },
        "tier": call.headers.get("x-ms-access-tier", ""),
    }


def content_headers(call: Call) -> dict[str, str]:
    """The x-ms-blob-content- headers under their HTTP names."""
    return {name: call.headers[sent] for sent, name in _CONTENT_HEADERS.items() if sent in call.headers}


def write_blob(tenant: Tenant, address: PathAddress, owner: str, data: bytes, values: Mapping[str, Any]) -> Document:
    """Write a blob with this content. Its MD5 is computed unless the caller sends one."""
    blob = paths.create_or_replace_file(tenant, address, owner, values)
    contents.write(tenant, str(blob["content"]), 0, data)
    md5 = {"Content-MD5": checksums.base64_md5(data)} if blob["type"] == "BlockBlob" else {}
    paths.delete_uncommitted_blocks(tenant, address.store_key + "\n")
    return paths.commit_size(tenant, address, {**blob, "headers": {**md5, **blob["headers"]}}, len(data))


def put_block(tenant: Tenant, address: PathAddress, block_id: str, data: bytes) -> None:
    """Stage a block for a later block list; it replaces one with the same id.

    400 InvalidBlockId, or InvalidBlobOrBlock if the ids of the blob differ in length.
    """
    try:
        decoded = base64.b64decode(block_id, validate=True)
    except ValueError as wrong:
        raise error(400, "InvalidBlockId") from wrong
    if not 0 < len(decoded) <= 64:
        raise error(400, "InvalidBlockId")
    first = next(_uncommitted_blocks(tenant, address), None)
    if first is not None and len(str(first["id"])) != len(block_id):  # all ids of one blob have one length
        raise error(400, "InvalidBlobOrBlock")
    existing = tenant.store.get(paths.BLOCKS, f"{address.store_key}\n{block_id}")
    if existing is not None:
        contents.delete(tenant, str(existing["content"]))
    content = contents.create_empty(tenant)
    contents.write(tenant, content, 0, data)
    block = {"id": block_id, "size": len(data), "content": content, "since": tenant.clock.timestamp()}
    tenant.store.put(paths.BLOCKS, f"{address.store_key}\n{block_id}", block)


def list_uncommitted_blocks(tenant: Tenant, address: PathAddress) -> list[Document]:
    """List the uncommitted blocks of a blob that are not older than a week."""
    return list(_uncommitted_blocks(tenant, address))


def uncommitted_blobs(tenant: Tenant, root: PathAddress, owner: str) -> Iterator[Document]:
    """The blobs that have uncommitted blocks only, as blobs without content; lists include them on request."""
    rows = tenant.store.rows(paths.BLOCKS, root.store_key)
    names = {key.partition("\n")[0].removeprefix(root.store_key) for key, _ in rows}
    addresses = (replace(root, path=name) for name in sorted(names))
    missing = (address for address in addresses if paths.find(tenant, address) is None)
    return (
        paths.unstored_file(tenant, address, owner) for address in missing if list_uncommitted_blocks(tenant, address)
    )


def commit_blocks(
    tenant: Tenant, address: PathAddress, owner: str, block_list_xml: str, values: Mapping[str, Any]
) -> Document:
    """Commit a blob from a block list, out of its committed and uncommitted blocks; the others are discarded."""
    blocks = list(_listed_blocks(tenant, address, block_list_xml))
    content, size = contents.create_empty(tenant), 0
    for _, source, start, length in blocks:
        contents.copy(tenant, content, size, source, start=start, length=length)
        size += length
    blob = paths.create_or_replace_file(tenant, address, owner, values)
    contents.delete(tenant, str(blob["content"]))
    paths.delete_uncommitted_blocks(tenant, address.store_key + "\n")
    listed = [{"id": block_id, "size": length} for block_id, _, _, length in blocks]
    return paths.commit_size(tenant, address, {**blob, "content": content, "blocks": listed}, size)


def append_block(tenant: Tenant, address: PathAddress, blob: Document, data: bytes) -> Document:
    """Append a block to an append blob."""
    contents.write(tenant, str(blob["content"]), int(blob["size"]), data)
    listed = [*blob["blocks"], {"id": "", "size": len(data)}]
    return paths.commit_size(tenant, address, {**blob, "blocks": listed}, int(blob["size"]) + len(data))


def copy_blob(tenant: Tenant, source: Document, target: PathAddress, owner: str, values: Mapping[str, Any]) -> Document:
    """Write a blob with the content of another."""
    content = contents.create_empty(tenant)
    contents.copy(tenant, content, 0, str(source["content"]), length=int(source["size"]))
    blob = paths.create_or_replace_file(tenant, target, owner, values)
    contents.delete(tenant, str(blob["content"]))
    copied = {"type": source["type"], "blocks": source["blocks"], "content": content}
    return paths.commit_size(tenant, target, {**blob, **copied}, int(source["size"]))


def _uncommitted_blocks(tenant: Tenant, address: PathAddress) -> Iterator[Document]:
    """The uncommitted blocks of a blob that are not older than a week."""
    oldest = tenant.clock.timestamp() - paths.UNCOMMITTED_SECONDS
    return (block for _, block in tenant.store.rows(paths.BLOCKS, address.store_key + "\n") if block["since"] >= oldest)


def _listed_blocks(tenant: Tenant, address: PathAddress, block_list_xml: str) -> Iterator[tuple[str, str, int, int]]:
    """Block id, content, start and length of each listed block; 400 InvalidBlockList for a missing one.

    400 InvalidXmlDocument for no block list. Raised while it is iterated.
    """
    uncommitted = {
        str(block["id"]): (str(block["content"]), 0, int(block["size"]))
        for block in _uncommitted_blocks(tenant, address)
    }
    committed = _committed_blocks(tenant, address)
    blocks_by_kind = {"Latest": {**committed, **uncommitted}, "Committed": committed, "Uncommitted": uncommitted}
    if "<BlockList" not in block_list_xml:
        raise error(400, "InvalidXmlDocument")
    for kind, block_id in re.findall(r"<(Latest|Committed|Uncommitted)>\s*([^<\s]+)\s*</\1>", block_list_xml):
        if block_id not in blocks_by_kind[kind]:
            raise error(400, "InvalidBlockList")
        yield (block_id, *blocks_by_kind[kind][block_id])


def _committed_blocks(tenant: Tenant, address: PathAddress) -> dict[str, tuple[str, int, int]]:
    """Content, start and length of the committed blocks, which are contiguous in the blob's content."""
    blob, start, blocks = paths.find(tenant, address), 0, dict[str, tuple[str, int, int]]()
    for block in blob["blocks"] if blob else ():
        blocks[str(block["id"])] = (str(blob["content"]) if blob else "", start, int(block["size"]))
        start += int(block["size"])
    return blocks
