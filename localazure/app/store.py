"""The local Azure's persistent state: JSON documents by table and key in SQLite, blobs in files beside it.

One process writes it, one call at a time. Keys compare with case; callers fold it where Azure does. For stale reads the
store can answer as of an earlier moment, from what it overwrote since `keep_history`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app.trash import Trash

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

Document = dict[str, Any]


class Store:
    """Documents by (table, key). `blobs` is the folder for file contents."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.blobs = folder / "blobs"
        self.blobs.mkdir(exist_ok=True, mode=0o700)
        self._trash = Trash(folder / "trash")
        path = folder / "store.sqlite"
        path.touch(mode=0o600)
        self.moment = 0.0  # when the current call came in; stamps what it overwrites
        self._keeps_history = False
        self._overwritten: list[tuple[float, str, str, str | None]] = []
        self._cutoff: float | None = None
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (tab TEXT, key TEXT, value TEXT, PRIMARY KEY (tab, key)) WITHOUT ROWID"
        )

    def get(self, table: str, key: str) -> Document | None:
        """Return one document, or None."""
        past = self._texts_at_cutoff(table)
        text = past[key] if key in past else self._text(table, key)
        return json.loads(text) if text is not None else None

    def put(self, table: str, key: str, value: Document) -> Document:
        """Replace a document. Returns it."""
        self._record_overwritten(table, key)
        self._db.execute("INSERT OR REPLACE INTO documents VALUES (?,?,?)", (table, key, json.dumps(value)))
        return value

    def remove(self, table: str, key: str) -> bool:
        """Delete a document. Returns whether it existed."""
        self._record_overwritten(table, key)
        return self._db.execute("DELETE FROM documents WHERE tab=? AND key=?", (table, key)).rowcount > 0

    def rows(self, table: str, prefix: str = "") -> Iterator[tuple[str, Document]]:
        """Return keys and documents of a table whose keys begin with `prefix`, sorted by key."""
        rows: list[tuple[str, str]] = self._db.execute(
            "SELECT key, value FROM documents WHERE tab=? AND key>=? AND key<? ORDER BY key",
            (table, prefix, prefix + "\U0010ffff"),
        ).fetchall()
        past = {key: text for key, text in self._texts_at_cutoff(table).items() if key.startswith(prefix)}
        if past:
            texts = {**dict(rows), **past}
            rows = sorted((key, text) for key, text in texts.items() if text is not None)
        return ((key, json.loads(value)) for key, value in rows)

    @contextmanager
    def transaction(self, moment: float) -> Generator[None]:
        """Commit all writes inside together, or roll them back on an exception. moment: seconds since the epoch."""
        self.moment = moment
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def keep_history(self, *, enabled: bool) -> None:
        """Keep from now on what writes overwrite, so that `reading_as_of` can read it; or stop and discard it."""
        self._keeps_history = enabled
        if not enabled:
            self._overwritten.clear()

    @contextmanager
    def reading_as_of(self, moment: float) -> Generator[None]:
        """Let reads inside return the documents as of that moment, as far back as history was kept."""
        before, self._cutoff = self._cutoff, moment
        try:
            yield
        finally:
            self._cutoff = before

    @contextmanager
    def reading_present(self) -> Generator[None]:
        """Let reads inside return the documents as they are, also within `reading_as_of`."""
        before, self._cutoff = self._cutoff, None
        try:
            yield
        finally:
            self._cutoff = before

    @property
    def reads_past(self) -> bool:
        """Whether reads return an earlier state, which must not be written back."""
        return self._cutoff is not None

    def clear(self) -> None:
        """Delete all documents and blobs."""
        self._overwritten.clear()
        self._db.execute("DELETE FROM documents")
        for entry in self.blobs.iterdir():
            self._trash.discard(entry)

    def make_writable(self, blob: Path) -> Path:
        """Return the file for writing; if a snapshot shares it, copy it first."""
        if blob.stat().st_nlink > 1:
            copy = blob.with_name(f"{blob.name}.own")
            shutil.copyfile(blob, copy)
            copy.chmod(0o600)
            copy.replace(blob)
        return blob

    def take_snapshot(self, folder: Path) -> None:
        """Write a snapshot into a folder: a copy of the documents, hard links to the blobs.

        Replaces what the folder contains.
        """
        if folder.exists():
            self._trash.discard(folder)
        folder.mkdir(parents=True, mode=0o700)
        path = folder / "store.sqlite"
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            self._db.backup(copy)
        shutil.copytree(self.blobs, folder / "blobs", copy_function=_link_or_copy)

    def restore(self, folder: Path) -> None:
        """Restore a snapshot; documents and blobs that have not changed since stay untouched."""
        self._overwritten.clear()
        self._db.execute("ATTACH DATABASE ? AS earlier", (str(folder / "store.sqlite"),))
        try:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM documents WHERE (tab, key, value) NOT IN (SELECT * FROM earlier.documents)")
            self._db.execute("INSERT OR IGNORE INTO documents SELECT * FROM earlier.documents")
            self._db.execute("COMMIT")
        finally:
            self._db.execute("DETACH DATABASE earlier")
        self._restore_blobs(folder / "blobs")

    def close(self) -> None:
        """Close the files, after deleting what was discarded."""
        self._db.close()
        self._trash.close()

    def _restore_blobs(self, source: Path) -> None:
        """Make the blobs those of a snapshot; a file that both share stays."""
        expected = {path.relative_to(source) for path in source.rglob("*")}
        for path in sorted(self.blobs.rglob("*"), reverse=True):  # files before their folder
            relative = path.relative_to(self.blobs)
            if not (relative in expected and (path.is_dir() or path.samefile(source / relative))):
                self._trash.discard(path)
        for relative in sorted(expected):
            if (source / relative).is_dir():
                (self.blobs / relative).mkdir(exist_ok=True, mode=0o700)
            elif not (self.blobs / relative).exists():
                _link_or_copy(str(source / relative), str(self.blobs / relative))

    def _text(self, table: str, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM documents WHERE tab=? AND key=?", (table, key)).fetchone()
        return row[0] if row else None

    def _record_overwritten(self, table: str, key: str) -> None:
        if self._keeps_history:
            self._overwritten.append((self.moment, table, key, self._text(table, key)))

    def _texts_at_cutoff(self, table: str) -> dict[str, str | None]:
        """Return the texts at the cutoff of `reading_as_of`, by key, of documents changed since (None: absent)."""
        cutoff = self._cutoff
        if cutoff is None:
            return {}
        newest_first = reversed(self._overwritten)  # so that the oldest of several wins
        return {key: text for moment, tab, key, text in newest_first if tab == table and moment > cutoff}


def _link_or_copy(source: str, target: str) -> str:
    """Hard-link a file, or copy it if the file system cannot. Returns the target."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        Path(target).chmod(0o600)
    return target
