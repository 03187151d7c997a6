"""The bytes of files and blobs, one file each below `tenant.store.blobs`: written at offsets, read in chunks.

A content is named by its id. Its valid length is the `size` in the document that refers to it, not that of the file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localazure.app.tenant import Tenant

CHUNK_BYTES = 1 << 20


def create_empty(tenant: Tenant) -> str:
    """Create an empty content. Returns its id."""
    content = tenant.clock.new_id()
    path = path_of(tenant, content)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return content


def path_of(tenant: Tenant, content_id: str) -> Path:
    """Return the file of a content."""
    return tenant.store.blobs / content_id[:2] / content_id


def write(tenant: Tenant, content_id: str, offset: int, data: bytes) -> None:
    """Write bytes at an offset. A gap between the current end and the offset reads as zeros."""
    with tenant.store.make_writable(path_of(tenant, content_id)).open("r+b") as file:
        file.seek(offset)
        file.write(data)


def copy(tenant: Tenant, target_id: str, target_offset: int, source_id: str, *, start: int = 0, length: int) -> None:
    """Copy `length` bytes of one content, from `start`, into another at an offset."""
    with tenant.store.make_writable(path_of(tenant, target_id)).open("r+b") as file:
        file.seek(target_offset)
        for chunk in open_chunks(tenant, source_id, start, length):
            file.write(chunk)


def open_chunks(tenant: Tenant, content_id: str, start: int, length: int) -> Iterator[bytes]:
    """Iterate over the bytes in chunks. The file is opened at once, so it may be deleted while it is being read."""
    try:
        return _read_chunks_and_close(path_of(tenant, content_id).open("rb"), start, length)
    except FileNotFoundError as error:
        # Only a stale read (the fault "stale") can refer to a content that was deleted.
        raise AzureError(status=500, code="InternalError", message="The content was replaced meanwhile.") from error


def read_all(tenant: Tenant, content_id: str, size: int) -> bytes:
    """Return all bytes of a small content, such as a DAG; empty if the id is empty."""
    return b"".join(open_chunks(tenant, content_id, 0, size)) if content_id else b""


def delete(tenant: Tenant, content_id: str) -> None:
    """Delete a content; fine if it does not exist."""
    if content_id:
        path_of(tenant, content_id).unlink(missing_ok=True)


def _read_chunks_and_close(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0 and (chunk := file.read(min(CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk
