"""A few answers of Flink's REST API behind a server that demands headers or a client certificate, on loopback."""

from __future__ import annotations

import json
import ssl
import tempfile
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app.certificates import Certificates
from localazure.runtimes.flink.tls import create_certificate
from tests.http_server import listening

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

PREFIX = "/session-a"
VERSION = "1.20.1"
LOST = (202, None)
NOT_FOUND = (404, {"errors": ["Not found"]})
SAVED = (200, {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/states/a"}})
RUNNING = (200, {"state": "RUNNING", "vertices": [{"status": "RUNNING"}]})
ANSWERS: dict[str, list[tuple[int, Any]]] = {
    "GET /config": [(200, {"flink-version": VERSION})],
    "GET /jars": [(200, {"files": []})],
    "POST /jars/upload": [(200, {"filename": "/flink-web-upload/1_job.jar", "status": "success"})],
}


@dataclass(kw_only=True)
class GuardedFlink:
    """url: its address. ca: the PEM of the CA that issued its certificate; certificate: of a client that it lets in.

    demanded: headers without which it answers `refusal`. calls: method and path of each request that it let in.
    answers: status and document by method and path below the prefix, which may have wildcards, one after the other; the
    last one stays. Without a document the connection ends.
    """

    url: str
    ca: str
    certificate: str
    demanded: Mapping[str, str] = field(default_factory=dict[str, str])
    refusal: int = 401
    calls: list[str] = field(default_factory=list[str])
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=lambda: deepcopy(ANSWERS))

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Status and document."""
        if any(headers.get(name) != value for name, value in self.demanded.items()):
            return self.refusal, {"errors": ["Unauthorized"]}
        self.calls.append(f"{method} {path}")
        asked = f"{method} {path.removeprefix(PREFIX)}"
        found = next((some for one, some in self.answers.items() if fnmatch(asked, one)), [NOT_FOUND])
        return found.pop(0) if found[1:] else found[0]


def _handler(flink: GuardedFlink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server calls it so
            self._reply("GET")

        def do_PATCH(self) -> None:  # as above
            self._reply("PATCH")

        def do_POST(self) -> None:  # as above
            self._reply("POST")

        def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # it logs to stderr
            pass

        def _reply(self, method: str) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = flink.answer(method, self.path, dict(self.headers))
            if document is None:
                self.close_connection = True
                return
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def guarded_flink(*, asks_for_certificate: bool = False) -> Generator[GuardedFlink]:
    """It listens until the end."""
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates(Path(folder) / "ca")
        create_certificate(Path(folder) / "client")
        client = Path(folder) / "client/flink.pem"
        context = certificates.context("localhost")
        if asks_for_certificate:
            context.load_verify_locations(client)
            context.verify_mode = ssl.CERT_REQUIRED
        flink = GuardedFlink(url="", ca=certificates.ca_file.read_text(), certificate=client.read_text())
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(flink))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    flink.url = f"https://localhost:{server.server_port}{PREFIX}"
    with listening(server):
        yield flink
