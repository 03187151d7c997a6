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
    return lakes.make(azure_env)


@pytest.fixture
def jobs(lake: Lake) -> Iterator[Any]:
    with lake.files() as service:
        yield service.create_file_system("jobs", metadata={"mark": "ours"})


def code(answer: Answer) -> str:
    error = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    assert "RequestId:" in error["message"]
    return str(error["code"])


def test_a_filesystem_lives_through_the_sdk(lake: Lake, jobs: Any) -> None:
    with lake.files() as service:
        assert [found.name for found in service.list_file_systems()] == ["jobs"]
        assert jobs.get_file_system_properties().metadata == {"mark": "ours"}
        jobs.set_file_system_metadata({"mark": "theirs"})
        assert jobs.get_file_system_properties().metadata == {"mark": "theirs"}
        with pytest.raises(ResourceExistsError):
            service.create_file_system("jobs")
        jobs.delete_file_system()
        assert not jobs.exists()


def test_a_filesystem_lives_over_raw_http(lake: Lake) -> None:
    url = f"{lake.dfs}/raw?resource=filesystem"
    made = lake.call("PUT", url, headers={"x-ms-properties": f"mark={base64.b64encode(b'ours').decode()}"})
    assert made.status == 201
    assert code(lake.call("PUT", url)) == "FilesystemAlreadyExists"
    shown = lake.call("HEAD", url)
    assert shown.headers["x-ms-properties"] == "mark=b3Vycw=="
    assert shown.headers["x-ms-namespace-enabled"] == "true"
    assert lake.call("PATCH", url, headers={"x-ms-properties": "mark=dGhlaXJz"}).status == 200
    listed = lake.call("GET", f"{lake.dfs}/?resource=account").json()
    assert [found["name"] for found in listed["filesystems"]] == ["raw"]
    assert lake.call("DELETE", url).status == 202
    assert code(lake.call("DELETE", url)) == "FilesystemNotFound"
    assert code(lake.call("PUT", f"{lake.dfs}/Not--Good?resource=filesystem")) == "InvalidResourceName"


def test_64_mib_go_up_in_chunks_and_come_down_the_same(jobs: Any) -> None:
    data = hashlib.sha256(b"seed").digest() * (2 * MIB)
    file = jobs.get_file_client("jars/big.jar")
    file.upload_data(data, overwrite=True, chunk_size=8 * MIB)
    assert file.get_file_properties().size == 64 * MIB
    assert hashlib.sha256(file.download_file().readall()).digest() == hashlib.sha256(data).digest()
    assert file.download_file(offset=5, length=40).readall() == data[5:45]


