"""Conditions of blocks, appends, ranges and metadata that the Blob service checks."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    lake = lakes.create_lake(azure_env)
    assert lake.call("PUT", f"{lake.blob}/data?restype=container").status == 201
    return lake


def _put_block(lake: Lake, name: str) -> Answer:
    block = base64.b64encode(name.encode()).decode()
    return lake.call("PUT", f"{lake.blob}/data/a?comp=block&blockid={block}", b"abc")


def _status_and_code(response: Answer) -> tuple[int, str]:
    return response.status, response.headers["x-ms-error-code"]


def test_block_ids_of_one_blob_have_one_length(lake: Lake) -> None:
    assert _put_block(lake, "001").status == 201
    assert _status_and_code(_put_block(lake, "0000002")) == (400, "InvalidBlobOrBlock")
    assert _put_block(lake, "002").status == 201


def test_an_append_beyond_the_maximum_size_is_refused(lake: Lake) -> None:
    url = f"{lake.blob}/data/a"
    assert lake.call("PUT", url, headers={"x-ms-blob-type": "AppendBlob"}).status == 201
    for limit, expected in (("3", 201), ("5", 412), ("6", 201)):
        response = lake.call("PUT", f"{url}?comp=appendblock", b"abc", headers={"x-ms-blob-condition-maxsize": limit})
        assert response.status == expected, limit
        if expected == 412:
            assert response.headers["x-ms-error-code"] == "MaxBlobSizeConditionNotMet"


def test_a_range_has_its_own_md5_on_request(lake: Lake) -> None:
    blob_type = {"x-ms-blob-type": "BlockBlob"}
    assert lake.call("PUT", f"{lake.blob}/data/a", b"x" * (5 << 20), headers=blob_type).status == 201
    for host in (lake.blob, lake.dfs):
        for byte_range, expected in (("bytes=0-2", 206), ("", 400), (f"bytes=0-{4 << 20}", 400)):
            headers = {"x-ms-range-get-content-md5": "true", **({"x-ms-range": byte_range} if byte_range else {})}
            response = lake.call("GET", f"{host}/data/a", headers=headers)
            assert response.status == expected, byte_range
            if expected == 206:
                digest = hashlib.md5(b"xxx", usedforsecurity=False).digest()
                assert response.headers["content-md5"] == base64.b64encode(digest).decode()


def test_metadata_of_a_container_is_written_if_modified_since(lake: Lake) -> None:
    url = f"{lake.blob}/data?restype=container&comp=metadata"
    late, early = "Fri, 01 Jan 2999 00:00:00 GMT", "Mon, 01 Jan 2001 00:00:00 GMT"
    refused = lake.call("PUT", url, headers={"x-ms-meta-a": "b", "If-Modified-Since": late})
    assert _status_and_code(refused) == (412, "ConditionNotMet")
    assert lake.call("PUT", url, headers={"x-ms-meta-a": "b", "If-Modified-Since": early}).status == 200
