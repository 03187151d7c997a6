"""Shared access signatures by account key, user delegation key and Resource Manager: what they permit and what not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage import blob, filedatalake

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.lake import Lake

BLOB: Any = blob  # the SDKs' types are partly unknown
FILES: Any = filedatalake
FUTURE, PAST = datetime(2099, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)
READ = BLOB.BlobSasPermissions(read=True)


@pytest.fixture
def lake(azure_env: LocalAzure) -> Lake:
    lake = lakes.create_lake(azure_env)
    container = lake.blobs().get_container_client("data")
    container.create_container()
    container.upload_blob("dir/a.txt", b"hello")
    container.upload_blob("b.txt", b"other")
    return lake


def _user_key(lake: Lake, client: Any, days: int = 1) -> Any:
    """A user delegation key that starts at the local Azure's current time."""
    now = parsedate_to_datetime(lake.call("GET", f"{lake.blob}/?comp=list").headers["date"])
    return client.get_user_delegation_key(now, now + timedelta(days=days))


def _blob_client(lake: Lake, signature: str, path: str = "dir/a.txt") -> Any:
    """A client of one blob, with a signature."""
    return BLOB.BlobClient(lake.blob, "data", path, credential=signature, retry_total=0)


def _blob_sas(lake: Lake, path: str = "dir/a.txt", **more: Any) -> str:
    """A signature of one blob, by the account's key and for reading unless `more` says otherwise."""
    parameters = {"permission": READ, "expiry": FUTURE, "account_key": lakes.account_key(lake), **more}
    return BLOB.generate_blob_sas(lake.name, "data", path, **parameters)


def test_a_signature_overrides_headers_of_the_response(lake: Lake) -> None:
    headers = {"content_type": "x/y", "content_disposition": "inline", "cache_control": "no-store"}
    more = {"content_language": "de", "content_encoding": "br"}
    signature = _blob_sas(lake, **headers, **more)
    for method in ("GET", "HEAD"):
        for url in (lake.blob, lake.dfs):
            response_headers = lake.call(method, f"{url}/data/dir/a.txt?{signature}", token="").headers
            assert (
                response_headers["content-type"],
                response_headers["content-disposition"],
                response_headers["cache-control"],
            ) == tuple(headers.values())
            assert (response_headers["content-language"], response_headers["content-encoding"]) == tuple(more.values())


def test_a_signature_takes_missing_fields_from_a_stored_access_policy(lake: Lake) -> None:
    container = lake.blobs().get_container_client("data")
    assert container.get_container_access_policy()["signed_identifiers"] == []
    policy = BLOB.AccessPolicy(permission="r", start=PAST, expiry=FUTURE)
    container.set_container_access_policy({"readers": policy})
    assert [item.id for item in container.get_container_access_policy()["signed_identifiers"]] == ["readers"]
    bare: dict[str, Any] = {"permission": None, "expiry": None}
    assert _blob_client(lake, _blob_sas(lake, policy_id="readers", **bare)).download_blob().readall() == b"hello"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob_client(lake, _blob_sas(lake, policy_id="readers", **bare)).delete_blob()
    invalid: list[dict[str, Any]] = [{"policy_id": "readers"}, {"policy_id": "nobody", **bare}]
    for more in invalid:
        with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
            _blob_client(lake, _blob_sas(lake, **more)).download_blob()
    container.set_container_access_policy({})
    with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
        _blob_client(lake, _blob_sas(lake, policy_id="readers", **bare)).download_blob()


def test_a_container_has_five_policies_at_most(lake: Lake) -> None:
    item = "<SignedIdentifier><Id>{}</Id><AccessPolicy /></SignedIdentifier>"
    url = f"{lake.blob}/data?restype=container&comp=acl"
    for names, expected in (("abcde", 200), ("abcdef", 400), ([""], 400)):
        text = "".join(item.format(name) for name in names)
        body = f"<SignedIdentifiers>{text}</SignedIdentifiers>".encode()
        assert lake.call("PUT", url, body).status == expected, names
    assert lake.call("PUT", url, b"nonsense").status == 400


def test_a_read_signature_of_a_blob_permits_reading_that_blob_only(lake: Lake) -> None:
    signature = _blob_sas(lake)
    assert _blob_client(lake, signature).download_blob().readall() == b"hello"
    with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
        _blob_client(lake, signature, "b.txt").download_blob()
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob_client(lake, signature).delete_blob()
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob_client(lake, signature).upload_blob(b"x", overwrite=True)


@pytest.mark.parametrize(
    "invalid",
    [{"expiry": PAST}, {"start": FUTURE}, {"account_key": "AAAA"}, {"ip": "10.0.0.1"}],
    ids=["ended", "not begun", "of another key", "for another address"],
)
def test_an_invalid_signature_is_refused(lake: Lake, invalid: dict[str, Any]) -> None:
    with pytest.raises(HttpResponseError) as refused:
        _blob_client(lake, _blob_sas(lake, **invalid)).download_blob()
    assert refused.value.status_code == 403


