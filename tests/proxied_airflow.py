"""An Airflow at an http:// address, reached by the proxy that the local Azure's clients have."""

from __future__ import annotations

import select
import socket
from contextlib import contextmanager, suppress
from dataclasses import replace
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.airflow_server import PROXIED, airflow_server
from tests.http_server import listening

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.airflow_server import AirflowServer
    from tests.emulator import LocalAzure

URL = f"{PROXIED}/airflow"


def _handler(azure: LocalAzure, airflow: AirflowServer) -> type[BaseRequestHandler]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            tunnels = self.request.recv(7, socket.MSG_PEEK) == b"CONNECT"
            target = urlsplit(azure.proxy if tunnels else airflow.url)
            with socket.create_connection((str(target.hostname), target.port or 0)) as upstream, suppress(OSError):
                _splice(self.request, upstream)

    return Handler


def _splice(one: socket.socket, other: socket.socket) -> None:
    """Hand each one's bytes to the other until one ends."""
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


@contextmanager
def proxied_airflow(azure: LocalAzure) -> Generator[tuple[LocalAzure, AirflowServer]]:
    """The same local Azure by another proxy, behind which there is an Airflow, too."""
    with airflow_server() as airflow:
        server = ThreadingTCPServer(("127.0.0.1", 0), _handler(azure, airflow))
        server.daemon_threads = True
        with listening(server):
            yield replace(azure, proxy=f"http://127.0.0.1:{server.server_address[1]}"), airflow
