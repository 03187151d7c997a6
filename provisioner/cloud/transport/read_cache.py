"""A cache of reads: each thing is read once per pass, however many threads want it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class ReadCache:
    """The reads of one pass of one run, by keys such as `("application", object_id)`."""

    def __init__(self) -> None:
        self._known: dict[object, Future[Any]] = {}
        self._written: set[object] = set()
        self._lock = threading.Lock()

    def get(self, key: object, fetch: Callable[[], T]) -> T:
        """`fetch()`, called once per pass however many threads ask. An error is raised to all of them and not kept.

        What was written in this pass (`mark_written`) is read anew each time: a replica may lag.
        """
        with self._lock:
            if key in self._written:
                future, mine = Future[Any](), True
            else:
                mine = key not in self._known
                future = self._known.setdefault(key, Future())
        if mine:
            self._fetch(key, future, fetch)
        return future.result()

    def keep(self, key: object, value: object) -> None:
        """Store a value that came along with another answer, as if `get` had fetched it."""
        with self._lock:
            if key not in self._written and key not in self._known:
                self._known[key] = Future[Any]()
                self._known[key].set_result(value)

    def mark_written(self, key: object) -> None:
        """Drop the value, since it was just written, and have `get` fetch it each time until the next pass."""
        with self._lock:
            self._written.add(key)
            self._known.pop(key, None)

    def new_pass(self) -> None:
        """Drop all values."""
        with self._lock:
            self._known.clear()
            self._written.clear()

    def _fetch(self, key: object, future: Future[Any], fetch: Callable[[], Any]) -> None:
        try:
            future.set_result(fetch())
        except BaseException as error:  # noqa: BLE001  # all who wait must wake, whatever it was
            with self._lock:
                self._known.pop(key, None)
            future.set_exception(error)
