"""A webhook on loopback: keeps what is posted to it, and answers as it is told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.http_server import listening

if TYPE_CHECKING:
    from collections.abc import Generator

PATH = "/services/T0/B0/what-nobody-may-see"


@dataclass(kw_only=True)
class Webhook:
    """url: its address. status: of its answers. silent: it answers nothing until it is closed."""

    url: str = ""
    status: int = 200
    silent: bool = False
    posted: list[Any] = field(default_factory=list[Any])
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def webhook() -> Generator[Webhook]:
    """It listens until the end."""
    made = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server calls it so
            made.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if made.silent:
                made.closing.wait()
            self.send_response(made.status)
            self.send_header("Location", f"{made.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # it logs to stderr
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    with listening(server):
        try:
            yield made
        finally:
            made.closing.set()
