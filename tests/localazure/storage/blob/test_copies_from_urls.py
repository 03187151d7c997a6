"""What the Blob service reads from another blob's address: a whole blob, blocks, what is appended."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake

TYPED = {"x-ms-blob-content-type": "text/x", "x-ms-blob-type": "BlockBlob"}


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    made = lakes.make(azure_env)
    assert made.call("PUT", f"{made.blob}/data?restype=container").status == 201
    assert made.call("PUT", f"{made.blob}/data/source", b"hello", headers=TYPED).status == 201
    return made


def _put(lake: Lake, query: str, **headers: str) -> Answer:
    sent = {"x-ms-copy-source": f"{lake.blob}/data/source", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return lake.call("PUT", f"{lake.blob}/data/target{query}", headers=sent)


def _read(lake: Lake) -> Answer:
    return lake.call("GET", f"{lake.blob}/data/target")


def test_a_blob_is_put_from_a_url_with_its_properties_or_without(lake: Lake) -> None:
    answer = _put(lake, "", x_ms_blob_type="BlockBlob")
    assert answer.status == 201
    assert "x-ms-copy-id" not in answer.headers
    assert (_read(lake).body, _read(lake).headers["content-type"]) == (b"hello", "text/x")
    assert _put(lake, "", x_ms_blob_type="BlockBlob", x_ms_copy_source_blob_properties="false").status == 201
    assert (_read(lake).body, _read(lake).headers["content-type"]) == (b"hello", "application/octet-stream")


def test_blocks_are_put_from_ranges_of_a_url(lake: Lake) -> None:
    ranges, listed = {"MDAx": "bytes=3-", "MDAy": "bytes=0-1"}, ""
    for name, asked in ranges.items():
        assert _put(lake, f"?comp=block&blockid={name}", x_ms_source_range=asked).status == 201
        listed += f"<Latest>{name}</Latest>"
    body = f"<BlockList>{listed}</BlockList>".encode()
    assert lake.call("PUT", f"{lake.blob}/data/target?comp=blocklist", body).status == 201
    assert _read(lake).body == b"lohe"


def test_a_source_that_is_damaged_or_gone_is_refused(lake: Lake) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    answer = _put(lake, "?comp=block&blockid=MDAx", x_ms_source_content_md5=wrong)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    answer = _put(lake, "?comp=block&blockid=MDAx", x_ms_copy_source=f"{lake.blob}/data/gone")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (404, "CannotVerifyCopySource")


def test_an_append_blob_grows_from_a_url(lake: Lake) -> None:
    url = f"{lake.blob}/data/target"
    assert lake.call("PUT", url, headers={"x-ms-blob-type": "AppendBlob"}).status == 201
    for _ in range(2):
        assert _put(lake, "?comp=appendblock").status == 201
    assert _read(lake).body == b"hellohello"
