"""What Blob clients do with a blob's content: put it whole, in blocks, append to it, copy it.

https://learn.microsoft.com/rest/api/storageservices/understanding-block-blobs--append-blobs--and-page-blobs
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from localazure.app import contents
from localazure.storage.blob import blob_wire
from localazure.storage.blob.blob_wire import error
from localazure.storage.data import checksums, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World
    from localazure.storage.data.paths import Place

_CONTENT_HEADERS = {
    "x-ms-blob-content-type": "Content-Type",
    "x-ms-blob-content-encoding": "Content-Encoding",
    "x-ms-blob-content-language": "Content-Language",
    "x-ms-blob-content-disposition": "Content-Disposition",
    "x-ms-blob-cache-control": "Cache-Control",
    "x-ms-blob-content-md5": "Content-MD5",
}


def given(call: Call) -> Document:
    """Content headers, metadata and tier that come with a new content."""
    # Put Blob falls back on the body's own Content-Type; a block list's is that of its XML.
    own = call.headers.get("content-type") if "comp" not in call.query else None
    return {
        "headers": {**({"Content-Type": own} if own else {}), **content_headers(call)},
        "metadata": {name: value for name, value in blob_wire.metadata(call).items() if name != "hdi_isfolder"},
        "tier": call.headers.get("x-ms-access-tier", ""),
    }


def content_headers(call: Call) -> dict[str, str]:
    """The x-ms-blob-content- headers under their own names."""
    return {name: call.headers[sent] for sent, name in _CONTENT_HEADERS.items() if sent in call.headers}


def put_whole(world: World, place: Place, owner: str, data: bytes, values: Mapping[str, Any]) -> Document:
    """A blob with this content; its MD5 is kept unless the caller gave one."""
    made = paths.make_file(world, place, owner, values)
    contents.write(world, str(made["content"]), 0, data)
    md5 = {"Content-MD5": checksums.md5(data)} if made["type"] == "BlockBlob" else {}
    paths.drop_blocks(world, place.key + "\n")
    return paths.commit(world, place, {**made, "headers": {**md5, **made["headers"]}}, len(data))


def put_block(world: World, place: Place, block_id: str, data: bytes) -> None:
    """Keep a block for a later block list; one with the same id is replaced."""
    try:
        decoded = base64.b64decode(block_id, validate=True)
    except ValueError as wrong:
        raise error(400, "InvalidBlockId") from wrong
    if not 0 < len(decoded) <= 64:
        raise error(400, "InvalidBlockId")
    first = next(_waiting(world, place), None)
    if first is not None and len(str(first["id"])) != len(block_id):  # all ids of one blob have one length
        raise error(400, "InvalidBlobOrBlock")
    old = world.store.get(paths.BLOCKS, f"{place.key}\n{block_id}")
    if old is not None:
        contents.drop(world, str(old["content"]))
    content = contents.create(world)
    contents.write(world, content, 0, data)
    block = {"id": block_id, "size": len(data), "content": content, "since": world.clock.timestamp()}
    world.store.put(paths.BLOCKS, f"{place.key}\n{block_id}", block)


def uncommitted(world: World, place: Place) -> list[Document]:
    """The blocks that wait for a list and are not older than a week."""
    return list(_waiting(world, place))


def unborn(world: World, container: Place, owner: str) -> Iterator[Document]:
    """What is only blocks that wait for a list, as blobs without content: listings show them on demand."""
    rows = world.store.rows(paths.BLOCKS, container.key)
    names = {key.partition("\n")[0].removeprefix(container.key) for key, _ in rows}
    places = (container.beside(name) for name in sorted(names))
    waiting = (place for place in places if paths.find(world, place) is None and uncommitted(world, place))
    return (paths.draft(world, place, owner) for place in waiting)


def commit(world: World, place: Place, owner: str, text: str, values: Mapping[str, Any]) -> Document:
    """Make the blob from the listed blocks, the old blob's and the waiting ones; the rest is forgotten."""
    pieces = list(_pieces(world, place, text))
    content, size = contents.create(world), 0
    for _, source, start, length in pieces:
        contents.copy(world, content, size, source, start=start, length=length)
        size += length
    made = paths.make_file(world, place, owner, values)
    contents.drop(world, str(made["content"]))
    paths.drop_blocks(world, place.key + "\n")
    listed = [{"id": block_id, "size": length} for block_id, _, _, length in pieces]
    return paths.commit(world, place, {**made, "content": content, "blocks": listed}, size)


def append(world: World, place: Place, found: Document, data: bytes) -> Document:
    """A block at the end of an append blob."""
    contents.write(world, str(found["content"]), int(found["size"]), data)
    listed = [*found["blocks"], {"id": "", "size": len(data)}]
    return paths.commit(world, place, {**found, "blocks": listed}, int(found["size"]) + len(data))


def copy(world: World, source: Document, place: Place, owner: str, values: Mapping[str, Any]) -> Document:
    """A blob with another's content, and its properties where none are given."""
    content = contents.create(world)
    contents.copy(world, content, 0, str(source["content"]), length=int(source["size"]))
    made = paths.make_file(world, place, owner, values)
    contents.drop(world, str(made["content"]))
    kept = {"type": source["type"], "blocks": source["blocks"], "content": content}
    return paths.commit(world, place, {**made, **kept}, int(source["size"]))


def _waiting(world: World, place: Place) -> Iterator[Document]:
    oldest = world.clock.timestamp() - paths.UNCOMMITTED_SECONDS
    return (block for _, block in world.store.rows(paths.BLOCKS, place.key + "\n") if block["since"] >= oldest)


def _pieces(world: World, place: Place, text: str) -> Iterator[tuple[str, str, int, int]]:
    """Block id, content, start and length of each listed block; 400 InvalidBlockList for one that is nowhere."""
    waiting = {str(block["id"]): (str(block["content"]), 0, int(block["size"])) for block in uncommitted(world, place)}
    stored = _stored(world, place)
    looked = {"Latest": {**stored, **waiting}, "Committed": stored, "Uncommitted": waiting}
    if "<BlockList" not in text:
        raise error(400, "InvalidXmlDocument")
    for kind, block_id in re.findall(r"<(Latest|Committed|Uncommitted)>\s*([^<\s]+)\s*</\1>", text):
        if block_id not in looked[kind]:
            raise error(400, "InvalidBlockList")
        yield (block_id, *looked[kind][block_id])


def _stored(world: World, place: Place) -> dict[str, tuple[str, int, int]]:
    """The committed blocks, which lie one after the other in the blob's content."""
    found, start, stored = paths.find(world, place), 0, dict[str, tuple[str, int, int]]()
    for block in found["blocks"] if found else ():
        stored[str(block["id"])] = (str(found["content"]) if found else "", start, int(block["size"]))
        start += int(block["size"])
    return stored
