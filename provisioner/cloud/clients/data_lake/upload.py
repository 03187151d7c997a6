"""Uploads a file: a small one by one request, others in pieces under a temporary name beside it, then renamed.

Memory holds a few pieces. Readers see the old file or the whole new one. Each step may be repeated.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cloud.clients.data_lake.properties import (
    OWNER_METADATA,
    SHA256_METADATA,
    metadata_header,
    parent_directories,
    target_of,
    temporary_path,
)
from provisioner.cloud.errors import translated
from provisioner.errors import Conflict, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from azure.storage.filedatalake import DataLakeFileClient

    from provisioner.cloud.clients.data_lake.wire import Wire

SMALL_BYTES = 4 * 1024 * 1024
PIECES_IN_FLIGHT = 3


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file to write. content: read once. etag: of the file that it replaces; empty for a new file.

    metadata: the owner tag and the SHA-256; other keys that the file has stay.
    """

    account: str
    filesystem: str
    path: str
    content: Callable[[], Iterable[bytes]]
    size: int
    metadata: Mapping[str, str]
    etag: str

    @property
    def path_with_filesystem(self) -> str:
        """Filesystem and path, as messages name the file and as a rename takes it."""
        return f"{self.filesystem}/{self.path}"

    @property
    def sha256(self) -> str:
        """Of the content, in hexadecimal."""
        return self.metadata[SHA256_METADATA]

    def run(self, wire: Wire) -> None:
        """Upload it. Raises Refused, with the target untouched, if the content has another size or SHA-256."""
        make_parents(wire, self)
        if self.size <= SMALL_BYTES:
            self._put(wire)
            return
        delete_unfinished_uploads(wire, self.account, self.filesystem, self.path, self.metadata[OWNER_METADATA])
        beside = wire.file_client(self.account, self.filesystem, self._temporary_path)
        with translated(f"upload {self.path_with_filesystem}"):
            beside.create_file(metadata={**self._kept_metadata(wire), **self.metadata})
            self._append_all(wire)
            beside.flush_data(self.size, close=True)
        self._require_uploaded_length(wire)
        self._rename(wire, beside)

    def _kept_metadata(self, wire: Wire) -> Mapping[str, str]:
        """The metadata of the file that is replaced, which stays."""
        there = wire.find_path(self.account, self.filesystem, self.path) if self.etag else None
        return there.metadata if there else {}

    def _put(self, wire: Wire) -> None:
        """Write a small file by one request: readers see all of it or nothing. Azure checks the MD5.

        https://learn.microsoft.com/rest/api/storageservices/put-blob
        """
        content = b"".join(self.content())
        self._require_unchanged(len(content), hashlib.sha256(content).hexdigest())
        md5 = b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        named = {**self._kept_metadata(wire), **self.metadata}
        headers = {
            "Content-MD5": md5,
            **({"If-Match": self.etag} if self.etag else {"If-None-Match": "*"}),
            **{f"x-ms-meta-{name}": text for name, text in named.items()},
        }
        try:
            wire.put_blob(self.account, self.filesystem, self.path, content=content, headers=headers)
        except Conflict:
            if not self._is_there(wire):
                raise

    def _is_there(self, wire: Wire) -> bool:
        """Whether the target is as it was to be written: after a failed request it may have been carried out."""
        there = wire.find_path(self.account, self.filesystem, self.path)
        return there is not None and (there.sha256, there.size) == (self.sha256, self.size)

    def _require_unchanged(self, size: int, sha256: str) -> None:
        if (size, sha256) != (self.size, self.sha256):
            remedy = "Run the command again when nothing writes it any more."
            raise Refused(self.path_with_filesystem, "the local file changed while it was read", remedy)

    def _append_all(self, wire: Wire) -> None:
        """Send the pieces, several at a time: the flush joins them by their positions, in whatever order they came.

        https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update
        """
        digest, position, sent = hashlib.sha256(), 0, deque[Future[None]]()
        with ThreadPoolExecutor(PIECES_IN_FLIGHT, thread_name_prefix="append") as pool:
            for piece in self.content():
                if len(sent) == PIECES_IN_FLIGHT:
                    sent.popleft().result()
                sent.append(
                    pool.submit(wire.append, self.account, self.filesystem, self._temporary_path, position, piece)
                )
                digest.update(piece)
                position += len(piece)
            for one in sent:
                one.result()
        self._require_unchanged(position, digest.hexdigest())

    @property
    def _temporary_path(self) -> str:
        """The temporary path."""
        return temporary_path(self.path, self.sha256)

    def _require_uploaded_length(self, wire: Wire) -> None:
        uploaded = wire.find_path(self.account, self.filesystem, self._temporary_path)
        if uploaded is None or uploaded.size != self.size:
            message = f"{self.size} bytes were sent, {uploaded.size if uploaded else 0} are there"
            raise Conflict(
                operation=f"upload {self.path_with_filesystem}", status=200, code="WrongLength", message=message
            )

    def _rename(self, wire: Wire, beside: DataLakeFileClient) -> None:
        """Rename to the target, only if that is still as it was read. After a failure look whether it was carried out.

        https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create
        """
        from azure.core import MatchConditions

        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing}
        if self.etag:
            condition = {"match_condition": MatchConditions.IfNotModified, "etag": self.etag}
        try:
            with translated(f"rename to {self.path_with_filesystem}"):
                beside.rename_file(self.path_with_filesystem, **condition)
        except (NotFound, Conflict):
            if not self._is_there(wire):
                raise


def make_parents(wire: Wire, upload: Upload) -> None:
    """Create missing directories with the owner tag: teardown removes them when they are empty."""
    headers = {
        "If-None-Match": "*",
        "x-ms-properties": metadata_header({OWNER_METADATA: upload.metadata[OWNER_METADATA]}),
    }
    for directory in reversed(parent_directories(upload.path)):
        if wire.find_path(upload.account, upload.filesystem, directory) is None:
            with suppress(Conflict):  # another upload created it meanwhile
                params = {"resource": "directory"}
                wire.request("PUT", upload.account, upload.filesystem, directory, params=params, headers=headers)


def delete_empty_parents(wire: Wire, account: str, filesystem: str, path: str, environment_id: str) -> None:
    """Delete directories that we created and that are empty.

    Raw, since the SDK's delete_directory deletes all that is in it, too:
    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/delete
    """
    for directory in parent_directories(path):
        properties = wire.find_path(account, filesystem, directory)
        if properties is None:
            continue
        if properties.owner != environment_id:
            return
        try:
            wire.request("DELETE", account, filesystem, directory, params={"recursive": "false"}, missing_ok=True)
        except Conflict:  # DirectoryNotEmpty
            return


def delete_unfinished_uploads(wire: Wire, account: str, filesystem: str, path: str, environment_id: str) -> None:
    """Delete what unfinished uploads to this path have left behind."""
    directory = path.rpartition("/")[0]
    for name in list(wire.list_child_paths(account, filesystem, directory)):
        if name == path or target_of(name) != path:
            continue
        properties = wire.find_path(account, filesystem, name)
        if properties is not None and properties.owner == environment_id:
            wire.request("DELETE", account, filesystem, name, missing_ok=True)
