"""Shared access signatures: of the account's key, of a user's key, of Resource Manager; what they allow and refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage import blob, filedatalake

from tests.emulator import ARM
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.lake import Lake

BLOB: Any = blob  # the SDKs' types are partly unknown
FILES: Any = filedatalake
SOON, EARLIER = datetime(2099, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)
READ = BLOB.BlobSasPermissions(read=True)


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    made = lakes.make(azure_env)
    container = made.blobs().get_container_client("data")
    container.create_container()
    container.upload_blob("dir/a.txt", b"hello")
    container.upload_blob("b.txt", b"other")
    return made


def _user_key(lake: Lake, client: Any, days: int = 1) -> Any:
    """A user delegation key from the local Azure's now on."""
    now = parsedate_to_datetime(lake.call("GET", f"{lake.blob}/?comp=list").headers["date"])
    return client.get_user_delegation_key(now, now + timedelta(days=days))


def _blob(lake: Lake, signature: str, path: str = "dir/a.txt") -> Any:
    return BLOB.BlobClient(lake.blob, "data", path, credential=signature, retry_total=0)


def _signed(lake: Lake, path: str = "dir/a.txt", **more: Any) -> str:
    wanted = {"permission": READ, "expiry": SOON, "account_key": lakes.key_of(lake), **more}
    return BLOB.generate_blob_sas(lake.name, "data", path, **wanted)


def test_a_signature_overrides_the_headers_of_the_answer(lake: Lake) -> None:
    wanted = {"content_type": "x/y", "content_disposition": "inline", "cache_control": "no-store"}
    more = {"content_language": "de", "content_encoding": "br"}
    signature = _signed(lake, **wanted, **more)
    for method in ("GET", "HEAD"):
        for url in (lake.blob, lake.dfs):
            said = lake.call(method, f"{url}/data/dir/a.txt?{signature}", token="").headers
            assert (said["content-type"], said["content-disposition"], said["cache-control"]) == tuple(wanted.values())
            assert (said["content-language"], said["content-encoding"]) == tuple(more.values())


def test_a_signature_takes_what_it_does_not_say_from_a_stored_policy(lake: Lake) -> None:
    container = lake.blobs().get_container_client("data")
    assert container.get_container_access_policy()["signed_identifiers"] == []
    policy = BLOB.AccessPolicy(permission="r", start=EARLIER, expiry=SOON)
    container.set_container_access_policy({"readers": policy})
    assert [one.id for one in container.get_container_access_policy()["signed_identifiers"]] == ["readers"]
    bare: dict[str, Any] = {"permission": None, "expiry": None}
    assert _blob(lake, _signed(lake, policy_id="readers", **bare)).download_blob().readall() == b"hello"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob(lake, _signed(lake, policy_id="readers", **bare)).delete_blob()
    wrong: list[dict[str, Any]] = [{"policy_id": "readers"}, {"policy_id": "nobody", **bare}]
    for more in wrong:
        with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
            _blob(lake, _signed(lake, **more)).download_blob()
    container.set_container_access_policy({})
    with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
        _blob(lake, _signed(lake, policy_id="readers", **bare)).download_blob()


def test_a_container_has_five_policies_at_most(lake: Lake) -> None:
    one = "<SignedIdentifier><Id>{}</Id><AccessPolicy /></SignedIdentifier>"
    url = f"{lake.blob}/data?restype=container&comp=acl"
    for names, expected in (("abcde", 200), ("abcdef", 400), ([""], 400)):
        text = "".join(one.format(name) for name in names)
        body = f"<SignedIdentifiers>{text}</SignedIdentifiers>".encode()
        assert lake.call("PUT", url, body).status == expected, names
    assert lake.call("PUT", url, b"nonsense").status == 400


def test_a_blobs_signature_reads_that_blob_and_does_nothing_else(lake: Lake) -> None:
    signature = _signed(lake)
    assert _blob(lake, signature).download_blob().readall() == b"hello"
    with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
        _blob(lake, signature, "b.txt").download_blob()
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob(lake, signature).delete_blob()
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob(lake, signature).upload_blob(b"x", overwrite=True)


@pytest.mark.parametrize(
    "wrong",
    [{"expiry": EARLIER}, {"start": SOON}, {"account_key": "AAAA"}, {"ip": "10.0.0.1"}],
    ids=["ended", "not begun", "of another key", "for another address"],
)
def test_a_signature_that_does_not_fit_is_refused(lake: Lake, wrong: dict[str, Any]) -> None:
    with pytest.raises(HttpResponseError) as refused:
        _blob(lake, _signed(lake, **wrong)).download_blob()
    assert refused.value.status_code == 403


def test_a_signature_that_may_create_makes_new_blobs_only(lake: Lake) -> None:
    wanted = {"permission": BLOB.BlobSasPermissions(create=True)}
    _blob(lake, _signed(lake, "new", **wanted), "new").upload_blob(b"x")
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob(lake, _signed(lake, **wanted)).upload_blob(b"x", overwrite=True)


