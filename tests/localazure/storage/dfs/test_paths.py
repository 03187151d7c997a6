"""Data Lake Storage: filesystems and paths through the official SDK and raw HTTP."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

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
def jobs(lake: Lake) -> Iterator[Any]:
    with lake.files() as service:
        yield service.create_file_system("jobs", metadata={"team": "data"})


def error_code(response: Answer) -> str:
    """The error code of a response, the same in its header and its body."""
    error = response.json()["error"]
    assert response.headers["x-ms-error-code"] == error["code"]
    assert "RequestId:" in error["message"]
    return str(error["code"])


def test_the_sdk_creates_lists_and_deletes_a_filesystem(lake: Lake, jobs: Any) -> None:
    with lake.files() as service:
        assert [item.name for item in service.list_file_systems()] == ["jobs"]
        assert jobs.get_file_system_properties().metadata == {"team": "data"}
        jobs.set_file_system_metadata({"team": "other"})
        assert jobs.get_file_system_properties().metadata == {"team": "other"}
        with pytest.raises(ResourceExistsError):
            service.create_file_system("jobs")
        jobs.delete_file_system()
        assert not jobs.exists()


def test_a_filesystem_is_created_listed_and_deleted_by_raw_http(lake: Lake) -> None:
    url = f"{lake.dfs}/raw?resource=filesystem"
    created = lake.call("PUT", url, headers={"x-ms-properties": f"team={base64.b64encode(b'data').decode()}"})
    assert created.status == 201
    assert error_code(lake.call("PUT", url)) == "FilesystemAlreadyExists"
    properties = lake.call("HEAD", url)
    assert properties.headers["x-ms-properties"] == "team=ZGF0YQ=="
    assert properties.headers["x-ms-namespace-enabled"] == "true"
    assert lake.call("PATCH", url, headers={"x-ms-properties": "team=b3RoZXI="}).status == 200
    listed = lake.call("GET", f"{lake.dfs}/?resource=account").json()
    assert [item["name"] for item in listed["filesystems"]] == ["raw"]
    assert lake.call("DELETE", url).status == 202
    assert error_code(lake.call("DELETE", url)) == "FilesystemNotFound"
    assert error_code(lake.call("PUT", f"{lake.dfs}/Not--Good?resource=filesystem")) == "InvalidResourceName"


def test_64_mib_are_uploaded_in_chunks_and_downloaded_unchanged(jobs: Any) -> None:
    data = hashlib.sha256(b"seed").digest() * (2 * MIB)
    file = jobs.get_file_client("jars/big.jar")
    file.upload_data(data, overwrite=True, chunk_size=8 * MIB)
    assert file.get_file_properties().size == 64 * MIB
    assert hashlib.sha256(file.download_file().readall()).digest() == hashlib.sha256(data).digest()
    assert file.download_file(offset=5, length=40).readall() == data[5:45]


def test_appended_data_is_readable_only_after_a_flush_of_the_right_length(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    assert lake.call("PATCH", f"{url}?action=append&position=0", b"hello").status == 202
    assert lake.call("GET", url).body == b""
    assert error_code(lake.call("PATCH", f"{url}?action=flush&position=4")) == "InvalidFlushPosition"
    assert lake.call("PATCH", f"{url}?action=append&position=7", b"gap").status == 202
    assert error_code(lake.call("PATCH", f"{url}?action=flush&position=10")) == "InvalidFlushPosition"
    assert lake.call("PATCH", f"{url}?action=append&position=5", b", ").status == 202
    assert lake.call("PATCH", f"{url}?action=flush&position=10&close=true").status == 200
    assert lake.call("GET", url).body == b"hello, gap"


def test_a_flush_may_be_repeated_after_a_lost_response(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    lake.call("PATCH", f"{url}?action=append&position=0", b"hello")
    lake.call("PATCH", f"{url}?action=append&position=0", b"HELLO")
    for _ in range(2):
        assert lake.call("PATCH", f"{url}?action=flush&position=5").status == 200
    assert lake.call("GET", url).body == b"HELLO"


def test_an_append_never_changes_committed_data(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a.txt").upload_data(b"hello", overwrite=True)
    url = f"{lake.dfs}/jobs/a.txt"
    assert lake.call("PATCH", f"{url}?action=append&position=0", b"XXXXX").status == 202
    assert lake.call("GET", url).body == b"hello"
    assert error_code(lake.call("PATCH", f"{url}?action=flush&position=5")) == "InvalidFlushPosition"


def test_uncommitted_data_is_discarded_after_a_week(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    lake.call("PATCH", f"{url}?action=append&position=0", b"hello")
    lake.azure.advance(8 * 24 * 3600)
    lake.azure.tokens.clear()
    assert error_code(lake.call("PATCH", f"{url}?action=flush&position=5")) == "InvalidFlushPosition"


def test_uncommitted_data_beyond_a_flush_is_retained_on_request(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    lake.call("PATCH", f"{url}?action=append&position=0", b"hello")
    assert lake.call("PATCH", f"{url}?action=flush&position=2&retainUncommittedData=true").status == 200
    assert lake.call("GET", url).body == b"he"
    assert lake.call("PATCH", f"{url}?action=flush&position=5").status == 200
    assert lake.call("GET", url).body == b"hello"


def test_a_range_is_a_206_and_beyond_the_end_a_416(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a.txt").upload_data(b"0123456789", overwrite=True)
    range_response = lake.call("GET", f"{lake.dfs}/jobs/a.txt", headers={"Range": "bytes=2-4"})
    assert (range_response.status, range_response.body, range_response.headers["content-range"]) == (
        206,
        b"234",
        "bytes 2-4/10",
    )
    rest = lake.call("GET", f"{lake.dfs}/jobs/a.txt", headers={"Range": "bytes=8-"})
    assert (rest.body, rest.headers["content-length"]) == (b"89", "2")
    assert error_code(lake.call("GET", f"{lake.dfs}/jobs/a.txt", headers={"Range": "bytes=10-"})) == "InvalidRange"


def test_a_rename_moves_content_and_metadata_over_an_existing_file(jobs: Any) -> None:
    jobs.create_file("new.tmp", metadata={"sha": "1"}).upload_data(b"new", overwrite=True, metadata={"sha": "1"})
    jobs.get_file_client("job.jar").upload_data(b"old", overwrite=True)
    renamed = jobs.get_file_client("new.tmp").rename_file("jobs/job.jar")
    assert renamed.download_file().readall() == b"new"
    assert renamed.get_file_properties().metadata == {"sha": "1"}
    assert [item.name for item in jobs.get_paths()] == ["job.jar"]


def test_a_rename_returns_the_validators_of_the_renamed_path(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a").upload_data(b"1", overwrite=True)
    for source in ("a", "b"):  # the second time onto itself
        response = lake.call("PUT", f"{lake.dfs}/jobs/b", headers={"x-ms-rename-source": f"/jobs/{source}"})
        properties = lake.call("HEAD", f"{lake.dfs}/jobs/b")
        assert response.status == 201
        assert [response.headers[h] for h in ("etag", "last-modified")] == [
            properties.headers[h] for h in ("etag", "last-modified")
        ]


def test_a_rename_has_conditions_on_source_and_destination(lake: Lake, jobs: Any) -> None:
    source = jobs.create_file("a")
    jobs.create_file("b")
    url, source_header = f"{lake.dfs}/jobs/b", {"x-ms-rename-source": "/jobs/a"}
    assert error_code(lake.call("PUT", url, headers=source_header | {"If-None-Match": "*"})) == "PathAlreadyExists"
    assert lake.call("PUT", url, headers=source_header | {"x-ms-source-if-match": '"0x1"'}).status == 412
    etag = str(source.get_file_properties().etag)
    assert lake.call("PUT", url, headers=source_header | {"x-ms-source-if-match": etag}).status == 201
    assert error_code(lake.call("PUT", url, headers=source_header)) == "SourcePathNotFound"


def test_a_directory_is_renamed_with_everything_below_it_but_not_into_itself(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a/b/c.txt").upload_data(b"c", overwrite=True)
    source_header = {"x-ms-rename-source": "/jobs/a"}
    assert error_code(lake.call("PUT", f"{lake.dfs}/jobs/a/b/x", headers=source_header)) == "InvalidRenameSourcePath"
    assert (
        error_code(lake.call("PUT", f"{lake.dfs}/jobs/no/x", headers=source_header))
        == "RenameDestinationParentPathNotFound"
    )
    jobs.create_file("full/a")
    assert error_code(lake.call("PUT", f"{lake.dfs}/jobs/full", headers=source_header)) == "PathAlreadyExists"
    jobs.delete_directory("full")
    jobs.get_directory_client("a").rename_directory("jobs/z")
    assert [item.name for item in jobs.get_paths()] == ["z", "z/b", "z/b/c.txt"]
    assert jobs.get_file_client("z/b/c.txt").download_file().readall() == b"c"


def test_an_upload_without_overwrite_keeps_an_existing_file(jobs: Any) -> None:
    file = jobs.create_file("a")
    with pytest.raises(ResourceExistsError) as error:
        file.upload_data(b"x", overwrite=False)
    assert getattr(error.value, "error_code", None) == "PathAlreadyExists"


def test_a_write_with_another_etag_is_a_412(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a")
    url = f"{lake.dfs}/jobs/a?action=setProperties"
    assert error_code(lake.call("PATCH", url, headers={"If-Match": '"0x1"'})) == "ConditionNotMet"
    since = lake.call("HEAD", f"{lake.dfs}/jobs/a").headers["last-modified"]
    lake.azure.advance(5)
    assert lake.call("PATCH", url, headers={"If-Unmodified-Since": since}).status == 200
    assert error_code(lake.call("PATCH", url, headers={"If-Unmodified-Since": since})) == "ConditionNotMet"
    unchanged = lake.call(
        "GET", f"{lake.dfs}/jobs/a", headers={"If-None-Match": lake.call("HEAD", f"{lake.dfs}/jobs/a").headers["etag"]}
    )
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_set_properties_replaces_the_metadata(lake: Lake, jobs: Any) -> None:
    file = jobs.create_file("a", metadata={"one": "1"})
    file.set_metadata({"two": "2"})
    assert file.get_file_properties().metadata == {"two": "2"}
    lake.call("PATCH", f"{lake.dfs}/jobs/a?action=setProperties", headers={"x-ms-properties": "three=Mw=="})
    assert lake.call("HEAD", f"{lake.dfs}/jobs/a").headers["x-ms-properties"] == "three=Mw=="
    refused = lake.call(
        "PATCH", f"{lake.dfs}/jobs/a?action=setProperties", headers={"x-ms-properties": "with-hyphen=Mw=="}
    )
    assert error_code(refused) == "InvalidPropertyName"
    refused = lake.call("PATCH", f"{lake.dfs}/jobs/a?action=setProperties", headers={"x-ms-properties": "a=no base64"})
    assert error_code(refused) == "InvalidHeaderValue"


def test_paths_are_listed_in_pages_with_string_values(lake: Lake, jobs: Any) -> None:
    for name in ("d/1", "d/2", "d/3", "e"):
        jobs.get_file_client(name).upload_data(b"xyz", overwrite=True)
    url = f"{lake.dfs}/jobs?resource=filesystem"
    first = lake.call("GET", f"{url}&recursive=true&maxResults=2")
    assert [item["name"] for item in first.json()["paths"]] == ["d", "d/1"]
    assert first.json()["paths"][0]["isDirectory"] == "true"
    assert first.json()["paths"][1]["contentLength"] == "3"
    assert "isDirectory" not in first.json()["paths"][1]
    token = first.headers["x-ms-continuation"]
    rest = lake.call("GET", f"{url}&recursive=true&continuation={token.replace('=', '%3D')}")
    assert [item["name"] for item in rest.json()["paths"]] == ["d/2", "d/3", "e"]
    assert "x-ms-continuation" not in rest.headers
    assert [item["name"] for item in lake.call("GET", f"{url}&recursive=false").json()["paths"]] == ["d", "e"]
    assert [item.name for item in jobs.get_paths("d", max_results=1)] == ["d/1", "d/2", "d/3"]
    assert error_code(lake.call("GET", f"{url}&recursive=true&directory=none")) == "PathNotFound"


def test_a_directory_that_is_not_empty_is_deleted_only_recursively(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("d/1").upload_data(b"xyz", overwrite=True)
    assert error_code(lake.call("DELETE", f"{lake.dfs}/jobs/d?recursive=false")) == "DirectoryNotEmpty"
    jobs.delete_directory("d")
    assert not list(jobs.get_paths())
    assert error_code(lake.call("DELETE", f"{lake.dfs}/jobs/d?recursive=true")) == "PathNotFound"


def test_a_file_is_no_directory(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a")
    assert error_code(lake.call("PUT", f"{lake.dfs}/jobs/a/b?resource=file")) == "PathConflict"
    assert error_code(lake.call("PUT", f"{lake.dfs}/jobs/a?resource=directory")) == "PathConflict"


def test_a_lease_blocks_writes_and_deletes_of_a_path(lake: Lake, jobs: Any) -> None:
    file = jobs.create_file("a")
    lease = file.acquire_lease(15)
    with pytest.raises(HttpResponseError) as error:
        file.set_metadata({"a": "b"})
    assert error.value.status_code == 412
    assert error_code(lake.call("DELETE", f"{lake.dfs}/jobs/a")) == "LeaseIdMissing"
    lease.release()
    url = f"{lake.dfs}/jobs/a"
    acquired = lake.call("POST", url, headers={"x-ms-lease-action": "acquire", "x-ms-lease-duration": "15"})
    assert (acquired.status, bool(acquired.headers["x-ms-lease-id"])) == (201, True)
    lake.azure.advance(20)
    file.delete_file()


def test_access_control_is_read_and_set(jobs: Any) -> None:
    file = jobs.create_file("a")
    properties = file.get_access_control()
    assert (properties["owner"], properties["permissions"]) == (lakes.OPERATOR, "rw-r-----")
    file.set_access_control(acl="user::rwx,user:someone:r-x,group::r-x,mask::r-x,other::---")
    assert file.get_access_control()["permissions"] == "rwxr-x---+"
    file.set_access_control(permissions="0750")
    assert file.get_access_control()["acl"] == "user::rwx,group::r-x,other::---"
    root = jobs.get_directory_client("/")
    assert root.get_access_control()["owner"] == lakes.OPERATOR
    assert root.update_access_control_recursive("user:other:rwx").counters.files_successful == 1


def test_a_call_is_refused_after_its_role_assignment_is_deleted(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, role="")
    with lake.files() as service:  # Owner of the subscription: control actions, no data actions
        jobs = service.create_file_system("jobs")
        with pytest.raises(HttpResponseError) as error:
            jobs.create_file("a")
        assert error.value.status_code == 403
        assert getattr(error.value, "error_code", None) == "AuthorizationPermissionMismatch"
        assignment = lake.grant(lakes.CONTRIBUTOR, scope=lake.container_id("jobs"))
        file = jobs.create_file("a")
        lakes.delete_assignment(azure_env, assignment)
        lake.grant(lakes.READER)
        assert file.download_file().readall() == b""
        with pytest.raises(HttpResponseError):
            file.delete_file()


def test_a_role_on_one_container_permits_no_other(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, role="")
    lake.grant(lakes.READER, scope=lake.container_id("one"))
    with lake.files() as service:
        service.create_file_system("one")
        service.create_file_system("two")
        assert list(service.get_file_system_client("one").get_paths()) == []
        with pytest.raises(HttpResponseError):
            list(service.get_file_system_client("two").get_paths())


def test_a_call_without_a_token_gets_a_challenge(lake: Lake) -> None:
    response = lake.call("GET", f"{lake.dfs}/jobs?resource=filesystem&recursive=true", token="")
    assert response.status == 401
    assert error_code(response) == "NoAuthenticationInformation"
    assert "resource_id=https://storage.azure.com" in response.headers["www-authenticate"]


def test_a_token_for_another_audience_is_a_401(lake: Lake) -> None:
    response = lake.call("GET", f"{lake.dfs}/?resource=account", token=lake.azure.token())
    assert response.status == 401
    assert error_code(response) == "InvalidAuthenticationInfo"


def test_a_missing_path_is_a_404_and_its_head_has_no_body(lake: Lake, jobs: Any) -> None:
    assert error_code(lake.call("GET", f"{lake.dfs}/jobs/none")) == "PathNotFound"
    properties = lake.call("HEAD", f"{lake.dfs}/jobs/none")
    assert (properties.status, properties.body, properties.headers["x-ms-error-code"]) == (404, b"", "PathNotFound")
    assert error_code(lake.call("GET", f"{lake.dfs}/none/a")) == "FilesystemNotFound"
    with pytest.raises(ResourceNotFoundError):
        jobs.get_file_client("none").get_file_properties()


def test_a_list_begins_from_begin_from(lake: Lake, jobs: Any) -> None:
    for name in ("a", "d/e", "d/f/g", "z"):
        jobs.create_file(name)
    url = f"{lake.dfs}/jobs?resource=filesystem&recursive="
    for query, names in {
        "false&beginFrom=d": ["d", "z"],
        "true&beginFrom=d/f": ["d/f", "d/f/g", "z"],
        "false&directory=d&beginFrom=f": ["d/f"],
    }.items():
        assert [item["name"] for item in lake.call("GET", url + query).json()["paths"]] == names
    assert error_code(lake.call("GET", url + "false&beginFrom=d/f")) == "InvalidQueryParameterValue"


def test_a_flat_account_has_no_access_control(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, "flatlake1", isHnsEnabled=False)
    with lake.files() as service:
        service.create_file_system("jobs").create_file("a/b")
    properties = lake.call("HEAD", f"{lake.dfs}/jobs?resource=filesystem")
    assert properties.headers["x-ms-namespace-enabled"] == "false"
    refused = lake.call("HEAD", f"{lake.dfs}/jobs/?action=getAccessControl")
    assert (refused.status, refused.headers["x-ms-error-code"]) == (400, "HierarchicalNamespaceNotEnabled")
    listed = lake.call("GET", f"{lake.dfs}/jobs?resource=filesystem&recursive=false").json()["paths"]
    assert [(item["name"], item["isDirectory"]) for item in listed] == [("a", "true")]


def test_a_conditional_overwrite_fails_after_another_write(jobs: Any) -> None:
    from azure.core import MatchConditions

    file = jobs.create_file("a")
    before = str(file.get_file_properties().etag)
    file.set_metadata({"a": "b"})
    with pytest.raises(ResourceModifiedError):
        file.create_file(etag=before, match_condition=MatchConditions.IfNotModified)
