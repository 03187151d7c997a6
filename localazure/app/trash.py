"""Deleting without waiting for it: to free a blob of 400 MB takes the file system up to 100 ms, to rename it none."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class Trash:
    """A folder whose contents go as soon as there is time; what a process that was killed left there, too.

    It lies on the file system of what is thrown into it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        self._folder = folder
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="trash")
        for left in folder.iterdir():
            self._delete(left)

    def throw(self, path: Path) -> None:
        """The file or folder is gone from its place when this returns."""
        hold = Path(tempfile.mkdtemp(dir=self._folder))
        path.rename(hold / path.name)
        self._delete(hold)

    def close(self) -> None:
        """Returns when all is deleted."""
        self._worker.shutdown()

    def _delete(self, hold: Path) -> None:
        self._worker.submit(shutil.rmtree, hold, ignore_errors=True)
