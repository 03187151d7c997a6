"""Blobs that nobody here wrote, as many as one likes: straight into the local Azure's store, for speed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PER_FOLDER = 1000


def add_foreign_blobs(state: Path, filesystem: str, count: int) -> None:
    """Add files without metadata to ACCOUNT/FILESYSTEM, in folders of a thousand below `checkpoints/`.

    state: the folder of a local Azure that runs. One file must be there: the others are like it.
    """
    with closing(sqlite3.connect(state / "store" / "store.sqlite", timeout=60)) as store:
        query = "SELECT value FROM documents WHERE tab='paths' AND key LIKE ? AND value LIKE '%\"directory\": false%'"
        (text,) = store.execute(query, (f"{filesystem}/%",)).fetchone()
        like = json.loads(text) | {"metadata": {}, "content": "", "size": 0}
        names = (f"checkpoints/{number // PER_FOLDER:04}/{number:07}" for number in range(count))
        rows = (("paths", f"{filesystem}/{name}", json.dumps(like | {"name": name})) for name in names)
        store.executemany("INSERT OR REPLACE INTO documents VALUES (?,?,?)", rows)
        store.commit()
