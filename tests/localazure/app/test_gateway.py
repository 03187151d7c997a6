"""How much of a request is read before its caller is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.emulator import GRAPH, LOGIN, TENANT
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

CHUNK, CHUNKS = b"x" * (1 << 20), 64


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process ever used."""
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) * 1024


def send_body(azure: LocalAzure, method: str, host: str, path: str, headers: dict[str, str]) -> tuple[int, int]:
    """Send 64 MiB. Returns the status, and that of a small request on the same connection afterwards."""
    connection = azure.connect(host)
    length = {} if "Transfer-Encoding" in headers else {"Content-Length": str(len(CHUNK) * CHUNKS)}
    connection.request(method, path, _chunks(), {**length, **headers}, encode_chunked=not length)
    response = connection.getresponse()
    response.read()
    connection.request("GET", path)
    following = connection.getresponse()
    following.read()
    connection.close()
    return response.status, following.status


def _chunks() -> Iterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


@pytest.mark.parametrize(
    ("method", "host", "path", "headers", "status"),
    [
        ("PUT", "management.azure.com", "/subscriptions/x?api-version=2022-12-01", {}, 401),
        ("POST", "graph.microsoft.com", "/v1.0/applications", {"Authorization": "Bearer wrong"}, 401),
        ("POST", "graph.microsoft.com", "/v1.0/applications", {"Transfer-Encoding": "chunked"}, 401),
        ("POST", "login.microsoftonline.com", f"/{TENANT}/oauth2/v2.0/token", {}, 413),
        ("PUT", "testlake1.blob.core.windows.net", "/data/x", {"x-ms-version": "2023-11-03"}, 401),
        ("PATCH", "testlake1.dfs.core.windows.net", "/data/x?action=append&position=0", {}, 401),
        ("PUT", "nobody.blob.core.windows.net", "/data/x", {}, 404),
        ("POST", "graph.microsoft.com", "/v1.0/applications", {"Host": LOGIN.removeprefix("https://")}, 404),
    ],
)
def test_a_large_body_is_not_kept_before_its_caller_is_known(
    azure: LocalAzure, method: str, host: str, path: str, headers: dict[str, str], status: int
) -> None:
    lakes.create_lake(azure)
    pid = azure.control("GET", "/")["pid"]
    before = peak_bytes(pid)
    answer, following = send_body(azure, method, host, path, headers)
    assert (answer, following >= 400) == (status, True)
    assert peak_bytes(pid) - before < 16 * len(CHUNK)


def test_a_large_body_of_a_known_caller_is_read_whole(azure: LocalAzure) -> None:
    body = {"displayName": "probe", "notes": "x" * (1 << 20), "tags": ["after the first part"]}
    created = azure.request("POST", f"{GRAPH}/v1.0/applications", body, token=azure.token(GRAPH))
    assert (created.status, created.json().get("tags")) == (201, ["after the first part"])
