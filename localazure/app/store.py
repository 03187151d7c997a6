"""What the local Azure remembers: JSON documents by table and key in SQLite, blobs in files beside it.

One process writes it, one call at a time. Keys compare as given; callers fold case where Azure does. For stale
reads the store can answer as of an earlier moment, from what it overwrote since `keep_history`.
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
        self.moment = 0.0  # when the call under way came in; stamps what it overwrites
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
        """One document, or None."""
        past = self._past(table)
        text = past[key] if key in past else self._text(table, key)
        return json.loads(text) if text is not None else None

    def put(self, table: str, key: str, value: Document) -> Document:
        """Write a document whole; returns it."""
        self._remember(table, key)
        self._db.execute("INSERT OR REPLACE INTO documents VALUES (?,?,?)", (table, key, json.dumps(value)))
        return value

    def remove(self, table: str, key: str) -> bool:
        """Forget a document; says whether it was there."""
        self._remember(table, key)
        return self._db.execute("DELETE FROM documents WHERE tab=? AND key=?", (table, key)).rowcount > 0

    def rows(self, table: str, prefix: str = "") -> Iterator[tuple[str, Document]]:
        """All documents of a table whose key begins with `prefix`, by key."""
        found: list[tuple[str, str]] = self._db.execute(
            "SELECT key, value FROM documents WHERE tab=? AND key>=? AND key<? ORDER BY key",
            (table, prefix, prefix + "\U0010ffff"),
        ).fetchall()
        past = {key: text for key, text in self._past(table).items() if key.startswith(prefix)}
        if past:
            texts = {**dict(found), **past}
            found = sorted((key, text) for key, text in texts.items() if text is not None)
        return ((key, json.loads(value)) for key, value in found)

    @contextmanager
    def transaction(self, moment: float) -> Generator[None]:
        """Everything that a call writes, or nothing."""
        self.moment = moment
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def keep_history(self, *, enabled: bool) -> None:
        """Keep from now on what writes overwrite, so that `as_of` can read it; or stop and discard it."""
        self._keeps_history = enabled
        if not enabled:
            self._overwritten.clear()

    @contextmanager
    def as_of(self, moment: float) -> Generator[None]:
        """Reads inside answer as the documents stood then (as far back as they were remembered)."""
        before, self._cutoff = self._cutoff, moment
        try:
            yield
        finally:
            self._cutoff = before

    @property
    def reads_past(self) -> bool:
        """Whether reads answer as of an earlier moment, so that nothing read may be written back."""
        return self._cutoff is not None

    def clear(self) -> None:
        """Forget everything."""
        self._overwritten.clear()
        self._db.execute("DELETE FROM documents")
        for entry in self.blobs.iterdir():
            self._trash.throw(entry)

    def writable(self, blob: Path) -> Path:
        """The file, for changing its bytes: one that a snapshot shares becomes the present's own first."""
        if blob.stat().st_nlink > 1:
            own = blob.with_name(f"{blob.name}.own")
            shutil.copyfile(blob, own)
            own.chmod(0o600)
            own.replace(blob)
        return blob

    def snapshot(self, folder: Path) -> None:
        """Keep everything in a folder: documents as a copy, blobs shared for as long as nobody changes them."""
        if folder.exists():
            self._trash.throw(folder)
        folder.mkdir(parents=True, mode=0o700)
        path = folder / "store.sqlite"
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            self._db.backup(copy)
        shutil.copytree(self.blobs, folder / "blobs", copy_function=_share)

    def restore(self, folder: Path) -> None:
        """Go back to what `snapshot` kept there; what has not changed since stays as it is."""
        self._overwritten.clear()
        self._db.execute("ATTACH DATABASE ? AS earlier", (str(folder / "store.sqlite"),))
        try:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM documents WHERE (tab, key, value) NOT IN (SELECT * FROM earlier.documents)")
            self._db.execute("INSERT OR IGNORE INTO documents SELECT * FROM earlier.documents")
            self._db.execute("COMMIT")
        finally:
            self._db.execute("DETACH DATABASE earlier")
        self._mirror(folder / "blobs")

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()
        self._trash.close()

    def _mirror(self, source: Path) -> None:
        """Make the blobs those of a snapshot, and none besides; a file that both share stays."""
        wanted = {path.relative_to(source) for path in source.rglob("*")}
        for path in sorted(self.blobs.rglob("*"), reverse=True):  # contents before their folder
            place = path.relative_to(self.blobs)
            if not (place in wanted and (path.is_dir() or path.samefile(source / place))):
                self._trash.throw(path)
        for place in sorted(wanted):
            if (source / place).is_dir():
                (self.blobs / place).mkdir(exist_ok=True, mode=0o700)
            elif not (self.blobs / place).exists():
                _share(str(source / place), str(self.blobs / place))

    def _text(self, table: str, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM documents WHERE tab=? AND key=?", (table, key)).fetchone()
        return row[0] if row else None

    def _remember(self, table: str, key: str) -> None:
        if self._keeps_history:
            self._overwritten.append((self.moment, table, key, self._text(table, key)))

    def _past(self, table: str) -> dict[str, str | None]:
        """What documents were at the cutoff that are otherwise now."""
        cutoff = self._cutoff
        if cutoff is None:
            return {}
        newest_first = reversed(self._overwritten)  # so that of several the oldest stays
        return {key: text for moment, tab, key, text in newest_first if tab == table and moment > cutoff}


def _share(source: str, target: str) -> str:
    """One file under two names, where the file system can; else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        Path(target).chmod(0o600)
    return target
