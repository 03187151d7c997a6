"""Signals, where a KeyboardInterrupt between two lines would leave a write that nobody wrote down."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def set_on_signals(interrupted: threading.Event) -> Generator[None]:
    """SIGINT, SIGTERM and SIGHUP set the event and raise nothing; not where they are ignored or have no handler.

    In a thread other than the main one nothing is changed.
    """
    caught: list[int] = []

    def hear(number: int, _frame: object) -> None:
        if not caught:  # a second one, in the midst of the first, would wait for the event's lock for ever
            caught.append(number)
            interrupted.set()

    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield
        return
    before = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    try:
        for number in before:
            signal.signal(number, hear)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
