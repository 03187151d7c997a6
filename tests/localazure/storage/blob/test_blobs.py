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
    return lakes.make(azure_env)


@pytest.fixture
def dags(lake: Lake) -> Iterator[Any]:
    with lake.blobs() as service:
        yield service.create_container("dags", metadata={"mark": "ours"})


def code(answer: Answer) -> str:
    found = re.search(r"<Code>(\w+)</Code><Message>[^<]+\nRequestId:[^<]+\nTime:[^<]+</Message>", answer.body.decode())
    assert found
    assert answer.headers["x-ms-error-code"] == found[1]
    return found[1]


def test_a_container_lives(lake: Lake, dags: Any) -> None:
    with lake.blobs() as service:
        (listed,) = service.list_containers(include_metadata=True)
        assert (listed.name, listed.metadata) == ("dags", {"mark": "ours"})
        dags.set_container_metadata({"mark": "theirs"})
        assert dags.get_container_properties().metadata == {"mark": "theirs"}
        with pytest.raises(ResourceExistsError):
            service.create_container("dags")
        dags.delete_container()
        assert not dags.exists()
        with pytest.raises(ResourceNotFoundError):
            dags.delete_container()


def test_a_containers_lease_guards_it_here_and_in_resource_manager(lake: Lake, dags: Any) -> None:
    lease = dags.acquire_lease(15)
    with pytest.raises(HttpResponseError) as failed:
        dags.delete_container()
    assert failed.value.status_code == 412
    shown = lake.azure.request("GET", f"{lakes.ARM}{lake.container('dags')}?api-version=2023-05-01").json()
    assert shown["properties"]["leaseState"] == "Leased"
    lease.break_lease(0)
    dags.delete_container()


def test_a_blob_lives(dags: Any) -> None:
    blob = dags.get_blob_client("a/b.txt")
    blob.upload_blob(b"hello", metadata={"sha": "1"})
    assert blob.download_blob().readall() == b"hello"
    shown = blob.get_blob_properties()
    assert (shown.size, shown.metadata, shown.blob_type.value) == (5, {"sha": "1"}, "BlockBlob")
    blob.set_blob_metadata({"sha": "2"})
    assert blob.get_blob_properties().metadata == {"sha": "2"}
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(b"again")
    blob.upload_blob(b"", overwrite=True)
    assert blob.download_blob().readall() == b""
    blob.delete_blob()
    assert not blob.exists()


