"""Checksums of what is sent and of ranges that are read, with the vectors of Azure's own SDKs for CRC-64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from localazure.storage.data import checksums
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.lake import Lake

_HELLO, _ZERO = (208604604655264165).to_bytes(8, "little"), base64.b64encode(bytes(8)).decode()
_CRC = "x-ms-content-crc64"


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    made = lakes.make(azure_env)
    made.blobs().create_container("data").upload_blob("a", b"Hello World!")
    return made


@pytest.mark.parametrize(
    ("data", "number"), [(b"", 0), (b"Hello World!", 208604604655264165), (b"123456789!@#$%^&*()", 2153758901452455624)]
)
def test_the_checksum_is_that_of_the_sdks(data: bytes, number: int) -> None:
    assert base64.b64decode(checksums.crc64(data)) == number.to_bytes(8, "little")


@pytest.mark.parametrize("part", ["", "?comp=block&blockid=MQ==", "?comp=appendblock"])
def test_what_arrives_otherwise_than_it_was_sent_is_refused(lake: Lake, part: str) -> None:
    url = f"{lake.blob}/data/{'log' if 'append' in part else 'new'}"
    assert lake.call("PUT", f"{lake.blob}/data/log", headers={"x-ms-blob-type": "AppendBlob"}).status == 201
    kind = {"x-ms-blob-type": "BlockBlob"}
    for name, right, code in (
        ("Content-MD5", checksums.md5(b"Hello World!"), "Md5Mismatch"),
        (_CRC, base64.b64encode(_HELLO).decode(), "Crc64Mismatch"),
    ):
        wrong = lake.call("PUT", url + part, b"Hello World!", headers={**kind, name: _ZERO})
        assert (wrong.status, wrong.headers["x-ms-error-code"]) == (400, code)
        told = lake.call("PUT", url + part, b"Hello World!", headers={**kind, name: right})
        assert (told.status, told.headers[name.lower()]) == (201, right)


def test_a_list_of_blocks_has_a_checksum_of_its_own(lake: Lake) -> None:
    block, url = f"{lake.blob}/data/new?comp=block&blockid=MQ==", f"{lake.blob}/data/new?comp=blocklist"
    assert lake.call("PUT", block, b"Hello World!").status == 201
    listed = b"<?xml version='1.0'?><BlockList><Latest>MQ==</Latest></BlockList>"
    told = lake.call("PUT", url, listed)
    assert (told.status, told.headers[_CRC]) == (201, checksums.crc64(listed))
    told = lake.call("PUT", url, listed, headers={"Content-MD5": checksums.md5(listed)})
    assert (told.status, told.headers["content-md5"]) == (201, checksums.md5(listed))
    wrong = lake.call("PUT", url, listed, headers={"Content-MD5": checksums.md5(b"Hello World!")})
    assert (wrong.status, wrong.headers["x-ms-error-code"]) == (400, "Md5Mismatch")


def test_appended_bytes_are_checked_too(lake: Lake) -> None:
    lake.files().get_file_client("data", "file").create_file()
    url = f"{lake.dfs}/data/file?action=append&position=0"
    wrong = lake.call("PATCH", url, b"Hello World!", headers={_CRC: _ZERO})
    assert (wrong.status, wrong.headers["x-ms-error-code"]) == (400, "Crc64Mismatch")


def test_a_range_is_read_with_its_checksums(lake: Lake) -> None:
    url = f"{lake.blob}/data/a"
    asked = {"x-ms-range-get-content-md5": "true", "x-ms-range-get-content-crc64": "true"}
    found = lake.call("GET", url, headers={"x-ms-range": "bytes=0-11", **asked})
    assert found.headers["content-md5"] == checksums.md5(b"Hello World!")
    assert base64.b64decode(found.headers[_CRC]) == _HELLO
    whole = lake.call("GET", url, headers=asked)
    assert (whole.status, whole.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
