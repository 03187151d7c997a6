"""Who reaches the local Flink: whoever has its certificate, and a browser that was led there by the link's file."""

from __future__ import annotations

import http.client
import json
import re
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
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}  # a web page sends it without asking first


def told(flink: Flink) -> dict[str, Any]:
    (found,) = (one for one in flink.azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    return found


def file_of(flink: Flink) -> Path:
    return Path(told(flink)["shown"]["dashboard"].removeprefix("file://"))


def link(flink: Flink) -> str:
    return re.findall(r'href="(http://[^"]+/)"', file_of(flink).read_text())[0]


def ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> tuple[int, dict[str, str], bytes]:
    where = urlsplit(url)
    if context:
        connection = http.client.HTTPSConnection(str(where.hostname), where.port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
    try:
        connection.request(method, where.path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_flink_s_own_port_speaks_to_nobody_without_its_certificate(flink: Flink) -> None:
    own = str(told(flink)["url"])
    status, headers, said = ask(f"{own.replace('https', 'http')}/jars/upload", "POST", JAR, MULTIPART)
    assert (status, headers["location"], said) == (301, f"{own}/jars/upload", b"")
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(f"{own}/overview", context=trusting)


def test_the_dashboard_opens_by_the_link_in_a_file_of_its_user(flink: Flink) -> None:
    assert stat.S_IMODE(file_of(flink).stat().st_mode) == 0o600
    status, _, page = ask(link(flink))
    assert (status, b"<flink-root>" in page) == (200, True)
    status, headers, overview = ask(f"{link(flink)}overview")
    assert (status, json.loads(overview)["slots-total"]) == (200, 8)
    assert headers["access-control-allow-origin"] == link(flink).rsplit("/", 2)[0]


def test_the_link_s_key_is_told_nowhere_else(flink: Flink) -> None:
    key = urlsplit(link(flink)).path.strip("/")
    assert len(key) > 40
    assert key not in json.dumps(told(flink))
    assert not [path for path in flink.azure.state.rglob("*.log") if key in path.read_text(errors="replace")]


@pytest.mark.parametrize("key", ["", "wrong", "w%C3%B6rng", "/..", "%2e%2e"])
def test_without_the_key_there_is_no_page(flink: Flink, key: str) -> None:
    origin = link(flink).rsplit("/", 2)[0]
    assert ask(f"{origin}/{key}/overview")[0] == 404
    assert ask(f"{origin}/jars/upload", "POST", JAR, MULTIPART)[0] == 404


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
def test_other_sites_are_refused_even_with_the_key(flink: Flink, headers: dict[str, str]) -> None:
    before = len(json.loads(ask(f"{link(flink)}jars")[2])["files"])
    status, answered, _ = ask(f"{link(flink)}jars/upload", "POST", JAR, {**MULTIPART, **headers})
    assert status == 403
    assert "access-control-allow-origin" not in answered
    assert len(json.loads(ask(f"{link(flink)}jars")[2])["files"]) == before


def test_the_page_itself_may_upload_a_jar(flink: Flink) -> None:
    origin = {"Origin": link(flink).rsplit("/", 2)[0]}
    status, _, said = ask(f"{link(flink)}jars/upload", "POST", JAR, {**MULTIPART, **origin})
    assert status == 200
    jar = str(json.loads(said)["filename"]).rsplit("/", 1)[-1]
    assert ask(f"{link(flink)}jars/{jar}", "DELETE", headers=origin)[0] == 200
