"""Requests as no decent client writes them: two lengths, odd chunks, another host inside, endless heads."""

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
ASKED = f"GET /tenants?api-version=2022-12-01 HTTP/1.1\r\nHost: {HOST}\r\n"
SENT = f"POST /tenants?api-version=2022-12-01 HTTP/1.1\r\nHost: {HOST}\r\n"
SECOND = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
# What two servers in a row would cut in two places: RFC 9112, 6.1, and portswigger.net/web-security/request-smuggling.
SMUGGLED = {
    "length and chunks": SENT + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "chunks and length": SENT + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + SECOND,
    "two lengths": SENT + "Content-Length: 0\r\nContent-Length: 36\r\n\r\n" + SECOND,
    "a list of lengths": SENT + "Content-Length: 0, 36\r\n\r\n" + SECOND,
    "a length with a sign": SENT + "Content-Length: +0\r\n\r\n" + SECOND,
    "a length below zero": SENT + "Content-Length: -1\r\n\r\n" + SECOND,
    "a length in hex": SENT + "Content-Length: 0x0\r\n\r\n" + SECOND,
    "a length without end": SENT + "Content-Length: " + "9" * 40 + "\r\n\r\n",
    "unknown coding": SENT + "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + SECOND,
    "coding with a tab": SENT + "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SECOND,
    "space before the colon": SENT + "Content-Length : 36\r\n\r\n" + SECOND,
    "a folded header": SENT + "X: a\r\n Content-Length: 36\r\n\r\n",
    "a chunk without end": SENT + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
    "a chunk below zero": SENT + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SECOND,
    "a chunk of no number": SENT + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + SECOND,
    "bare line feeds": (SENT + "Content-Length: 0\r\n\r\n").replace("\r\n", "\n"),
    "a bare return": ASKED + "X: a\rContent-Length: 36\r\n\r\n",
    "NUL in a header": ASKED + "X: a\0b\r\n\r\n",
    "no name": ASKED + ": x\r\n\r\n",
    "no colon": ASKED + "nonsense\r\n\r\n",
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
    "another protocol": ASKED + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a wait for leave": SENT + "Expect: nonsense\r\nContent-Length: 0\r\n\r\n",
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


ODD = (
    "a\x00b:443", "x" * 300 + ":443", "*.vault.azure.net:443", "..vault.azure.net:443", "a/../b.vault.azure.net:443",
    "ä.vault.azure.net:443", "management.azure.com:0443", "management.azure.com\t:443",
)  # fmt: skip


def tunnel(azure: LocalAzure, host: str = HOST, name: str | None = HOST) -> ssl.SSLSocket:
    """A connection through the proxy to `host`, TLS for `name`."""
    proxy = urlsplit(azure.proxy)
    raw = socket.create_connection((str(proxy.hostname), proxy.port), timeout=10)
    raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context(cafile=azure.ca_bundle)
    context.check_hostname = False
    return context.wrap_socket(raw, server_hostname=name)


def told(line: ssl.SSLSocket, request: bytes) -> bytes:
    """All that comes back until the server ends the connection, or has nothing more to say."""
    line.settimeout(0.5)
    said = b""
    try:
        line.sendall(request)
        while piece := line.recv(65536):
            said += piece
    except (TimeoutError, ConnectionError, ssl.SSLError):
        pass
    return said


def statuses(said: bytes) -> list[int]:
    """Of the answers in it."""
    return [int(number) for number in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


def alive(azure: LocalAzure) -> bool:
    """It still answers others, and wrote of no mistake of its own."""
    answer = azure.request("GET", f"{ARM}/tenants?api-version=2022-12-01")
    return answer.status == 200 and "Traceback" not in (azure.state / "server.log").read_text()


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_that_can_be_read_in_two_ways_is_read_once_or_refused(azure: LocalAzure, name: str) -> None:
    tried()
    with tunnel(azure) as line:
        found = statuses(told(line, SMUGGLED[name].encode("latin-1")))
    assert all(status < 500 for status in found), found
    paths = [call["path"] for call in azure.control("GET", "/calls")["calls"]]
    assert "/smuggled" not in paths, paths
    assert alive(azure)


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_that_is_not_the_tunnel_s_is_not_answered(azure: LocalAzure, name: str) -> None:
    tried()
    header = "" if HOSTS[name] is None else f"Host: {HOSTS[name]}\r\n"
    request = f"GET /v1.0/applications HTTP/1.1\r\n{header}Authorization: Bearer {azure.token()}\r\n\r\n"
    with tunnel(azure) as line:
        found = statuses(told(line, request.encode("latin-1")))
    assert found == [] or found[0] in {400, 404}, found
    assert alive(azure)


@pytest.mark.parametrize("name", ["graph.microsoft.com", "example.com", None])
def test_what_counts_is_the_name_of_the_tunnel_whatever_tls_says(azure: LocalAzure, name: str | None) -> None:
    tried()
    with tunnel(azure, name=name) as line:
        certificate = str(line.getpeercert())
        asked = f"GET /v1.0/applications HTTP/1.1\r\nHost: {name or 'graph.microsoft.com'}\r\n\r\n".encode()
        found = statuses(told(line, asked))
    assert HOST in certificate
    assert found == [404]


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_an_endless_head_is_cut_off(azure: LocalAzure, size: int) -> None:
    tried(2)
    for request in (f"GET /{'a' * size} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", ASKED + f"X: {'a' * size}\r\n\r\n"):
        with tunnel(azure) as line:
            found = statuses(told(line, request.encode()))
        assert all(status < 500 for status in found)
    assert alive(azure)


@pytest.mark.parametrize("target", ODD)
def test_a_tunnel_to_an_odd_name_is_refused(azure: LocalAzure, target: str) -> None:
    tried()
    proxy = urlsplit(azure.proxy)
    with socket.create_connection((str(proxy.hostname), proxy.port), timeout=10) as line:
        line.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        answer = line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 403 "), answer
    assert alive(azure)


def test_it_listens_on_loopback_only(azure: LocalAzure) -> None:
    ports = {urlsplit(url).port for url in (azure.proxy, azure.control_url)}
    found: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:  # noqa: PTH123 - a file of the kernel's
            rows = [line.split() for line in lines][1:]
        listening = [row[1] for row in rows if row[3] == "0A"]
        found += [place for place in listening if int(place.rpartition(":")[2], 16) in ports]
    assert len(found) == 2
    assert all(place.startswith("0100007F:") for place in found)  # 127.0.0.1


@pytest.mark.parametrize("given", [None, "", "Bearer ", "Bearer x", "Basic x", "Bearer \xff", "bearer"])
def test_the_control_endpoint_needs_its_token(azure: LocalAzure, given: str | None) -> None:
    tried()
    line = http.client.HTTPConnection(azure.control_url.removeprefix("http://"), timeout=10)
    line.request("POST", "/reset", headers={} if given is None else {"Authorization": given})
    answer = line.getresponse()
    assert answer.status == 401
    assert azure.operator_secret.reveal().encode() not in answer.read()
    line.close()