def test_appended_data_counts_only_after_a_flush_of_the_right_length(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    assert lake.call("PATCH", f"{url}?action=append&position=0", b"hello").status == 202
    assert lake.call("GET", url).body == b""
    assert code(lake.call("PATCH", f"{url}?action=flush&position=4")) == "InvalidFlushPosition"
    assert lake.call("PATCH", f"{url}?action=append&position=7", b"gap").status == 202
    assert code(lake.call("PATCH", f"{url}?action=flush&position=10")) == "InvalidFlushPosition"
    assert lake.call("PATCH", f"{url}?action=append&position=5", b", ").status == 202
    assert lake.call("PATCH", f"{url}?action=flush&position=10&close=true").status == 200
    assert lake.call("GET", url).body == b"hello, gap"


def test_a_flush_whose_answer_was_lost_may_be_sent_again(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    lake.call("PATCH", f"{url}?action=append&position=0", b"hello")
    lake.call("PATCH", f"{url}?action=append&position=0", b"HELLO")
    for _ in range(2):
        assert lake.call("PATCH", f"{url}?action=flush&position=5").status == 200
    assert lake.call("GET", url).body == b"HELLO"


def test_appending_never_touches_what_is_committed(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a.txt").upload_data(b"hello", overwrite=True)
    url = f"{lake.dfs}/jobs/a.txt"
    assert lake.call("PATCH", f"{url}?action=append&position=0", b"XXXXX").status == 202
    assert lake.call("GET", url).body == b"hello"
    assert code(lake.call("PATCH", f"{url}?action=flush&position=5")) == "InvalidFlushPosition"


def test_uncommitted_data_is_gone_after_a_week(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    lake.call("PATCH", f"{url}?action=append&position=0", b"hello")
    lake.azure.advance(8 * 24 * 3600)
    lake.azure.tokens.clear()
    assert code(lake.call("PATCH", f"{url}?action=flush&position=5")) == "InvalidFlushPosition"


def test_uncommitted_data_beyond_a_flush_is_kept_on_demand(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a.txt")
    url = f"{lake.dfs}/jobs/a.txt"
    lake.call("PATCH", f"{url}?action=append&position=0", b"hello")
    assert lake.call("PATCH", f"{url}?action=flush&position=2&retainUncommittedData=true").status == 200
    assert lake.call("GET", url).body == b"he"
    assert lake.call("PATCH", f"{url}?action=flush&position=5").status == 200
    assert lake.call("GET", url).body == b"hello"


def test_ranges_are_partial_content_and_beyond_the_end_is_416(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a.txt").upload_data(b"0123456789", overwrite=True)
    part = lake.call("GET", f"{lake.dfs}/jobs/a.txt", headers={"Range": "bytes=2-4"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    rest = lake.call("GET", f"{lake.dfs}/jobs/a.txt", headers={"Range": "bytes=8-"})
    assert (rest.body, rest.headers["content-length"]) == (b"89", "2")
    assert code(lake.call("GET", f"{lake.dfs}/jobs/a.txt", headers={"Range": "bytes=10-"})) == "InvalidRange"


def test_a_rename_moves_content_and_metadata_over_what_was_there(jobs: Any) -> None:
    jobs.create_file("new.tmp", metadata={"sha": "1"}).upload_data(b"new", overwrite=True, metadata={"sha": "1"})
    jobs.get_file_client("job.jar").upload_data(b"old", overwrite=True)
    moved = jobs.get_file_client("new.tmp").rename_file("jobs/job.jar")
    assert moved.download_file().readall() == b"new"
    assert moved.get_file_properties().metadata == {"sha": "1"}
    assert [found.name for found in jobs.get_paths()] == ["job.jar"]


def test_a_rename_answers_with_the_stamps_of_what_moved(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a").upload_data(b"1", overwrite=True)
    for source in ("a", "b"):  # the second time onto itself
        answer = lake.call("PUT", f"{lake.dfs}/jobs/b", headers={"x-ms-rename-source": f"/jobs/{source}"})
        shown = lake.call("HEAD", f"{lake.dfs}/jobs/b")
        assert answer.status == 201
        assert [answer.headers[h] for h in ("etag", "last-modified")] == [
            shown.headers[h] for h in ("etag", "last-modified")
        ]


def test_a_rename_takes_conditions_on_both_ends(lake: Lake, jobs: Any) -> None:
    source = jobs.create_file("a")
    jobs.create_file("b")
    url, named = f"{lake.dfs}/jobs/b", {"x-ms-rename-source": "/jobs/a"}
    assert code(lake.call("PUT", url, headers=named | {"If-None-Match": "*"})) == "PathAlreadyExists"
    assert lake.call("PUT", url, headers=named | {"x-ms-source-if-match": '"0x1"'}).status == 412
    etag = str(source.get_file_properties().etag)
    assert lake.call("PUT", url, headers=named | {"x-ms-source-if-match": etag}).status == 201
    assert code(lake.call("PUT", url, headers=named)) == "SourcePathNotFound"


def test_a_directory_is_renamed_with_all_below_it_but_not_into_itself(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("a/b/c.txt").upload_data(b"c", overwrite=True)
    named = {"x-ms-rename-source": "/jobs/a"}
    assert code(lake.call("PUT", f"{lake.dfs}/jobs/a/b/x", headers=named)) == "InvalidRenameSourcePath"
    assert code(lake.call("PUT", f"{lake.dfs}/jobs/no/x", headers=named)) == "RenameDestinationParentPathNotFound"
    jobs.create_file("full/a")
    assert code(lake.call("PUT", f"{lake.dfs}/jobs/full", headers=named)) == "PathAlreadyExists"
    jobs.delete_directory("full")
    jobs.get_directory_client("a").rename_directory("jobs/z")
    assert [found.name for found in jobs.get_paths()] == ["z", "z/b", "z/b/c.txt"]
    assert jobs.get_file_client("z/b/c.txt").download_file().readall() == b"c"


def test_an_upload_without_overwrite_spares_what_is_there(jobs: Any) -> None:
    file = jobs.create_file("a")
    with pytest.raises(ResourceExistsError) as failed:
        file.upload_data(b"x", overwrite=False)
    assert getattr(failed.value, "error_code", None) == "PathAlreadyExists"


def test_a_write_with_another_etag_is_412(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a")
    url = f"{lake.dfs}/jobs/a?action=setProperties"
    assert code(lake.call("PATCH", url, headers={"If-Match": '"0x1"'})) == "ConditionNotMet"
    since = lake.call("HEAD", f"{lake.dfs}/jobs/a").headers["last-modified"]
    lake.azure.advance(5)
    assert lake.call("PATCH", url, headers={"If-Unmodified-Since": since}).status == 200
    assert code(lake.call("PATCH", url, headers={"If-Unmodified-Since": since})) == "ConditionNotMet"
    unchanged = lake.call(
        "GET", f"{lake.dfs}/jobs/a", headers={"If-None-Match": lake.call("HEAD", f"{lake.dfs}/jobs/a").headers["etag"]}
    )
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_properties_replace_each_other(lake: Lake, jobs: Any) -> None:
    file = jobs.create_file("a", metadata={"one": "1"})
    file.set_metadata({"two": "2"})
    assert file.get_file_properties().metadata == {"two": "2"}
    lake.call("PATCH", f"{lake.dfs}/jobs/a?action=setProperties", headers={"x-ms-properties": "three=Mw=="})
    assert lake.call("HEAD", f"{lake.dfs}/jobs/a").headers["x-ms-properties"] == "three=Mw=="
    refused = lake.call(
        "PATCH", f"{lake.dfs}/jobs/a?action=setProperties", headers={"x-ms-properties": "with-hyphen=Mw=="}
    )
    assert code(refused) == "InvalidPropertyName"
    refused = lake.call("PATCH", f"{lake.dfs}/jobs/a?action=setProperties", headers={"x-ms-properties": "a=no base64"})
    assert code(refused) == "InvalidHeaderValue"


def test_listings_say_everything_in_strings_and_come_in_pages(lake: Lake, jobs: Any) -> None:
    for name in ("d/1", "d/2", "d/3", "e"):
        jobs.get_file_client(name).upload_data(b"xyz", overwrite=True)
    url = f"{lake.dfs}/jobs?resource=filesystem"
    first = lake.call("GET", f"{url}&recursive=true&maxResults=2")
    assert [found["name"] for found in first.json()["paths"]] == ["d", "d/1"]
    assert first.json()["paths"][0]["isDirectory"] == "true"
    assert first.json()["paths"][1]["contentLength"] == "3"
    assert "isDirectory" not in first.json()["paths"][1]
    token = first.headers["x-ms-continuation"]
    rest = lake.call("GET", f"{url}&recursive=true&continuation={token.replace('=', '%3D')}")
    assert [found["name"] for found in rest.json()["paths"]] == ["d/2", "d/3", "e"]
    assert "x-ms-continuation" not in rest.headers
    assert [found["name"] for found in lake.call("GET", f"{url}&recursive=false").json()["paths"]] == ["d", "e"]
    assert [found.name for found in jobs.get_paths("d", max_results=1)] == ["d/1", "d/2", "d/3"]
    assert code(lake.call("GET", f"{url}&recursive=true&directory=none")) == "PathNotFound"


def test_a_full_directory_goes_only_recursively(lake: Lake, jobs: Any) -> None:
    jobs.get_file_client("d/1").upload_data(b"xyz", overwrite=True)
    assert code(lake.call("DELETE", f"{lake.dfs}/jobs/d?recursive=false")) == "DirectoryNotEmpty"
    jobs.delete_directory("d")
    assert not list(jobs.get_paths())
    assert code(lake.call("DELETE", f"{lake.dfs}/jobs/d?recursive=true")) == "PathNotFound"


def test_a_file_is_no_directory(lake: Lake, jobs: Any) -> None:
    jobs.create_file("a")
    assert code(lake.call("PUT", f"{lake.dfs}/jobs/a/b?resource=file")) == "PathConflict"
    assert code(lake.call("PUT", f"{lake.dfs}/jobs/a?resource=directory")) == "PathConflict"


def test_a_lease_guards_a_path(lake: Lake, jobs: Any) -> None:
    file = jobs.create_file("a")
    lease = file.acquire_lease(15)
    with pytest.raises(HttpResponseError) as failed:
        file.set_metadata({"a": "b"})
    assert failed.value.status_code == 412
    assert code(lake.call("DELETE", f"{lake.dfs}/jobs/a")) == "LeaseIdMissing"
    lease.release()
    url = f"{lake.dfs}/jobs/a"
    taken = lake.call("POST", url, headers={"x-ms-lease-action": "acquire", "x-ms-lease-duration": "15"})
    assert (taken.status, bool(taken.headers["x-ms-lease-id"])) == (201, True)
    lake.azure.advance(20)
    file.delete_file()


def test_access_control_is_shown_and_set(jobs: Any) -> None:
    file = jobs.create_file("a")
    shown = file.get_access_control()
    assert (shown["owner"], shown["permissions"]) == (lakes.OPERATOR, "rw-r-----")
    file.set_access_control(acl="user::rwx,user:someone:r-x,group::r-x,mask::r-x,other::---")
    assert file.get_access_control()["permissions"] == "rwxr-x---+"
    file.set_access_control(permissions="0750")
    assert file.get_access_control()["acl"] == "user::rwx,group::r-x,other::---"
    root = jobs.get_directory_client("/")
    assert root.get_access_control()["owner"] == "$superuser"
    assert root.update_access_control_recursive("user:other:rwx").counters.files_successful == 1


def test_rbac_decides_and_follows_a_grant_taken_away(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, role="")
    with lake.files() as service:  # Owner of the subscription: control actions, no data actions
        jobs = service.create_file_system("jobs")
        with pytest.raises(HttpResponseError) as failed:
            jobs.create_file("a")
        assert failed.value.status_code == 403
        assert getattr(failed.value, "error_code", None) == "AuthorizationPermissionMismatch"
        given = lake.grant(lakes.CONTRIBUTOR, scope=lake.container("jobs"))
        file = jobs.create_file("a")
        lakes.revoke(azure_env, given)
        lake.grant(lakes.READER)
        assert file.download_file().readall() == b""
        with pytest.raises(HttpResponseError):
            file.delete_file()


def test_a_grant_on_one_container_opens_no_other(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, role="")
    lake.grant(lakes.READER, scope=lake.container("one"))
    with lake.files() as service:
        service.create_file_system("one")
        service.create_file_system("two")
        assert list(service.get_file_system_client("one").get_paths()) == []
        with pytest.raises(HttpResponseError):
            list(service.get_file_system_client("two").get_paths())


def test_a_call_without_a_token_gets_a_challenge(lake: Lake) -> None:
    answer = lake.call("GET", f"{lake.dfs}/jobs?resource=filesystem&recursive=true", token="")
    assert answer.status == 401
    assert code(answer) == "NoAuthenticationInformation"
    assert "resource_id=https://storage.azure.com" in answer.headers["www-authenticate"]


def test_a_token_for_another_audience_is_401(lake: Lake) -> None:
    answer = lake.call("GET", f"{lake.dfs}/?resource=account", token=lake.azure.token())
    assert answer.status == 401
    assert code(answer) == "InvalidAuthenticationInfo"


def test_a_missing_path_is_404_and_a_head_of_it_has_no_body(lake: Lake, jobs: Any) -> None:
    assert code(lake.call("GET", f"{lake.dfs}/jobs/none")) == "PathNotFound"
    shown = lake.call("HEAD", f"{lake.dfs}/jobs/none")
    assert (shown.status, shown.body, shown.headers["x-ms-error-code"]) == (404, b"", "PathNotFound")
    assert code(lake.call("GET", f"{lake.dfs}/none/a")) == "FilesystemNotFound"
    with pytest.raises(ResourceNotFoundError):
        jobs.get_file_client("none").get_file_properties()


def test_lists_begin_where_they_are_told_to(lake: Lake, jobs: Any) -> None:
    for name in ("a", "d/e", "d/f/g", "z"):
        jobs.create_file(name)
    asked = f"{lake.dfs}/jobs?resource=filesystem&recursive="
    for query, names in {
        "false&beginFrom=d": ["d", "z"],
        "true&beginFrom=d/f": ["d/f", "d/f/g", "z"],
        "false&directory=d&beginFrom=f": ["d/f"],
    }.items():
        assert [found["name"] for found in lake.call("GET", asked + query).json()["paths"]] == names
    assert code(lake.call("GET", asked + "false&beginFrom=d/f")) == "InvalidQueryParameterValue"


def test_a_flat_account_has_no_access_control(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env, "flatlake1", isHnsEnabled=False)
    with lake.files() as service:
        service.create_file_system("jobs").create_file("a/b")
    shown = lake.call("HEAD", f"{lake.dfs}/jobs?resource=filesystem")
    assert shown.headers["x-ms-namespace-enabled"] == "false"
    refused = lake.call("HEAD", f"{lake.dfs}/jobs/?action=getAccessControl")
    assert (refused.status, refused.headers["x-ms-error-code"]) == (400, "HierarchicalNamespaceNotEnabled")
    listed = lake.call("GET", f"{lake.dfs}/jobs?resource=filesystem&recursive=false").json()["paths"]
    assert [(found["name"], found["isDirectory"]) for found in listed] == [("a", "true")]


def test_an_overwrite_on_condition_fails_when_someone_was_faster(jobs: Any) -> None:
    from azure.core import MatchConditions

    file = jobs.create_file("a")
    before = str(file.get_file_properties().etag)
    file.set_metadata({"a": "b"})
    with pytest.raises(ResourceModifiedError):
        file.create_file(etag=before, match_condition=MatchConditions.IfNotModified)
