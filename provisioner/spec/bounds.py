"""Bounds on code that a user gave us: seconds of processor time, and memory, for as long as it runs in this process."""

from __future__ import annotations

import gc
import resource
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Generator

STATM = Path("/proc/self/statm")  # Linux: pages of address space come first, as RLIMIT_AS counts them


class OutOfBounds(BaseException):
    """It took longer than it may. Not an Exception: Jinja, for one, goes on after any of these."""


@contextmanager
def bounded(*, seconds: float, more_bytes: int) -> Generator[None]:
    """What runs inside raises OutOfBounds after so many seconds of processor time.

    It raises MemoryError above so much more memory than there is now.

    Only the main thread has bounds: Python tells no other of signals, and the address space is that of all threads. So
    files are loaded there, which tries everything that they contain. Without /proc there is no bound on memory.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _uncollected(), _timed(seconds), _limited(more_bytes):
        yield


@contextmanager
def _uncollected() -> Generator[None]:
    """Without garbage collections: Python swallows what is raised while one calls others back."""
    go_back = gc.enable if gc.isenabled() else gc.disable
    gc.disable()
    try:
        yield
    finally:
        go_back()


@contextmanager
def _timed(seconds: float) -> Generator[None]:
    def end(_number: int, _frame: object) -> NoReturn:
        raise OutOfBounds

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(
        signal.ITIMER_VIRTUAL, seconds, seconds
    )  # counts while this process runs, however busy the machine is
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _limited(more_bytes: int) -> Generator[None]:
    if not STATM.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = int(STATM.read_text().split()[0]) * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *(each for each in (soft, hard) if each >= 0)]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
