"""Checksums of uploads and of ranges that are read, with the CRC-64 vectors of Azure's SDKs."""

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
    lake = lakes.create_lake(azure_env)
    lake.blobs().create_container("data").upload_blob("a", b"Hello World!")
    return lake


@pytest.mark.parametrize(
    ("data", "number"), [(b"", 0), (b"Hello World!", 208604604655264165), (b"123456789!@#$%^&*()", 2153758901452455624)]
)
def test_crc64_is_that_of_the_sdks(data: bytes, number: int) -> None:
    assert base64.b64decode(checksums.base64_crc64(data)) == number.to_bytes(8, "little")


@pytest.mark.parametrize("query", ["", "?comp=block&blockid=MQ==", "?comp=appendblock"])
def test_a_body_with_a_wrong_checksum_is_refused(lake: Lake, query: str) -> None:
    url = f"{lake.blob}/data/{'log' if 'append' in query else 'new'}"
    assert lake.call("PUT", f"{lake.blob}/data/log", headers={"x-ms-blob-type": "AppendBlob"}).status == 201
    blob_type = {"x-ms-blob-type": "BlockBlob"}
    for name, checksum, code in (
        ("Content-MD5", checksums.base64_md5(b"Hello World!"), "Md5Mismatch"),
        (_CRC, base64.b64encode(_HELLO).decode(), "Crc64Mismatch"),
    ):
        refused = lake.call("PUT", url + query, b"Hello World!", headers={**blob_type, name: _ZERO})
        assert (refused.status, refused.headers["x-ms-error-code"]) == (400, code)
        accepted = lake.call("PUT", url + query, b"Hello World!", headers={**blob_type, name: checksum})
        assert (accepted.status, accepted.headers[name.lower()]) == (201, checksum)


def test_a_block_list_has_a_checksum_of_its_own(lake: Lake) -> None:
    block, url = f"{lake.blob}/data/new?comp=block&blockid=MQ==", f"{lake.blob}/data/new?comp=blocklist"
    assert lake.call("PUT", block, b"Hello World!").status == 201
    block_list = b"<?xml version='1.0'?><BlockList><Latest>MQ==</Latest></BlockList>"
    committed = lake.call("PUT", url, block_list)
    assert (committed.status, committed.headers[_CRC]) == (201, checksums.base64_crc64(block_list))
    committed = lake.call("PUT", url, block_list, headers={"Content-MD5": checksums.base64_md5(block_list)})
    assert (committed.status, committed.headers["content-md5"]) == (201, checksums.base64_md5(block_list))
    refused = lake.call("PUT", url, block_list, headers={"Content-MD5": checksums.base64_md5(b"Hello World!")})
    assert (refused.status, refused.headers["x-ms-error-code"]) == (400, "Md5Mismatch")


def test_appended_bytes_are_checked_too(lake: Lake) -> None:
    lake.files().get_file_client("data", "file").create_file()
    url = f"{lake.dfs}/data/file?action=append&position=0"
    refused = lake.call("PATCH", url, b"Hello World!", headers={_CRC: _ZERO})
    assert (refused.status, refused.headers["x-ms-error-code"]) == (400, "Crc64Mismatch")


def test_a_range_is_read_with_its_checksums_on_request(lake: Lake) -> None:
    url = f"{lake.blob}/data/a"
    request_headers = {"x-ms-range-get-content-md5": "true", "x-ms-range-get-content-crc64": "true"}
    response = lake.call("GET", url, headers={"x-ms-range": "bytes=0-11", **request_headers})
    assert response.headers["content-md5"] == checksums.base64_md5(b"Hello World!")
    assert base64.b64decode(response.headers[_CRC]) == _HELLO
    whole = lake.call("GET", url, headers=request_headers)
    assert (whole.status, whole.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
