"""Blob storage: containers and blobs through the official SDK and raw HTTP, by token and by key."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, ContentSettings, generate_blob_sas

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake

MIB = 1 << 20


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    return lakes.create_lake(azure_env)


@pytest.fixture
def dags(lake: Lake) -> Iterator[Any]:
    with lake.blobs() as service:
        yield service.create_container("dags", metadata={"team": "data"})


def error_code(response: Answer) -> str:
    """The error code of a response, the same in its header and its XML."""
    match = re.search(
        r"<Code>(\w+)</Code><Message>[^<]+\nRequestId:[^<]+\nTime:[^<]+</Message>", response.body.decode()
    )
    assert match
    assert response.headers["x-ms-error-code"] == match[1]
    return match[1]


def test_the_sdk_creates_lists_and_deletes_a_container(lake: Lake, dags: Any) -> None:
    with lake.blobs() as service:
        (listed,) = service.list_containers(include_metadata=True)
        assert (listed.name, listed.metadata) == ("dags", {"team": "data"})
        dags.set_container_metadata({"team": "other"})
        assert dags.get_container_properties().metadata == {"team": "other"}
        with pytest.raises(ResourceExistsError):
            service.create_container("dags")
        dags.delete_container()
        assert not dags.exists()
        with pytest.raises(ResourceNotFoundError):
            dags.delete_container()


def test_a_lease_of_a_container_blocks_its_deletion_and_is_read_on_arm(lake: Lake, dags: Any) -> None:
    lease = dags.acquire_lease(15)
    with pytest.raises(HttpResponseError) as error:
        dags.delete_container()
    assert error.value.status_code == 412
    properties = lake.azure.request("GET", f"{lakes.ARM}{lake.container_id('dags')}?api-version=2023-05-01").json()
    assert properties["properties"]["leaseState"] == "Leased"
    lease.break_lease(0)
    dags.delete_container()


def test_the_sdk_uploads_downloads_and_deletes_a_blob(dags: Any) -> None:
    blob = dags.get_blob_client("a/b.txt")
    blob.upload_blob(b"hello", metadata={"sha": "1"})
    assert blob.download_blob().readall() == b"hello"
    properties = blob.get_blob_properties()
    assert (properties.size, properties.metadata, properties.blob_type.value) == (5, {"sha": "1"}, "BlockBlob")
    blob.set_blob_metadata({"sha": "2"})
    assert blob.get_blob_properties().metadata == {"sha": "2"}
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(b"again")
    blob.upload_blob(b"", overwrite=True)
    assert blob.download_blob().readall() == b""
    blob.delete_blob()
    assert not blob.exists()


def test_a_large_blob_is_uploaded_in_blocks(lake: Lake, dags: Any) -> None:
    data = bytes(range(256)) * (10 * MIB // 256)
    blob = dags.get_blob_client("big")
    for index in range(10):
        blob.stage_block(str(index), data[index * MIB : (index + 1) * MIB])
    blob.commit_block_list([BlobBlock(str(index)) for index in range(10)])
    committed, uncommitted = blob.get_block_list("all")
    assert ([block.size for block in committed], uncommitted) == ([MIB] * 10, [])
    assert blob.download_blob(max_concurrency=2).readall() == data
    assert lake.call("GET", f"{lake.dfs}/dags/big", headers={"Range": "bytes=256-258"}).body == b"\x00\x01\x02"


def test_a_block_list_has_committed_and_new_blocks_and_no_unknown_ones(dags: Any) -> None:
    blob = dags.get_blob_client("mixed")
    blob.stage_block("1", b"one ")
    blob.stage_block("2", b"two ")
    assert not blob.exists()
    blob.commit_block_list([BlobBlock("1"), BlobBlock("2")])
    blob.stage_block("3", b"three")
    blob.commit_block_list([BlobBlock("2"), BlobBlock("3")])
    assert blob.download_blob().readall() == b"two three"
    with pytest.raises(HttpResponseError) as error:
        blob.commit_block_list([BlobBlock("1")])
    assert getattr(error.value, "error_code", None) == "InvalidBlockList"


def test_an_append_blob_grows(dags: Any) -> None:
    blob = dags.get_blob_client("log")
    blob.create_append_blob()
    blob.append_block(b"one ")
    blob.append_block(b"two", appendpos_condition=4)
    assert blob.download_blob().readall() == b"one two"
    with pytest.raises(HttpResponseError) as error:
        blob.append_block(b"x", appendpos_condition=4)
    assert error.value.status_code == 412


def test_a_copy_has_content_and_metadata(lake: Lake, dags: Any) -> None:
    dags.get_blob_client("a").upload_blob(b"hello", metadata={"sha": "1"})
    copy = dags.get_blob_client("b")
    assert copy.start_copy_from_url(f"{lake.blob}/dags/a")["copy_status"] == "success"
    assert copy.download_blob().readall() == b"hello"
    assert copy.get_blob_properties().metadata == {"sha": "1"}


def test_a_copy_names_its_source_until_it_is_overwritten(lake: Lake, dags: Any) -> None:
    dags.get_blob_client("a").upload_blob(b"hello")
    copy = dags.get_blob_client("b")
    started = copy.start_copy_from_url(f"{lake.blob}/dags/a")
    copy_properties = copy.get_blob_properties().copy
    assert (copy_properties.id, copy_properties.status, copy_properties.progress) == (
        started["copy_id"],
        "success",
        "5/5",
    )
    assert (copy_properties.source, copy_properties.completion_time) == (
        f"{lake.blob}/dags/a",
        copy.get_blob_properties().last_modified,
    )
    listed = {blob.name: blob.copy.id for blob in dags.list_blobs(include=["copy"])}
    assert listed == {"a": None, "b": started["copy_id"]}
    with pytest.raises(ResourceExistsError, match="NoPendingCopyOperation"):
        copy.abort_copy(started["copy_id"])
    copy.set_http_headers(ContentSettings(content_type="text/plain"))
    assert copy.get_blob_properties().copy.id is None


def test_both_endpoints_have_the_same_data(lake: Lake, dags: Any) -> None:
    dags.get_blob_client("dags/job.py").upload_blob(b"hello")
    with lake.files() as service:
        files = service.get_file_system_client("dags")
        assert [(item.name, item.is_directory) for item in files.get_paths()] == [
            ("dags", True),
            ("dags/job.py", False),
        ]
        files.get_file_client("other.py").upload_data(b"other", overwrite=True)
    assert dags.get_blob_client("other.py").download_blob().readall() == b"other"
    assert dags.get_blob_client("dags").get_blob_properties().metadata == {"hdi_isfolder": "true"}


def test_lists_have_prefix_delimiter_metadata_and_pages(dags: Any) -> None:
    for name in ("a/1", "a/2", "b"):
        dags.get_blob_client(name).upload_blob(b"x", metadata={"name_of": name})
    assert [item.name for item in dags.list_blobs()] == ["a", "a/1", "a/2", "b"]
    metadata_by_name = {item.name: item.metadata for item in dags.list_blobs(include=["metadata"])}
    assert metadata_by_name["a/1"] == {"name_of": "a/1"}
    assert [item.name for item in dags.list_blobs(name_starts_with="a/")] == ["a/1", "a/2"]
    assert [item.name for item in dags.walk_blobs()] == ["a/", "b"]
    assert [item.name for item in dags.walk_blobs("a/")] == ["a/1", "a/2"]
    pages = [[item.name for item in page] for page in dags.list_blobs(results_per_page=3).by_page()]
    assert pages == [["a", "a/1", "a/2"], ["b"]]


def test_an_unsupported_comp_creates_no_container(lake: Lake) -> None:
    for method in ("PUT", "GET", "DELETE"):
        response = lake.call(method, f"{lake.blob}/new?restype=container&comp=rename")
        assert (response.status, response.headers["x-ms-error-code"]) == (400, "UnsupportedQueryParameter")
    response = lake.call("GET", f"{lake.blob}/?restype=service&comp=stats")
    assert (response.status, response.headers["x-ms-error-code"]) == (400, "InvalidQueryParameterValue")
    assert lake.call("HEAD", f"{lake.blob}/new?restype=container").status == 404


def test_a_list_begins_from_start_from(lake: Lake, dags: Any) -> None:
    for name in ("a", "b/c", "d"):
        dags.upload_blob(name, b"x")
    url = f"{lake.blob}/dags?restype=container&comp=list&startFrom="
    for query, names in {"b/c": ["b/c", "d"], "b/&delimiter=/": ["b/", "d"], "x": []}.items():
        assert re.findall("<Name>(.*?)</Name>", lake.call("GET", url + query).body.decode()) == names


def test_an_upload_with_an_old_etag_fails(dags: Any) -> None:
    from azure.core import MatchConditions

    blob = dags.get_blob_client("a")
    blob.upload_blob(b"one")
    before = blob.get_blob_properties().etag
    blob.upload_blob(b"two", overwrite=True, etag=before, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"three", overwrite=True, etag=before, match_condition=MatchConditions.IfNotModified)


def test_a_head_of_a_missing_blob_has_its_error_in_a_header_only(lake: Lake, dags: Any) -> None:
    assert dags.container_name == "dags"
    properties = lake.call("HEAD", f"{lake.blob}/dags/none")
    assert (properties.status, properties.body, properties.headers["x-ms-error-code"]) == (404, b"", "BlobNotFound")
    assert error_code(lake.call("GET", f"{lake.blob}/dags/none")) == "BlobNotFound"
    assert error_code(lake.call("GET", f"{lake.blob}/none/none")) == "ContainerNotFound"


def test_the_status_line_of_an_error_has_its_message(lake: Lake) -> None:
    blob_missing, filesystem_missing = "The specified blob does not exist.", "The specified filesystem does not exist."
    assert lake.call("PUT", f"{lake.blob}/dags?restype=container").reason_phrase == "Created"
    assert lake.call("GET", f"{lake.blob}/dags/none").reason_phrase == blob_missing
    assert lake.call("HEAD", f"{lake.blob}/dags/none").reason_phrase == blob_missing
    assert lake.call("HEAD", f"{lake.dfs}/none?resource=filesystem").reason_phrase == filesystem_missing
    assert lake.call("PUT", f"{lake.dfs}/none/a?resource=file").reason_phrase == filesystem_missing


def test_slashes_at_the_ends_belong_to_blob_names_of_a_flat_account(azure_env: LocalAzure) -> None:
    flat = lakes.create_lake(azure_env, "flatlake2", isHnsEnabled=False)
    with flat.blobs() as service:
        data = service.create_container("data")
        for name in ("a", "a/", "a/b", "/c//"):
            data.upload_blob(name, name.encode())
        assert [blob.name for blob in data.list_blobs()] == ["/c//", "a", "a/", "a/b"]
        assert {item.name for item in data.walk_blobs()} == {"/", "a", "a/"}
        assert data.download_blob("/c//").readall() == b"/c//"
        expiry = datetime(2099, 1, 1, tzinfo=UTC)
        key = lakes.account_key(flat)
        signature = generate_blob_sas(flat.name, "data", "a/", account_key=key, permission="r", expiry=expiry)
        for source in (f"{flat.blob}/data/a/", f"{flat.blob}/data/a/?{signature}"):
            data.get_blob_client("d/").start_copy_from_url(source)
            assert data.download_blob("d/").readall() == b"a/"
        data.delete_blob("a")
        assert [blob.name for blob in data.list_blobs()] == ["/c//", "a/", "a/b", "d/"]
        data.delete_container()
        assert not list(service.create_container("data").list_blobs())


def test_metadata_names_have_no_hyphens(lake: Lake) -> None:
    refused = lake.call("PUT", f"{lake.blob}/new?restype=container", headers={"x-ms-meta-my-team": "data"})
    assert (refused.status, error_code(refused)) == (400, "InvalidMetadata")


def test_a_damaged_body_is_refused(lake: Lake, dags: Any) -> None:
    assert dags.exists()
    headers = {"x-ms-blob-type": "BlockBlob", "Content-MD5": base64.b64encode(b"0" * 16).decode()}
    assert error_code(lake.call("PUT", f"{lake.blob}/dags/a", b"hello", headers=headers)) == "Md5Mismatch"


def test_a_call_without_a_token_gets_a_challenge(lake: Lake) -> None:
    url = f"{lake.blob}/dags/a"
    response = lake.call("GET", url, token="")
    assert (response.status, error_code(response)) == (401, "NoAuthenticationInformation")
    assert f"/{lake.azure.tenant_id}/oauth2/authorize" in response.headers["www-authenticate"]
    old = lake.azure.request("GET", url, token="")
    assert (old.status, error_code(old)) == (409, "PublicAccessNotPermitted")


def test_a_bearer_token_needs_x_ms_version(lake: Lake) -> None:
    response = lake.azure.request("GET", f"{lake.blob}/?comp=list", token=lake.azure.token(lakes.STORAGE))
    assert (response.status, error_code(response)) == (403, "AuthenticationFailed")


def test_a_token_for_the_accounts_own_audience_is_accepted(lake: Lake) -> None:
    token = lake.azure.token(lake.blob)
    assert lake.call("GET", f"{lake.blob}/?comp=list", token=token).status == 200


def test_an_account_key_is_accepted_and_a_wrong_key_refused(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, role="", allowSharedKeyAccess=True)
    with lake.blobs(lakes.account_key(lake)) as service:
        blob = service.create_container("data").get_blob_client("a b/ü+%&.txt")
        blob.upload_blob(b"hello", metadata={"m_b": "1", "ma": "2"})
        assert blob.download_blob().readall() == b"hello"
    with lake.blobs(base64.b64encode(b"wrong").decode()) as service, pytest.raises(HttpResponseError) as error:
        list(service.list_containers())
    assert (error.value.status_code, getattr(error.value, "error_code", None)) == (403, "AuthenticationFailed")


def test_an_account_without_keys_refuses_keys_and_signatures(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, allowSharedKeyAccess=False)
    with lake.blobs(base64.b64encode(b"any").decode()) as service, pytest.raises(HttpResponseError) as error:
        list(service.list_containers())
    assert getattr(error.value, "error_code", None) == "KeyBasedAuthenticationNotPermitted"
    signature = lake.call("GET", f"{lake.blob}/data/a?sv=2024-11-04&sig=abc", token="")
    assert (signature.status, error_code(signature)) == (403, "KeyBasedAuthenticationNotPermitted")


def test_public_blobs_are_read_anonymously_if_the_account_permits_it(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, allowBlobPublicAccess=True)
    with lake.blobs() as service:
        service.create_container("open", public_access="blob").get_blob_client("a").upload_blob(b"hello")
    assert lake.call("GET", f"{lake.blob}/open/a", token="").body == b"hello"
    assert lake.call("GET", f"{lake.blob}/open?restype=container&comp=list", token="").status == 401
    closed = lakes.create_lake(azure_env, "closedlake1", allowBlobPublicAccess=False)
    with closed.blobs() as service, pytest.raises(HttpResponseError) as error:
        service.create_container("open", public_access="blob")
    assert getattr(error.value, "error_code", None) == "PublicAccessNotPermitted"


def test_a_reader_reads_and_writes_nothing(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, role=lakes.READER)
    with lake.blobs() as service:
        data = service.create_container("data")
        assert list(data.list_blobs()) == []
        with pytest.raises(HttpResponseError) as error:
            data.get_blob_client("a").upload_blob(b"x")
    assert getattr(error.value, "error_code", None) == "AuthorizationPermissionMismatch"


@pytest.mark.parametrize("name", ["ab", "a" * 64])
def test_a_container_name_of_a_wrong_length_is_out_of_range(lake: Lake, name: str) -> None:
    assert error_code(lake.call("PUT", f"{lake.blob}/{name}?restype=container")) == "OutOfRangeInput"