def test_a_create_signature_creates_new_blobs_only(lake: Lake) -> None:
    permission = {"permission": BLOB.BlobSasPermissions(create=True)}
    _blob_client(lake, _blob_sas(lake, "new", **permission), "new").upload_blob(b"x")
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob_client(lake, _blob_sas(lake, **permission)).upload_blob(b"x", overwrite=True)


def test_a_signature_of_a_container_lists_and_reads_its_blobs(lake: Lake) -> None:
    allowed = BLOB.ContainerSasPermissions(read=True, list=True)
    signature = BLOB.generate_container_sas(
        lake.name, "data", account_key=lakes.account_key(lake), permission=allowed, expiry=FUTURE
    )
    client = BLOB.ContainerClient(lake.blob, "data", credential=signature, retry_total=0)
    assert {blob.name for blob in client.list_blobs()} == {"dir", "dir/a.txt", "b.txt"}
    assert client.download_blob("b.txt").readall() == b"other"
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        client.delete_container()


def test_an_account_signature_permits_the_resource_types_it_names(lake: Lake) -> None:
    options = {"permission": BLOB.AccountSasPermissions(read=True, list=True, write=True), "expiry": FUTURE}
    signature = BLOB.generate_account_sas(
        lake.name, lakes.account_key(lake), resource_types=BLOB.ResourceTypes(service=True, container=True), **options
    )
    client = BLOB.BlobServiceClient(lake.blob, credential=signature, retry_total=0)
    assert [item.name for item in client.list_containers()] == ["data"]
    client.create_container("more")
    with pytest.raises(HttpResponseError, match="AuthorizationResourceTypeMismatch"):
        client.get_blob_client("data", "b.txt").download_blob()


def test_a_user_delegation_signature_permits_no_more_than_the_user_may(lake: Lake) -> None:
    key = _user_key(lake, lake.blobs())
    signature = _blob_sas(lake, account_key=None, user_delegation_key=key)
    assert _blob_client(lake, signature).download_blob().readall() == b"hello"
    client_id, secret = lake.azure.new_client("writer")
    lake.grant(lakes.READER, lakes.principal_id(lake.azure, client_id))
    reader = BLOB.BlobServiceClient(
        lake.blob, credential=lakes.client_credential(lake.azure, (client_id, secret)), retry_total=0
    )
    delegation_key = _user_key(lake, reader)
    delete_signature = _blob_sas(
        lake, account_key=None, user_delegation_key=delegation_key, permission=BLOB.BlobSasPermissions(delete=True)
    )
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        _blob_client(lake, delete_signature).delete_blob()


def test_a_user_delegation_key_lasts_seven_days_and_needs_a_token(lake: Lake) -> None:
    with pytest.raises(HttpResponseError, match="InvalidXmlNodeValue"):
        _user_key(lake, lake.blobs(), 8)
    with pytest.raises(HttpResponseError) as refused:
        _user_key(lake, lake.blobs(lakes.account_key(lake)))
    assert refused.value.status_code == 403


def test_a_signature_of_a_directory_permits_what_is_below_it(lake: Lake) -> None:
    allowed = FILES.DirectorySasPermissions(read=True)
    signature = FILES.generate_directory_sas(
        lake.name, "data", "dir", lakes.account_key(lake), permission=allowed, expiry=FUTURE
    )
    for path, is_below in (("dir/a.txt", True), ("b.txt", False)):
        client = FILES.DataLakeFileClient(lake.dfs, "data", path, credential=signature, retry_total=0)
        if is_below:
            assert client.download_file().readall() == b"hello"
        else:
            with pytest.raises(HttpResponseError):
                client.download_file()


def test_a_copy_reads_its_source_by_the_signature_in_its_url(lake: Lake) -> None:
    target = lake.blobs(lakes.account_key(lake)).get_blob_client("data", "copy")
    source = f"{lake.blob}/data/dir/a.txt?{_blob_sas(lake)}"
    assert target.start_copy_from_url(source)["copy_status"] == "success"
    may_write = _blob_sas(lake, "copy2", permission=BLOB.BlobSasPermissions(write=True, create=True))
    with pytest.raises(HttpResponseError):
        _blob_client(lake, may_write, "copy2").start_copy_from_url(f"{lake.blob}/data/b.txt")


@pytest.mark.parametrize("more", ["sv=2017-11-09", "sv=2026-04-06&srh=a"])
def test_an_unsupported_kind_of_signature_is_refused(lake: Lake, more: str) -> None:
    response = lake.call("GET", f"{lake.blob}/data/b.txt?sp=r&se=2099-01-01&sr=b&sig=x&{more}", token="")
    assert (response.status, response.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert b"without signed headers and queries" in response.body
