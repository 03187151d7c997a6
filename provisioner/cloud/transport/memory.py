"""What was asked already: each thing is read once per pass, however many threads want it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Memory:
    """Of one pass of one run. A key: whatever tells one thing from all others, as `("application", object_id)`."""

    def __init__(self) -> None:
        self._known: dict[object, Future[Any]] = {}
        self._written: set[object] = set()
        self._lock = threading.Lock()

    def of(self, key: object, fetch: Callable[[], T]) -> T:
        """`fetch()`, called once per pass however many threads ask; an error is everybody's and then forgotten.

        What was written in this pass (`forget`) is read anew each time: a replica may lag.
        """
        with self._lock:
            if key in self._written:
                future, mine = Future[Any](), True
            else:
                mine = key not in self._known
                future = self._known.setdefault(key, Future())
        if mine:
            self._fulfil(key, future, fetch)
        return future.result()

    def keep(self, key: object, value: object) -> None:
        """What `of` this key would fetch came along with something else."""
        with self._lock:
            if key not in self._written and key not in self._known:
                self._known[key] = Future[Any]()
                self._known[key].set_result(value)

    def forget(self, key: object) -> None:
        """What is behind this key was written: it is kept no more in this pass."""
        with self._lock:
            self._written.add(key)
            self._known.pop(key, None)

    def new_pass(self) -> None:
        """Read everything anew."""
        with self._lock:
            self._known.clear()
            self._written.clear()

    def _fulfil(self, key: object, future: Future[Any], fetch: Callable[[], Any]) -> None:
        try:
            future.set_result(fetch())
        except BaseException as error:  # noqa: BLE001  # all who wait must wake, whatever it was
            with self._lock:
                self._known.pop(key, None)
            future.set_exception(error)
