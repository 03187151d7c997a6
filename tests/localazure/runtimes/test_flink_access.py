"""Who can reach the local Flink: clients with its certificate, and a browser with the link in the dashboard file."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.localazure.runtimes.conftest import Flink

JAR = b'--x\r\nContent-Disposition: form-data; name="jarfile"; filename="evil.jar"\r\n\r\nPK\r\n--x--\r\n'
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}  # a web page may send it without a CORS preflight


def flink_status(flink: Flink) -> dict[str, Any]:
    (status,) = (one for one in flink.azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    return status


def dashboard_file(flink: Flink) -> Path:
    return Path(flink_status(flink)["shown"]["dashboard"].removeprefix("file://"))


def dashboard_url(flink: Flink) -> str:
    return re.findall(r'href="(http://[^"]+/)"', dashboard_file(flink).read_text())[0]


def send(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> tuple[int, dict[str, str], bytes]:
    parsed = urlsplit(url)
    if context:
        connection = http.client.HTTPSConnection(str(parsed.hostname), parsed.port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection(str(parsed.hostname), parsed.port, timeout=30)
    try:
        connection.request(method, parsed.path, body, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_flink_s_own_port_accepts_no_client_without_its_certificate(flink: Flink) -> None:
    own = str(flink_status(flink)["url"])
    status, headers, body = send(f"{own.replace('https', 'http')}/jars/upload", "POST", JAR, MULTIPART)
    assert (status, headers["location"], body) == (301, f"{own}/jars/upload", b"")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((http.client.HTTPException, OSError)):
        send(f"{own}/overview", context=context)


def test_flink_s_internal_ports_are_on_loopback_and_accept_no_client_without_its_certificate(flink: Flink) -> None:
    own = str(urlsplit(str(flink_status(flink)["url"])).port)
    page = str(urlsplit(dashboard_url(flink)).port)
    listening = [one.rsplit(":", 1) for one in flink_status(flink)["listening"]]
    internal = [(host, port) for host, port in listening if port not in {own, page}]
    assert internal
    stranger, client = ssl.create_default_context(), ssl.create_default_context()
    for context in (stranger, client):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client.load_cert_chain(dashboard_file(flink).parent / "tls" / "flink.pem")
    for host, port in internal:
        assert host == "127.0.0.1"
        with socket.create_connection((host, int(port)), 30) as plain, client.wrap_socket(plain) as connection:
            assert connection.version() == "TLSv1.2"  # in which a client is refused within the handshake
        with socket.create_connection((host, int(port)), 30) as plain, pytest.raises(ssl.SSLError, match="ALERT"):
            stranger.wrap_socket(plain)


def test_the_dashboard_opens_through_the_link_in_a_file_of_mode_0600(flink: Flink) -> None:
    assert stat.S_IMODE(dashboard_file(flink).stat().st_mode) == 0o600
    status, _, page = send(dashboard_url(flink))
    assert (status, b"<flink-root>" in page) == (200, True)
    status, headers, overview = send(f"{dashboard_url(flink)}overview")
    assert (status, json.loads(overview)["slots-total"]) == (200, 8)
    assert headers["access-control-allow-origin"] == dashboard_url(flink).rsplit("/", 2)[0]


def test_the_link_s_key_is_in_no_log_and_no_status(flink: Flink) -> None:
    key = urlsplit(dashboard_url(flink)).path.strip("/")
    assert len(key) > 40
    assert key not in json.dumps(flink_status(flink))
    assert not [path for path in flink.azure.state.rglob("*.log") if key in path.read_text(errors="replace")]


@pytest.mark.parametrize("key", ["", "wrong", "w%C3%B6rng", "/..", "%2e%2e"])
def test_without_the_key_there_is_no_page(flink: Flink, key: str) -> None:
    origin = dashboard_url(flink).rsplit("/", 2)[0]
    assert send(f"{origin}/{key}/overview")[0] == 404
    assert send(f"{origin}/jars/upload", "POST", JAR, MULTIPART)[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_requests_from_other_sites_are_refused_even_with_the_key(flink: Flink, headers: dict[str, str]) -> None:
    before = len(json.loads(send(f"{dashboard_url(flink)}jars")[2])["files"])
    status, response_headers, _ = send(f"{dashboard_url(flink)}jars/upload", "POST", JAR, {**MULTIPART, **headers})
    assert status == 403
    assert "access-control-allow-origin" not in response_headers
    assert len(json.loads(send(f"{dashboard_url(flink)}jars")[2])["files"]) == before


def test_the_dashboard_itself_may_upload_a_jar(flink: Flink) -> None:
    origin = {"Origin": dashboard_url(flink).rsplit("/", 2)[0]}
    status, _, body = send(f"{dashboard_url(flink)}jars/upload", "POST", JAR, {**MULTIPART, **origin})
    assert status == 200
    jar = str(json.loads(body)["filename"]).rsplit("/", 1)[-1]
    assert send(f"{dashboard_url(flink)}jars/{jar}", "DELETE", headers=origin)[0] == 200
