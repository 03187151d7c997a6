"""Content from another blob's URL: a whole blob, blocks, appends."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake

BLOB_HEADERS = {"x-ms-blob-content-type": "text/x", "x-ms-blob-type": "BlockBlob"}


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    lake = lakes.create_lake(azure_env)
    assert lake.call("PUT", f"{lake.blob}/data?restype=container").status == 201
    assert lake.call("PUT", f"{lake.blob}/data/source", b"hello", headers=BLOB_HEADERS).status == 201
    return lake


def _put_from_url(lake: Lake, query: str, **headers: str) -> Answer:
    sent = {"x-ms-copy-source": f"{lake.blob}/data/source", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return lake.call("PUT", f"{lake.blob}/data/target{query}", headers=sent)


def _read_target(lake: Lake) -> Answer:
    return lake.call("GET", f"{lake.blob}/data/target")


def test_a_blob_is_put_from_a_url_with_or_without_its_properties(lake: Lake) -> None:
    response = _put_from_url(lake, "", x_ms_blob_type="BlockBlob")
    assert response.status == 201
    assert "x-ms-copy-id" not in response.headers
    assert (_read_target(lake).body, _read_target(lake).headers["content-type"]) == (b"hello", "text/x")
    assert _put_from_url(lake, "", x_ms_blob_type="BlockBlob", x_ms_copy_source_blob_properties="false").status == 201
    assert (_read_target(lake).body, _read_target(lake).headers["content-type"]) == (
        b"hello",
        "application/octet-stream",
    )


def test_blocks_are_put_from_ranges_of_a_url(lake: Lake) -> None:
    ranges, listed = {"MDAx": "bytes=3-", "MDAy": "bytes=0-1"}, ""
    for name, byte_range in ranges.items():
        assert _put_from_url(lake, f"?comp=block&blockid={name}", x_ms_source_range=byte_range).status == 201
        listed += f"<Latest>{name}</Latest>"
    body = f"<BlockList>{listed}</BlockList>".encode()
    assert lake.call("PUT", f"{lake.blob}/data/target?comp=blocklist", body).status == 201
    assert _read_target(lake).body == b"lohe"


def test_a_source_with_another_checksum_or_a_missing_one_is_refused(lake: Lake) -> None:
    checksum = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    response = _put_from_url(lake, "?comp=block&blockid=MDAx", x_ms_source_content_md5=checksum)
    assert (response.status, response.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    response = _put_from_url(lake, "?comp=block&blockid=MDAx", x_ms_copy_source=f"{lake.blob}/data/gone")
    assert (response.status, response.headers["x-ms-error-code"]) == (404, "CannotVerifyCopySource")


@pytest.mark.parametrize("host", ["{}.evil.test", "{}.blob.core.windows.net.evil.test", "{}.file.core.windows.net"])
def test_a_source_at_another_host_is_not_the_account_of_that_name(lake: Lake, host: str) -> None:
    source = f"https://{host.format(lake.name)}/data/source"
    response = _put_from_url(lake, "", x_ms_blob_type="BlockBlob", x_ms_copy_source=source)
    assert (response.status, response.headers["x-ms-error-code"]) == (404, "CannotVerifyCopySource")


def test_a_source_that_anybody_may_read_needs_no_right(lake: Lake) -> None:
    other = lakes.create_lake(lake.azure, "otherlake1", allowBlobPublicAccess=True)
    for name, access in (("open", "blob"), ("closed", None)):
        other.blobs().create_container(name, public_access=access).upload_blob("source", b"hello")
    target = lake.blobs(lakes.account_key(lake)).get_blob_client("data", "target")
    target.upload_blob_from_url(f"{other.blob}/open/source")
    assert target.download_blob().readall() == b"hello"
    with pytest.raises(HttpResponseError) as error:
        target.upload_blob_from_url(f"{other.blob}/closed/source", overwrite=True)
    assert getattr(error.value, "error_code", None) == "CannotVerifyCopySource"


def test_blocks_are_appended_from_a_url(lake: Lake) -> None:
    url = f"{lake.blob}/data/target"
    assert lake.call("PUT", url, headers={"x-ms-blob-type": "AppendBlob"}).status == 201
    for _ in range(2):
        assert _put_from_url(lake, "?comp=appendblock").status == 201
    assert _read_target(lake).body == b"hellohello"
