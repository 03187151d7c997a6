"""Malformed HTTP requests: two lengths, invalid chunks, another host in the tunnel, endless headers."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.emulator import ARM
from tests.sentinels.counts import tried

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

HOST = "management.azure.com"
GET_HEAD = f"GET /tenants?api-version=2022-12-01 HTTP/1.1\r\nHost: {HOST}\r\n"
POST_HEAD = f"POST /tenants?api-version=2022-12-01 HTTP/1.1\r\nHost: {HOST}\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
# What two servers in a row would cut in two places: RFC 9112, 6.1, and portswigger.net/web-security/request-smuggling.
AMBIGUOUS = {
    "length and chunks": POST_HEAD + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and length": POST_HEAD + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST_HEAD + "Content-Length: 0\r\nContent-Length: 36\r\n\r\n" + SMUGGLED,
    "a list of lengths": POST_HEAD + "Content-Length: 0, 36\r\n\r\n" + SMUGGLED,
    "a length with a sign": POST_HEAD + "Content-Length: +0\r\n\r\n" + SMUGGLED,
    "a length below zero": POST_HEAD + "Content-Length: -1\r\n\r\n" + SMUGGLED,
    "a length in hex": POST_HEAD + "Content-Length: 0x0\r\n\r\n" + SMUGGLED,
    "a length without end": POST_HEAD + "Content-Length: " + "9" * 40 + "\r\n\r\n",
    "unknown coding": POST_HEAD + "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "coding with a tab": POST_HEAD + "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "space before the colon": POST_HEAD + "Content-Length : 36\r\n\r\n" + SMUGGLED,
    "a folded header": POST_HEAD + "X: a\r\n Content-Length: 36\r\n\r\n",
    "a chunk without end": POST_HEAD + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
    "a chunk below zero": POST_HEAD + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SMUGGLED,
    "a chunk of no number": POST_HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + SMUGGLED,
    "bare line feeds": (POST_HEAD + "Content-Length: 0\r\n\r\n").replace("\r\n", "\n"),
    "a bare return": GET_HEAD + "X: a\rContent-Length: 36\r\n\r\n",
    "NUL in a header": GET_HEAD + "X: a\0b\r\n\r\n",
    "no name": GET_HEAD + ": x\r\n\r\n",
    "no colon": GET_HEAD + "nonsense\r\n\r\n",
    "no version": "GET /\r\n\r\n",
    "version 9": f"GET / HTTP/9.9\r\nHost: {HOST}\r\n\r\n",
    "version 2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method of its own": f"NONSENSE / HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "a space in the target": f"GET /a b HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "bytes in the target": f"GET /\xff\xfe HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "a broken escape": f"GET /%zz%\r HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "an escape of NUL": f"GET /subscriptions/%00?api-version=2022-12-01 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "an escape of no UTF-8": f"GET /subscriptions/%ff%fe?api-version=%ff HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "a whole URL": f"GET http://graph.microsoft.com/v1.0/applications HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "an asterisk": f"OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "another tunnel": f"CONNECT graph.microsoft.com:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "another protocol": GET_HEAD + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a wait for leave": POST_HEAD + "Expect: nonsense\r\nContent-Length: 0\r\n\r\n",
    "TLS in TLS": "\x16\x03\x01\x02\x00\x01\x00",
}  # fmt: skip
HOSTS = {
    "another": "graph.microsoft.com",
    "one that is none": "example.com",
    "none": None,
    "an empty one": "",
    "with another port": "management.azure.com:80:80",
    "with a user": "management.azure.com@graph.microsoft.com",
    "with a path": "management.azure.com/../graph.microsoft.com",
    "with an end": "management.azure.com.",
    "of another language": "mana\xe4gement.azure.com",
    "of this machine": "127.0.0.1",
}


INVALID_TARGETS = (
    "a\x00b:443", "x" * 300 + ":443", "*.vault.azure.net:443", "..vault.azure.net:443", "a/../b.vault.azure.net:443",
    "ä.vault.azure.net:443", "management.azure.com:0443", "management.azure.com\t:443",
    "a" * 64 + ".vault.azure.net:443",
)  # fmt: skip


def tunnel(azure: LocalAzure, host: str = HOST, name: str | None = HOST) -> ssl.SSLSocket:
    """A connection through the proxy to `host`, with TLS for `name`."""
    proxy = urlsplit(azure.proxy)
    raw = socket.create_connection((str(proxy.hostname), proxy.port), timeout=10)
    raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context(cafile=azure.ca_bundle)
    context.check_hostname = False
    return context.wrap_socket(raw, server_hostname=name)


def responses(connection: ssl.SSLSocket, request: bytes) -> bytes:
    """The bytes received until the server closes the connection or is silent for half a second."""
    connection.settimeout(0.5)
    received = b""
    try:
        connection.sendall(request)
        while chunk := connection.recv(65536):
            received += chunk
    except (TimeoutError, ConnectionError, ssl.SSLError):
        pass
    return received


def status_codes(received: bytes) -> list[int]:
    """The status codes of the responses in the received bytes."""
    return [int(number) for number in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def is_healthy(azure: LocalAzure) -> bool:
    """Whether the local Azure still answers and has logged no traceback."""
    response = azure.request("GET", f"{ARM}/tenants?api-version=2022-12-01")
    return response.status == 200 and "Traceback" not in (azure.state / "server.log").read_text()


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_request_is_read_once_or_refused(azure: LocalAzure, name: str) -> None:
    tried()
    with tunnel(azure) as connection:
        codes = status_codes(responses(connection, AMBIGUOUS[name].encode("latin-1")))
    assert all(status < 500 for status in codes), codes
    paths = [call["path"] for call in azure.control("GET", "/calls")["calls"]]
    assert "/smuggled" not in paths, paths
    assert is_healthy(azure)


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_other_than_the_tunnels_is_refused(azure: LocalAzure, name: str) -> None:
    tried()
    header = "" if HOSTS[name] is None else f"Host: {HOSTS[name]}\r\n"
    request = f"GET /v1.0/applications HTTP/1.1\r\n{header}Authorization: Bearer {azure.token()}\r\n\r\n"
    with tunnel(azure) as connection:
        codes = status_codes(responses(connection, request.encode("latin-1")))
    assert codes == [] or codes[0] in {400, 404}, codes
    assert is_healthy(azure)


@pytest.mark.parametrize("name", ["graph.microsoft.com", "example.com", None])
def test_the_tunnels_host_counts_whatever_name_tls_has(azure: LocalAzure, name: str | None) -> None:
    tried()
    with tunnel(azure, name=name) as connection:
        certificate = str(connection.getpeercert())
        request = f"GET /v1.0/applications HTTP/1.1\r\nHost: {name or 'graph.microsoft.com'}\r\n\r\n".encode()
        codes = status_codes(responses(connection, request))
    assert HOST in certificate
    assert codes == [404]


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_oversized_headers_are_refused(azure: LocalAzure, size: int) -> None:
    tried(2)
    for request in (f"GET /{'a' * size} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", GET_HEAD + f"X: {'a' * size}\r\n\r\n"):
        with tunnel(azure) as connection:
            codes = status_codes(responses(connection, request.encode()))
        assert all(status < 500 for status in codes)
    assert is_healthy(azure)


@pytest.mark.parametrize("target", INVALID_TARGETS)
def test_a_tunnel_to_an_invalid_name_is_refused(azure: LocalAzure, target: str) -> None:
    tried()
    proxy = urlsplit(azure.proxy)
    with socket.create_connection((str(proxy.hostname), proxy.port), timeout=10) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        response = connection.recv(4096)
    assert response.startswith(b"HTTP/1.1 403 "), response
    assert is_healthy(azure)


def test_it_listens_on_loopback_only(azure: LocalAzure) -> None:
    ports = {urlsplit(url).port for url in (azure.proxy, azure.control_url)}
    addresses: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:  # noqa: PTH123 - a file of the kernel's
            rows = [connection.split() for connection in lines][1:]
        listening = [row[1] for row in rows if row[3] == "0A"]
        addresses += [address for address in listening if int(address.rpartition(":")[2], 16) in ports]
    assert len(addresses) == 2
    assert all(address.startswith("0100007F:") for address in addresses)  # 127.0.0.1


@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Bearer x", "Basic x", "Bearer \xff", "bearer"])
def test_the_control_endpoint_needs_its_token(azure: LocalAzure, authorization: str | None) -> None:
    tried()
    connection = http.client.HTTPConnection(azure.control_url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/reset", headers={} if authorization is None else {"Authorization": authorization})
    response = connection.getresponse()
    assert response.status == 401
    assert azure.operator_secret.reveal().encode() not in response.read()
    connection.close()
