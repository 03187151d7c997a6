"""Notes in a filesystem's metadata which folders an environment has files in, so that no other folder need be listed.

A folder is noted before a file is written to it, so that the files of a run that was cut off are found, too. There is
one note per environment; without one, an earlier version has made the filesystem.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from provisioner.cloud.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provisioner.cloud.clients.data_lake.properties import FilesystemProperties
    from provisioner.cloud.clients.data_lake.wire import Wire
    from provisioner.cloud.transport.waits import Waits

    Read = Callable[[], FilesystemProperties | None]

ROOT = "/"
EVERYWHERE = "*"
# All metadata of a container together has 8 KiB:
# https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources
MOST_BYTES = 4096
Folders = frozenset[str]
NoteKey = tuple[str, str, str]  # account, filesystem, environment


def note_name(environment: str) -> str:
    """The name of an environment's note: a C# identifier."""
    return f"provisioner_folders_{environment.replace('-', '')}"


def note_text(folders: Iterable[str]) -> str:
    """The text of a note: paths of folders, percent-encoded; one that would be too long stands for every folder."""
    text = ",".join(sorted(ROOT + quote(folder) for folder in folders))
    return text if len(text) <= MOST_BYTES else EVERYWHERE


def folders_in_note(metadata: Mapping[str, str], environment_id: str) -> Folders | None:
    """The folders in an environment's note; None without one, EVERYWHERE in it if it stands for all."""
    text = metadata.get(note_name(environment_id))
    if text is None:
        return None
    return frozenset(
        one if one == EVERYWHERE else unquote(one.removeprefix(ROOT)) for one in filter(None, text.split(","))
    )


def folder_of(path: str) -> str:
    """The folder that a file lies in; empty for the root."""
    return path.rpartition("/")[0]


class FolderNotes:
    """Reads the notes, and writes them once per folder and run."""

    def __init__(self, wire: Wire, waits: Waits) -> None:
        self._wire, self._waits = wire, waits
        self._written: dict[NoteKey, Folders] = {}
        self._left: dict[NoteKey, Folders] = {}  # after folders were dropped
        self._turn = threading.Lock()

    def remember_created(self, key: NoteKey, folders: Iterable[str]) -> None:
        """Take for noted what a new filesystem was created with."""
        self._written[key] = frozenset(folders)

    def folders(self, key: NoteKey, read: Read) -> Folders:
        """The folders that an environment may have files in. read: the filesystem as it was in this pass."""
        if key in self._written:
            return self._written[key]
        filesystem, environment = read(), key[2]
        if filesystem is None:
            return frozenset()
        of_earlier_version = frozenset({EVERYWHERE} if filesystem.owner == environment else ())
        known = folders_in_note(filesystem.metadata, environment)
        return of_earlier_version if known is None else known

    def add(self, key: NoteKey, folder: str, read: Read) -> None:
        """Note a folder. read: as in `folders`."""
        with self._turn:
            known = self.folders(key, read)
            if EVERYWHERE in known and key not in self._written:
                known = self._find_own_folders(key)
            self._written[key] = known
            if known.isdisjoint((folder, EVERYWHERE)):
                self._write(key, known | {folder})
                self._written[key] = known | {folder}

    def drop_if_no_own_files(self, key: NoteKey, folder: str, read: Read) -> None:
        """Take a folder out of the note in an adopted filesystem, once no file of the environment is in it."""
        environment = key[2]
        with self._turn:
            filesystem = read()
            if filesystem is None or filesystem.owner == environment or folder in self._written.get(key, ()):
                return
            known = self._left.get(key) or folders_in_note(filesystem.metadata, environment) or frozenset()
            if folder in known and not self._has_own_files(key, folder):
                self._left[key] = known - {folder}
                self._write(key, self._left[key])

    def _find_own_folders(self, key: NoteKey) -> Folders:
        """The folders with files of the environment, where no note says so, or not which."""
        every = self._wire.list_properties(key[0], key[1])
        return frozenset(folder_of(one.path) for one in every if one.owner == key[2] and not one.directory)

    def _has_own_files(self, key: NoteKey, folder: str) -> bool:
        account, name, environment = key
        return any(
            one.owner == environment and not one.directory for one in self._wire.list_properties(account, name, folder)
        )

    def _write(self, key: NoteKey, folders: Folders) -> None:
        account, name, environment = key
        text = note_text(folders) if folders else None
        set_filesystem_metadata_entry(self._wire, self._waits, account, name, (note_name(environment), text))


def set_filesystem_metadata_entry(
    wire: Wire, waits: Waits, account: str, name: str, entry: tuple[str, str | None]
) -> None:
    """Set one entry of a filesystem's metadata, or take it out, until it is read back.

    No condition guards the write, and other environments write theirs. Fine if the filesystem is gone.
    """
    key, text = entry

    def written() -> bool:
        filesystem = wire.find_filesystem(account, name)
        if filesystem is None or filesystem.metadata.get(key) == text:
            return True
        others = {one: value for one, value in filesystem.metadata.items() if one != key}
        client: Any = wire.filesystem_client(account, name)
        with translated(f"set metadata of filesystem {account}/{name}"):
            client.set_file_system_metadata({**others, **({key: text} if text else {})})
        return False

    waits.until(written, what=f"the metadata of the filesystem {account}/{name}")
