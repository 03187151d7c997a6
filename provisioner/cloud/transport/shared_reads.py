"""Answers of Resource Manager and Graph that several runs of one process share, while none of them writes.

Environments have a factory or a cluster in common, and the tenant's list of deleted applications; 500 of them are to
read those a few times, not 500 times.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

AGE_SECONDS = 20.0
OK = 200


class SharedReads:
    """Answers by URL. services: addresses of those whose answers are shared. ticks: a monotonic clock in seconds."""

    def __init__(self, *services: str, ticks: Callable[[], float]) -> None:
        self._hosts, self._ticks = {urlsplit(one).hostname for one in services}, ticks
        self._known: dict[str, tuple[float, Future[Any]]] = {}
        self._lock = threading.Lock()

    def get_or_send(self, url: str, already_read: set[str], send: Callable[[], Any]) -> Any:
        """The answer to another run's GET of the last seconds, or to this one's; one that is under way is waited for.

        already_read: what this run has read so far. What it reads once more, it wants as it is now. An answer that is
        not 200, and an error, are for those who wait, and not kept.
        """
        if urlsplit(url).hostname not in self._hosts:
            return send()
        with self._lock:
            since, future = self._known.get(url, (0.0, None))
            fresh = future is not None and self._ticks() - since < AGE_SECONDS and url not in already_read
            already_read.add(url)
            if future is None or not fresh:
                future = Future[Any]()
                self._known[url] = (self._ticks(), future)
        if fresh:
            return future.result()
        try:
            response = send()
        except BaseException as error:
            self._forget(url, future)
            future.set_exception(error)
            raise
        if response.status_code != OK:
            self._forget(url, future)
        future.set_result(response)
        return response

    def _forget(self, url: str, future: Future[Any]) -> None:
        with self._lock:
            if self._known.get(url, (0.0, None))[1] is future:
                del self._known[url]