def test_a_containers_signature_lists_it_and_reads_all_in_it(lake: Lake) -> None:
    allowed = BLOB.ContainerSasPermissions(read=True, list=True)
    signature = BLOB.generate_container_sas(
        lake.name, "data", account_key=lakes.key_of(lake), permission=allowed, expiry=SOON
    )
    client = BLOB.ContainerClient(lake.blob, "data", credential=signature, retry_total=0)
    assert {blob.name for blob in client.list_blobs()} == {"dir", "dir/a.txt", "b.txt"}
    assert client.download_blob("b.txt").readall() == b"other"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        client.delete_container()


def test_an_accounts_signature_reaches_the_kinds_of_resource_it_names(lake: Lake) -> None:
    wanted = {"permission": BLOB.AccountSasPermissions(read=True, list=True, write=True), "expiry": SOON}
    signature = BLOB.generate_account_sas(
        lake.name, lakes.key_of(lake), resource_types=BLOB.ResourceTypes(service=True, container=True), **wanted
    )
    client = BLOB.BlobServiceClient(lake.blob, credential=signature, retry_total=0)
    assert [one.name for one in client.list_containers()] == ["data"]
    client.create_container("more")
    with pytest.raises(HttpResponseError, match="AuthorizationResourceTypeMismatch"):
        client.get_blob_client("data", "b.txt").download_blob()


def test_a_user_signs_for_what_they_may_do_and_no_more(lake: Lake) -> None:
    key = _user_key(lake, lake.blobs())
    signature = _signed(lake, account_key=None, user_delegation_key=key)
    assert _blob(lake, signature).download_blob().readall() == b"hello"
    client_id, secret = lake.azure.new_client("writer")
    lake.grant(lakes.READER, lakes.object_id(lake.azure, client_id))
    reader = BLOB.BlobServiceClient(
        lake.blob, credential=lakes.credential(lake.azure, (client_id, secret)), retry_total=0
    )
    theirs = _user_key(lake, reader)
    deletes = _signed(
        lake, account_key=None, user_delegation_key=theirs, permission=BLOB.BlobSasPermissions(delete=True)
    )
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob(lake, deletes).delete_blob()


def test_a_user_key_lasts_seven_days_and_needs_a_token(lake: Lake) -> None:
    with pytest.raises(HttpResponseError, match="InvalidXmlNodeValue"):
        _user_key(lake, lake.blobs(), 8)
    with pytest.raises(HttpResponseError) as refused:
        _user_key(lake, lake.blobs(lakes.key_of(lake)))
    assert refused.value.status_code == 403


def test_a_directorys_signature_reaches_what_lies_below_it(lake: Lake) -> None:
    allowed = FILES.DirectorySasPermissions(read=True)
    signature = FILES.generate_directory_sas(
        lake.name, "data", "dir", lakes.key_of(lake), permission=allowed, expiry=SOON
    )
    for path, fits in (("dir/a.txt", True), ("b.txt", False)):
        client = FILES.DataLakeFileClient(lake.dfs, "data", path, credential=signature, retry_total=0)
        if fits:
            assert client.download_file().readall() == b"hello"
        else:
            with pytest.raises(HttpResponseError):
                client.download_file()


def test_a_copy_reads_its_source_by_the_signature_in_its_address(lake: Lake) -> None:
    target = lake.blobs(lakes.key_of(lake)).get_blob_client("data", "copy")
    source = f"{lake.blob}/data/dir/a.txt?{_signed(lake)}"
    assert target.start_copy_from_url(source)["copy_status"] == "success"
    may_write = _signed(lake, "copy2", permission=BLOB.BlobSasPermissions(write=True, create=True))
    with pytest.raises(HttpResponseError):
        _blob(lake, may_write, "copy2").start_copy_from_url(f"{lake.blob}/data/b.txt")


def test_resource_manager_signs_for_the_account_and_for_a_container(lake: Lake) -> None:
    def ask(kind: str, body: dict[str, str]) -> Any:
        return lake.azure.request("POST", f"{ARM}{lake.id}/list{kind}Sas?api-version=2023-05-01", body)

    expiry = f"{SOON:%Y-%m-%dT%H:%M:%SZ}"
    common = {"signedPermission": "rl", "signedExpiry": expiry}
    account = ask("Account", {**common, "signedServices": "b", "signedResourceTypes": "sco"}).json()["accountSasToken"]
    assert _blob(lake, account).download_blob().readall() == b"hello"
    resource = {"canonicalizedResource": f"/blob/{lake.name}/data", "signedResource": "c"}
    service = ask("Service", {**common, **resource}).json()["serviceSasToken"]
    assert _blob(lake, service).download_blob().readall() == b"hello"
    assert ask("Service", {**common, **resource, "canonicalizedResource": "/blob/other/x"}).status == 400
    assert ask("Account", common).status == 400


@pytest.mark.parametrize("more", ["sv=2017-11-09", "sv=2026-04-06&srh=a"])
def test_a_signature_of_a_kind_that_is_not_known_is_refused(lake: Lake, more: str) -> None:
    answer = lake.call("GET", f"{lake.blob}/data/b.txt?sp=r&se=2099-01-01&sr=b&sig=x&{more}", token="")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert b"without signed headers and queries" in answer.body
