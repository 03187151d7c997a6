"""What the processes below this one were started with, looked at now and then: children of children, too.

Linux only, where /proc tells; elsewhere there is nothing to see.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROCESSES = Path("/proc")
EVERY_SECONDS = 0.05
YOUNG_SECONDS = 3.0  # who executes another program does so in this time; later nobody looks, which takes long


class Descendants:
    """Those of one process. One whose parent ended before anybody looked is not found."""

    def __init__(self, root: int) -> None:
        self._root = str(root)
        self._below: dict[str, bool] = {}  # every process that there is
        self._lines: dict[str, bytes] = {}
        self._since: dict[str, float] = {}  # when those below were seen first

    def fresh(self) -> Iterator[bytes]:
        """The command lines that were not there the last time; exec gives a process another."""
        there = {entry for entry in os.listdir(PROCESSES) if entry.isdigit()}  # noqa: PTH208  # 20 times a second
        for gone in self._below.keys() - there:
            del self._below[gone]
            self._lines.pop(gone, None)
            self._since.pop(gone, None)
        for process in there - self._below.keys():
            self._below[process] = self._is_below(process, there)
        now = time.monotonic()
        for process in [process for process, below in self._below.items() if below]:
            if now - self._since.setdefault(process, now) > YOUNG_SECONDS:
                continue
            line = _read(process, "cmdline")
            if line and line != self._lines.get(process):
                self._lines[process] = line
                yield line

    def _is_below(self, process: str, there: set[str]) -> bool:
        # The fourth field, counted from behind the name in parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        told = _read(process, "stat").rpartition(b")")[2].split()
        parent = told[1].decode() if told else ""
        if parent not in self._below and parent in there and parent != self._root:
            self._below[parent] = self._is_below(parent, there)
        return parent == self._root or self._below.get(parent, False)


class Watch:
    """Looks at what this process's descendants were started with: now and then, and whenever it is asked to."""

    def __init__(self, look: Callable[[bytes], None]) -> None:
        self._look = look
        self._below = Descendants(os.getpid())
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="descendants", daemon=True)

    def begin(self) -> None:
        """From now on."""
        self._thread.start()

    def now(self) -> None:
        """All that there are now; when it returns, nobody looks at an earlier one any more."""
        with self._turn:
            for line in self._below.fresh() if PROCESSES.is_dir() else ():
                self._look(line)

    def end(self) -> None:
        """No longer."""
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            self.now()


def _read(process: str, what: str) -> bytes:
    """Nothing, if it has ended."""
    try:
        return (PROCESSES / process / what).read_bytes()
    except OSError:
        return b""
