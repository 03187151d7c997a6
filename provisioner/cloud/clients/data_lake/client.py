"""Filesystems and paths of data lakes: reads once per pass, writes through azure-storage-file-datalake."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.cloud.clients.data_lake.folders import (
    EVERYWHERE,
    FolderNotes,
    folder_of,
    note_name,
    note_text,
    set_filesystem_metadata_entry,
)
from provisioner.cloud.clients.data_lake.properties import KIND_METADATA, OWNER_METADATA, SHA256_METADATA
from provisioner.cloud.clients.data_lake.upload import Upload, delete_empty_parents, delete_unfinished_uploads
from provisioner.cloud.clients.data_lake.wire import GONE, Wire
from provisioner.cloud.errors import translated
from provisioner.errors import Conflict, NotAuthorized, NotFound, NotYetVisible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from provisioner.cloud.clients.data_lake.properties import FilesystemProperties, PathProperties
    from provisioner.cloud.transport.session import Session

T = TypeVar("T")
OK = 200
LONGEST_TEXT = 1 << 20
MOST_NAMED = 10  # of what is in the way of a teardown
# "Operations … fail with 409 ContainerBeingDeleted … at least 30 seconds", longer when it was full.
# https://learn.microsoft.com/rest/api/storageservices/delete-container#remarks
BEING_DELETED = frozenset({"ContainerBeingDeleted", "FilesystemBeingDeleted"})


class DataLake:
    """Every method raises CloudError; `account` is a name, paths have no slash at either end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._wire = Wire(session)
        self._notes = FolderNotes(self._wire, session.waits)
        self._written: set[object] = set()

    def url(self, account: str, filesystem: str, path: str = "") -> str:
        """Flink's URL of it: https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-introduction-abfs-uri."""
        return f"abfss://{filesystem}@{account}.{self._session.profile.dfs_suffix}/{path}"

    def find_filesystem(self, account: str, name: str) -> FilesystemProperties | None:
        """The filesystem, or None."""
        return self._read_once_unless_written(
            ("filesystem", account, name), lambda: self._wire.find_filesystem(account, name)
        )

    def create_filesystem_if_missing(
        self, account: str, name: str, environment_id: str, folders: Iterable[str]
    ) -> None:
        """Create it with the owner tag and a note of the folders.

        Fine if it exists: its owner tag and note are left as they are.

        https://learn.microsoft.com/rest/api/storageservices/create-container
        """
        self._written.add(("filesystem", account, name))
        metadata = {OWNER_METADATA: environment_id, note_name(environment_id): note_text(folders)}

        def create() -> None:
            try:
                with translated(f"create filesystem {account}/{name}"):
                    self._wire.filesystem_client(account, name).create_file_system(metadata=metadata)
                self._notes.remember_created((account, name, environment_id), folders)
            except Conflict as error:
                if error.code in BEING_DELETED:
                    raise NotYetVisible(operation=error.operation, status=error.status, code=error.code) from error

        self._session.waits.until_visible(create, what=f"the filesystem {account}/{name}")

    def set_filesystem_owner(self, account: str, name: str, environment_id: str) -> None:
        """Set its owner tag; other metadata stays."""
        self._written.add(("filesystem", account, name))
        set_filesystem_metadata_entry(self._wire, self._session.waits, account, name, (OWNER_METADATA, environment_id))

    def delete_filesystem(self, account: str, name: str) -> None:
        """Delete it with all that is in it. https://learn.microsoft.com/rest/api/storageservices/delete-container."""
        self._written.add(("filesystem", account, name))
        try:
            with suppress(NotFound), translated(f"delete filesystem {account}/{name}"):
                self._wire.filesystem_client(account, name).delete_file_system()
        except Conflict as error:
            if error.code not in BEING_DELETED:
                raise

    def find_path(self, account: str, filesystem: str, path: str) -> PathProperties | None:
        """A file or directory, or None."""
        return self._read_once_unless_written(
            (account, filesystem, path), lambda: self._wire.find_path(account, filesystem, path)
        )

    def read_text_or_empty(self, account: str, filesystem: str, path: str, *, size: int) -> str:
        """A file's text; empty for one that is longer than a DAG is, is not there, or may not be read by the caller."""
        if size > LONGEST_TEXT:
            return ""
        with suppress(NotAuthorized):
            response = self._wire.request("GET", account, filesystem, path, missing_ok=True)
            return response.content.decode(errors="replace") if response.status_code == OK else ""
        return ""

    def list_files(self, account: str, filesystem: str) -> tuple[str, ...]:
        """The path of every file, whoever wrote it."""
        return tuple(one.path for one in self._wire.list_properties(account, filesystem) if not one.directory)

    def newest_file(self, account: str, filesystem: str, folder: str, name: str) -> PathProperties | None:
        """The file of that name below a folder that was written last; None if there is none."""
        every = self._wire.list_properties(account, filesystem, folder, below=True)
        found = [one for one in every if one.path.rpartition("/")[2] == name]
        return max(found, key=lambda one: (str(one.modified), one.path), default=None)

    def list_folders(self, account: str, filesystem: str, folder: str) -> tuple[str, ...]:
        """The paths of the folders directly in a folder."""
        return tuple(self._wire.list_child_folders(account, filesystem, folder))

    def read_file(self, account: str, filesystem: str, path: str) -> bytes:
        """The content. https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/read."""
        return bytes(self._wire.request("GET", account, filesystem, path).content)

    def first_unmanaged_files(self, account: str, filesystem: str, environment_id: str) -> tuple[str, ...]:
        """Files without the environment's owner tag, the first ones. Directories do not count, only what is in them."""
        every = self._wire.list_properties(account, filesystem)
        names = (path.path for path in every if not path.directory and path.owner != environment_id)
        first = tuple(islice(names, MOST_NAMED + 1))
        return first if len(first) <= MOST_NAMED else (*first[:MOST_NAMED], "more")

    def owned_files(
        self, account: str, filesystem: str, environment: str, kind: str, folders: Iterable[str]
    ) -> dict[str, PathProperties]:
        """Files that a kind wrote for this environment, by target path; also uploads that did not end.

        folders: to look in, besides those noted; nothing else in the filesystem is listed.
        """
        every = self._in_folders(account, filesystem, environment, folders)
        owned = [one for one in every if not one.directory and (one.owner, one.kind) == (environment, kind)]
        return {one.target: one for one in sorted(owned, key=lambda one: one.path == one.target)}

    def owner_metadata(self, environment: str, kind: str, sha256: str) -> dict[str, str]:
        """The metadata of a file that a kind writes for an environment."""
        return {OWNER_METADATA: environment, KIND_METADATA: kind, SHA256_METADATA: sha256}

    def upload(
        self,
        place: tuple[str, str, str],
        content: Callable[[], Iterable[bytes]],
        *,
        size: int,
        metadata: Mapping[str, str],
        etag: str = "",
    ) -> None:
        """Write a file at (account, filesystem, path).

        content: its pieces; size: bytes; metadata: `owner_metadata`; etag: of what it replaces, empty for a new one.
        Raises Refused if the content has another size or SHA-256, Conflict if the file there has changed.
        """
        account, filesystem, path = place
        self._written.add(place)
        key = (account, filesystem, metadata[OWNER_METADATA])
        self._notes.add(key, folder_of(path), partial(self.find_filesystem, account, filesystem))
        Upload(
            account=account,
            filesystem=filesystem,
            path=path,
            content=content,
            size=size,
            metadata=metadata,
            etag=etag,
        ).run(self._wire)

    def change_metadata(self, account: str, filesystem: str, path: str, change: Mapping[str, str]) -> None:
        """Add to a file's metadata; an empty text takes its key out. Other keys stay.

        Raises NotFound, and Conflict if the file keeps changing meanwhile.
        https://learn.microsoft.com/rest/api/storageservices/set-blob-metadata
        """
        try:
            self._change_metadata(account, filesystem, path, change)
        except Conflict:
            self._change_metadata(account, filesystem, path, change)

    def delete_owned_file(self, account: str, filesystem: str, path: str, environment_id: str) -> None:
        """Delete the file if it has the owner tag, its unfinished uploads, and its directories that are empty.

        Takes its folder out of the note if nothing of the environment is left there.
        """
        from azure.core import MatchConditions

        self._written.add((account, filesystem, path))
        file = self._wire.find_path(account, filesystem, path)
        if file is not None and file.owner == environment_id:
            with suppress(NotFound), translated(f"delete {filesystem}/{path}"):
                client: Any = self._wire.file_client(account, filesystem, path)
                client.delete_file(etag=file.etag, match_condition=MatchConditions.IfNotModified)
        delete_unfinished_uploads(self._wire, account, filesystem, path, environment_id)
        delete_empty_parents(self._wire, account, filesystem, path, environment_id)
        key, read = (account, filesystem, environment_id), partial(self.find_filesystem, account, filesystem)
        self._notes.drop_if_no_own_files(key, folder_of(path), read)

    def _in_folders(
        self, account: str, filesystem: str, environment: str, folders: Iterable[str]
    ) -> Iterator[PathProperties]:
        """What is in these folders and those noted; everything in a filesystem of an earlier version's."""
        read = partial(self.find_filesystem, account, filesystem)
        every = {*folders, *self._notes.folders((account, filesystem, environment), read)}
        for folder in [None] if EVERYWHERE in every else sorted(every):
            key = ("paths", account, filesystem, folder)
            yield from self._session.reads.get(
                key, lambda folder=folder: tuple(self._wire.list_properties(account, filesystem, folder))
            )

    def _change_metadata(self, account: str, filesystem: str, path: str, change: Mapping[str, str]) -> None:
        from azure.core import MatchConditions

        self._written.add((account, filesystem, path))
        file = self._wire.find_path(account, filesystem, path)
        if file is None:
            raise NotFound(operation=f"HEAD {account}/{filesystem}/{path}", status=GONE, code="PathNotFound")
        with translated(f"set metadata of {filesystem}/{path}"):
            metadata = {name: text for name, text in {**file.metadata, **change}.items() if text or name not in change}
            self._wire.file_client(account, filesystem, path).set_metadata(
                metadata, etag=file.etag, match_condition=MatchConditions.IfNotModified
            )

    def _read_once_unless_written(self, key: object, fetch: Callable[[], T]) -> T:
        """Read once per pass; what this run wrote, each time."""
        return fetch() if key in self._written else self._session.reads.get(key, fetch)
