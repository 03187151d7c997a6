"""A server of a test's own that listens in a thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from socketserver import BaseServer


@contextmanager
def listening(server: BaseServer) -> Generator[None]:
    """It answers until the end, and is closed then."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
