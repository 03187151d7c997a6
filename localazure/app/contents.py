"""Bytes of files and blobs on disk, below `world.store.blobs`: written at offsets, read in pieces, never held whole.

A content is named by its id; what of it counts is the `size` in the document that names it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localazure.app.world import World

PIECE_BYTES = 1 << 20


def create(world: World) -> str:
    """A new, empty content."""
    content = world.clock.new_id()
    path = path_of(world, content)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return content


def path_of(world: World, content: str) -> Path:
    """Where a content lies."""
    return world.store.blobs / content[:2] / content


def write(world: World, content: str, offset: int, data: bytes) -> None:
    """Put bytes at an offset; what lies between the end so far and the offset reads as zeros."""
    with world.store.writable(path_of(world, content)).open("r+b") as file:
        file.seek(offset)
        file.write(data)


def copy(world: World, target: str, offset: int, source: str, *, start: int = 0, length: int) -> None:
    """Copy a part of a content into another at an offset."""
    with world.store.writable(path_of(world, target)).open("r+b") as file:
        file.seek(offset)
        for piece in read(world, source, start, length):
            file.write(piece)


def read(world: World, content: str, start: int, length: int) -> Iterator[bytes]:
    """The bytes in pieces. The file is opened now, so that it may be deleted while it is being read."""
    try:
        return _pieces(path_of(world, content).open("rb"), start, length)
    except FileNotFoundError as error:
        # Only a reader that is shown the past (the fault "stale") can name a content that is gone.
        raise AzureError(status=500, code="InternalError", message="The content was replaced meanwhile.") from error


def read_all(world: World, content: str, size: int) -> bytes:
    """All bytes of a small content (a DAG, say)."""
    return b"".join(read(world, content, 0, size)) if content else b""


def delete(world: World, content: str) -> None:
    """Delete a content; fine if it is gone."""
    if content:
        path_of(world, content).unlink(missing_ok=True)


def _pieces(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0 and (piece := file.read(min(PIECE_BYTES, length))):
            length -= len(piece)
            yield piece