def test_a_large_blob_goes_up_in_blocks(lake: Lake, dags: Any) -> None:
    data = bytes(range(256)) * (10 * MIB // 256)
    blob = dags.get_blob_client("big")
    for index in range(10):
        blob.stage_block(str(index), data[index * MIB : (index + 1) * MIB])
    blob.commit_block_list([BlobBlock(str(index)) for index in range(10)])
    committed, waiting = blob.get_block_list("all")
    assert ([block.size for block in committed], waiting) == ([MIB] * 10, [])
    assert blob.download_blob(max_concurrency=2).readall() == data
    assert lake.call("GET", f"{lake.dfs}/dags/big", headers={"Range": "bytes=256-258"}).body == b"\x00\x01\x02"


def test_a_block_list_mixes_old_and_new_blocks_and_refuses_unknown_ones(dags: Any) -> None:
    blob = dags.get_blob_client("mixed")
    blob.stage_block("1", b"one ")
    blob.stage_block("2", b"two ")
    assert not blob.exists()
    blob.commit_block_list([BlobBlock("1"), BlobBlock("2")])
    blob.stage_block("3", b"three")
    blob.commit_block_list([BlobBlock("2"), BlobBlock("3")])
    assert blob.download_blob().readall() == b"two three"
    with pytest.raises(HttpResponseError) as failed:
        blob.commit_block_list([BlobBlock("1")])
    assert getattr(failed.value, "error_code", None) == "InvalidBlockList"


def test_an_append_blob_grows(dags: Any) -> None:
    blob = dags.get_blob_client("log")
    blob.create_append_blob()
    blob.append_block(b"one ")
    blob.append_block(b"two", appendpos_condition=4)
    assert blob.download_blob().readall() == b"one two"
    with pytest.raises(HttpResponseError) as failed:
        blob.append_block(b"x", appendpos_condition=4)
    assert failed.value.status_code == 412


def test_a_copy_has_content_and_metadata(lake: Lake, dags: Any) -> None:
    dags.get_blob_client("a").upload_blob(b"hello", metadata={"sha": "1"})
    copy = dags.get_blob_client("b")
    assert copy.start_copy_from_url(f"{lake.blob}/dags/a")["copy_status"] == "success"
    assert copy.download_blob().readall() == b"hello"
    assert copy.get_blob_properties().metadata == {"sha": "1"}


def test_a_copy_says_where_it_came_from_until_it_is_written_anew(lake: Lake, dags: Any) -> None:
    dags.get_blob_client("a").upload_blob(b"hello")
    copy = dags.get_blob_client("b")
    begun = copy.start_copy_from_url(f"{lake.blob}/dags/a")
    found = copy.get_blob_properties().copy
    assert (found.id, found.status, found.progress) == (begun["copy_id"], "success", "5/5")
    assert (found.source, found.completion_time) == (f"{lake.blob}/dags/a", copy.get_blob_properties().last_modified)
    listed = {blob.name: blob.copy.id for blob in dags.list_blobs(include=["copy"])}
    assert listed == {"a": None, "b": begun["copy_id"]}
    with pytest.raises(ResourceExistsError, match="NoPendingCopyOperation"):
        copy.abort_copy(begun["copy_id"])
    copy.set_http_headers(ContentSettings(content_type="text/plain"))
    assert copy.get_blob_properties().copy.id is None


def test_both_endpoints_show_the_same_data(lake: Lake, dags: Any) -> None:
    dags.get_blob_client("dags/job.py").upload_blob(b"hello")
    with lake.files() as service:
        files = service.get_file_system_client("dags")
        assert [(found.name, found.is_directory) for found in files.get_paths()] == [
            ("dags", True),
            ("dags/job.py", False),
        ]
        files.get_file_client("other.py").upload_data(b"other", overwrite=True)
    assert dags.get_blob_client("other.py").download_blob().readall() == b"other"
    assert dags.get_blob_client("dags").get_blob_properties().metadata == {"hdi_isfolder": "true"}


def test_lists_have_prefix_delimiter_metadata_and_pages(dags: Any) -> None:
    for name in ("a/1", "a/2", "b"):
        dags.get_blob_client(name).upload_blob(b"x", metadata={"name_of": name})
    assert [found.name for found in dags.list_blobs()] == ["a", "a/1", "a/2", "b"]
    named = {found.name: found.metadata for found in dags.list_blobs(include=["metadata"])}
    assert named["a/1"] == {"name_of": "a/1"}
    assert [found.name for found in dags.list_blobs(name_starts_with="a/")] == ["a/1", "a/2"]
    assert [found.name for found in dags.walk_blobs()] == ["a/", "b"]
    assert [found.name for found in dags.walk_blobs("a/")] == ["a/1", "a/2"]
    pages = [[found.name for found in page] for page in dags.list_blobs(results_per_page=3).by_page()]
    assert pages == [["a", "a/1", "a/2"], ["b"]]


def test_what_storage_does_not_know_makes_no_container(lake: Lake) -> None:
    for method in ("PUT", "GET", "DELETE"):
        answer = lake.call(method, f"{lake.blob}/new?restype=container&comp=rename")
        assert (answer.status, answer.headers["x-ms-error-code"]) == (400, "UnsupportedQueryParameter")
    answer = lake.call("GET", f"{lake.blob}/?restype=service&comp=stats")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (400, "InvalidQueryParameterValue")
    assert lake.call("HEAD", f"{lake.blob}/new?restype=container").status == 404


def test_a_list_begins_where_it_is_told_to(lake: Lake, dags: Any) -> None:
    for name in ("a", "b/c", "d"):
        dags.upload_blob(name, b"x")
    asked = f"{lake.blob}/dags?restype=container&comp=list&startFrom="
    for query, names in {"b/c": ["b/c", "d"], "b/&delimiter=/": ["b/", "d"], "x": []}.items():
        assert re.findall("<Name>(.*?)</Name>", lake.call("GET", asked + query).body.decode()) == names


def test_conditions_decide(dags: Any) -> None:
    from azure.core import MatchConditions

    blob = dags.get_blob_client("a")
    blob.upload_blob(b"one")
    before = blob.get_blob_properties().etag
    blob.upload_blob(b"two", overwrite=True, etag=before, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"three", overwrite=True, etag=before, match_condition=MatchConditions.IfNotModified)


def test_a_head_of_a_missing_blob_has_its_error_in_a_header_only(lake: Lake, dags: Any) -> None:
    assert dags.container_name == "dags"
    shown = lake.call("HEAD", f"{lake.blob}/dags/none")
    assert (shown.status, shown.body, shown.headers["x-ms-error-code"]) == (404, b"", "BlobNotFound")
    assert code(lake.call("GET", f"{lake.blob}/dags/none")) == "BlobNotFound"
    assert code(lake.call("GET", f"{lake.blob}/none/none")) == "ContainerNotFound"


def test_the_status_line_of_an_error_has_its_sentence(lake: Lake) -> None:
    missing, none = "The specified blob does not exist.", "The specified filesystem does not exist."
    assert lake.call("PUT", f"{lake.blob}/dags?restype=container").phrase == "Created"
    assert lake.call("GET", f"{lake.blob}/dags/none").phrase == missing
    assert lake.call("HEAD", f"{lake.blob}/dags/none").phrase == missing
    assert lake.call("HEAD", f"{lake.dfs}/none?resource=filesystem").phrase == none
    assert lake.call("PUT", f"{lake.dfs}/none/a?resource=file").phrase == none


def test_a_slash_is_a_letter_in_the_names_of_a_flat_account(azure_env: LocalAzure) -> None:
    flat = lakes.make(azure_env, "flatlake2", isHnsEnabled=False)
    with flat.blobs() as service:
        data = service.create_container("data")
        for name in ("a", "a/", "a/b", "/c//"):
            data.upload_blob(name, name.encode())
        assert [blob.name for blob in data.list_blobs()] == ["/c//", "a", "a/", "a/b"]
        assert {item.name for item in data.walk_blobs()} == {"/", "a", "a/"}
        assert data.download_blob("/c//").readall() == b"/c//"
        until = datetime(2099, 1, 1, tzinfo=UTC)
        key = lakes.key_of(flat)
        signed = generate_blob_sas(flat.name, "data", "a/", account_key=key, permission="r", expiry=until)
        for source in (f"{flat.blob}/data/a/", f"{flat.blob}/data/a/?{signed}"):
            data.get_blob_client("d/").start_copy_from_url(source)
            assert data.download_blob("d/").readall() == b"a/"
        data.delete_blob("a")
        assert [blob.name for blob in data.list_blobs()] == ["/c//", "a/", "a/b", "d/"]
        data.delete_container()
        assert not list(service.create_container("data").list_blobs())


def test_names_of_metadata_have_no_hyphens(lake: Lake) -> None:
    refused = lake.call("PUT", f"{lake.blob}/new?restype=container", headers={"x-ms-meta-my-mark": "ours"})
    assert (refused.status, code(refused)) == (400, "InvalidMetadata")


def test_a_damaged_body_is_refused(lake: Lake, dags: Any) -> None:
    assert dags.exists()
    wrong = {"x-ms-blob-type": "BlockBlob", "Content-MD5": base64.b64encode(b"0" * 16).decode()}
    assert code(lake.call("PUT", f"{lake.blob}/dags/a", b"hello", headers=wrong)) == "Md5Mismatch"


def test_whoever_comes_without_a_token_is_told_where_to_get_one(lake: Lake) -> None:
    url = f"{lake.blob}/dags/a"
    answer = lake.call("GET", url, token="")
    assert (answer.status, code(answer)) == (401, "NoAuthenticationInformation")
    assert f"/{lake.azure.tenant_id}/oauth2/authorize" in answer.headers["www-authenticate"]
    old = lake.azure.request("GET", url, token="")
    assert (old.status, code(old)) == (409, "PublicAccessNotPermitted")


def test_a_token_needs_a_version_of_the_api(lake: Lake) -> None:
    answer = lake.azure.request("GET", f"{lake.blob}/?comp=list", token=lake.azure.token(lakes.STORAGE))
    assert (answer.status, code(answer)) == (403, "AuthenticationFailed")


def test_a_token_for_the_account_itself_does(lake: Lake) -> None:
    token = lake.azure.token(lake.blob)
    assert lake.call("GET", f"{lake.blob}/?comp=list", token=token).status == 200


def test_a_key_opens_the_account_and_a_wrong_one_does_not(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, role="", allowSharedKeyAccess=True)
    with lake.blobs(lakes.key_of(lake)) as service:
        blob = service.create_container("data").get_blob_client("a b/ü+%&.txt")
        blob.upload_blob(b"hello", metadata={"m_b": "1", "ma": "2"})
        assert blob.download_blob().readall() == b"hello"
    with lake.blobs(base64.b64encode(b"wrong").decode()) as service, pytest.raises(HttpResponseError) as failed:
        list(service.list_containers())
    assert (failed.value.status_code, getattr(failed.value, "error_code", None)) == (403, "AuthenticationFailed")


def test_an_account_without_keys_refuses_keys_and_signatures(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, allowSharedKeyAccess=False)
    with lake.blobs(base64.b64encode(b"any").decode()) as service, pytest.raises(HttpResponseError) as failed:
        list(service.list_containers())
    assert getattr(failed.value, "error_code", None) == "KeyBasedAuthenticationNotPermitted"
    signed = lake.call("GET", f"{lake.blob}/data/a?sv=2024-11-04&sig=abc", token="")
    assert (signed.status, code(signed)) == (403, "KeyBasedAuthenticationNotPermitted")


def test_public_blobs_are_read_by_anybody_where_the_account_permits_it(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, allowBlobPublicAccess=True)
    with lake.blobs() as service:
        service.create_container("open", public_access="blob").get_blob_client("a").upload_blob(b"hello")
    assert lake.call("GET", f"{lake.blob}/open/a", token="").body == b"hello"
    assert lake.call("GET", f"{lake.blob}/open?restype=container&comp=list", token="").status == 401
    closed = lakes.make(azure_env, "closedlake1", allowBlobPublicAccess=False)
    with closed.blobs() as service, pytest.raises(HttpResponseError) as failed:
        service.create_container("open", public_access="blob")
    assert getattr(failed.value, "error_code", None) == "PublicAccessNotPermitted"


def test_a_reader_reads_and_writes_nothing(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, role=lakes.READER)
    with lake.blobs() as service:
        data = service.create_container("data")
        assert list(data.list_blobs()) == []
        with pytest.raises(HttpResponseError) as failed:
            data.get_blob_client("a").upload_blob(b"x")
    assert getattr(failed.value, "error_code", None) == "AuthorizationPermissionMismatch"


@pytest.mark.parametrize("name", ["ab", "a" * 64])
def test_a_container_name_of_a_wrong_length_is_out_of_range(lake: Lake, name: str) -> None:
    assert code(lake.call("PUT", f"{lake.blob}/{name}?restype=container")) == "OutOfRangeInput"
