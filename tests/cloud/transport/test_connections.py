"""Connections that stand too late or never, or break: what nobody may have heard is sent again, and only that."""

from __future__ import annotations

import gc
import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.rest import HttpRequest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from provisioner.cloud.profile import LOCAL
from provisioner.cloud.transport.clock import ticks
from provisioner.cloud.transport.connections import CONNECT_SECONDS
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings
from provisioner.errors import Unreachable
from tests.cloud.clouds import open_cloud
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.transport.session import Session
    from tests.emulator import LocalAzure

SILENT, NO_TLS = "the proxy says nothing", "nobody answers behind it"
HUNG_UP, RESET = "the proxy hangs up", "the proxy resets"
TLS_HUNG_UP, TLS_RESET = "who is behind it hangs up", "who is behind it resets"
IN_TLS = frozenset({NO_TLS, TLS_HUNG_UP, TLS_RESET})


class Front:
    """A proxy in front of the local Azure's, of which the first tunnel to Graph leads nowhere."""

    def __init__(self, behind: str, silence: str) -> None:
        self._behind, self._silence = urlsplit(behind), silence
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.silent = 0
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._open.append(client)
                Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        asked = client.recv(4096, socket.MSG_PEEK)
        if b"graph" in asked and not self.silent:
            self.silent += 1
            self._lead_nowhere(client)
            return
        server = socket.create_connection((self._behind.hostname, self._behind.port))
        self._open.append(server)
        Thread(target=_relay, args=(server, client), daemon=True).start()
        _relay(client, server)

    def _lead_nowhere(self, client: socket.socket) -> None:
        client.recv(4096)
        if self._silence in IN_TLS:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            client.recv(65536)
        if self._silence in {RESET, TLS_RESET}:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self._silence not in {SILENT, NO_TLS}:
            client.close()

    def close(self) -> None:
        """End all."""
        for each in (self._listening, *self._open):
            with suppress(OSError):  # its peer may have ended it
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(params=[SILENT, NO_TLS, HUNG_UP, RESET, TLS_HUNG_UP, TLS_RESET])
def front(azure: LocalAzure, request: pytest.FixtureRequest) -> Iterator[Front]:
    made = Front(azure.proxy, request.param)
    yield made
    made.close()


@pytest.fixture
def session(azure: LocalAzure, front: Front) -> Iterator[Session]:
    local = LocalSettings(
        proxy=front.url,
        ca_bundle=azure.ca_bundle,
        tenant_id=azure.tenant_id,
        client_id=azure.operator_client_id,
        client_secret=tool_secret(azure.operator_secret),
    )
    made = open_session(LOCAL, subscription=azure.subscription_id, local=local)
    yield made
    made.close()


def test_a_post_whose_connection_did_not_stand_is_sent_again_and_once(
    session: Session, azure: LocalAzure, front: Front
) -> None:
    url = f"{LOCAL.graph}/v1.0/applications"
    made = session.http(LOCAL.graph_scope).request("POST", url, operation="POST it", json={"displayName": "one"})

    assert (made.status_code, front.silent) == (201, 1)
    assert len(azure.graph("GET", "applications?$filter=displayName eq 'one'").json()["value"]) == 1


@pytest.mark.parametrize("front", [SILENT], indirect=True)
def test_a_connection_that_is_made_while_a_run_ends_ends_as_any_other(session: Session, front: Front) -> None:
    request = HttpRequest("GET", f"{LOCAL.graph}/v1.0/applications")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(session.sign_in_transport().send, request)
        while not front.silent:
            wait([asking], timeout=0.01)
        began = ticks()
        session.close()

        assert isinstance(asking.exception(), ServiceRequestError)
        assert ticks() - began < CONNECT_SECONDS / 2  # it waits for nobody


def open_with_tls() -> int:
    gc.collect()  # what other tests' clients left
    return sum(isinstance(each, ssl.SSLSocket) and each.fileno() >= 0 for each in gc.get_objects())


@pytest.mark.parametrize("front", [HUNG_UP], indirect=True)
def test_a_run_that_has_ended_holds_no_connection(session: Session) -> None:
    before = open_with_tls()
    session.http(LOCAL.graph_scope).request("GET", f"{LOCAL.graph}/v1.0/applications", operation="read them")
    assert open_with_tls() == before + 2  # Graph and who signs in
    session.close()
    assert open_with_tls() == before


@pytest.mark.parametrize("fault", ["reset", "lost"])
def test_a_key_is_removed_whether_or_not_anybody_heard_of_it_the_first_time(
    cloud: Cloud, azure: LocalAzure, fault: str
) -> None:
    graph = cloud.graph
    graph.set_application("one", "one", ())
    made = graph.find_application("one")
    assert made is not None
    key = graph.add_password(made.object_id, "one", cloud.session.clock.decision_time() + timedelta(days=1))
    azure.control("DELETE", "/calls")
    azure.fault(fault=fault, method="POST", path="/removePassword$")

    graph.remove_password(made.object_id, key.key_id)

    answers = [call["status"] for call in azure.control("GET", "/calls")["calls"] if call["method"] == "POST"]
    assert answers == ([0, 204] if fault == "reset" else [0, 400])
    found = graph.find_application_now(made.object_id)
    assert found is not None
    assert found.passwords == ()


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        (DEFAULT_CA_BUNDLE_PATH, "CERTIFICATE_VERIFY_FAILED"),
        ("/nonexistent.pem", "No such file"),
        (__file__, "/test_connections.py"),
    ],
    ids=["another authority", "absent", "no certificates"],
)
def test_only_the_authorities_of_the_bundle_are_trusted(azure: LocalAzure, bundle: str, said: str) -> None:
    with pytest.raises(Unreachable, match=said):
        open_cloud(azure, tool_secret(azure.operator_secret), bundle=bundle).session.sign_in()


def test_a_host_that_cannot_be_reached_is_told_at_once(cloud: Cloud) -> None:
    with pytest.raises(Unreachable, match="no answer"):
        cloud.session.http(LOCAL.arm_scope).request("GET", "https://nowhere.example.com/", operation="GET nowhere")
