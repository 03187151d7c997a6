"""Deletes files in the background: freeing a blob of 400 MB can take a file system 100 ms, renaming it takes none."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class Trash:
    """A folder whose contents a thread deletes, including what a killed process left there.

    It must be on the same file system as what is discarded.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        self._folder = folder
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="trash")
        for leftover in folder.iterdir():
            self._delete(leftover)

    def discard(self, path: Path) -> None:
        """Move a file or folder into the trash; its path is free when this returns."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        path.rename(folder / path.name)
        self._delete(folder)

    def close(self) -> None:
        """Wait until everything is deleted."""
        self._worker.shutdown()

    def _delete(self, path: Path) -> None:
        self._worker.submit(shutil.rmtree, path, ignore_errors=True)
