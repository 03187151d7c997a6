"""Containers and their lease on Resource Manager, by the SDK and raw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.identity import ClientSecretCredential
from azure.mgmt.storage import StorageManagementClient

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

ACCOUNT: dict[str, Any] = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
A, B = "aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-0000-0000-0000-000000000000"
ACQUIRE_60_SECONDS: dict[str, Any] = {"action": "Acquire", "leaseDuration": 60}


class Lock:
    """A container of an account, and its lease."""

    def __init__(self, azure: LocalAzure, **properties: Any) -> None:
        self.azure, self.arm = azure, Manager(azure=azure, version="2025-01-01")
        self.account = f"{self.arm.group()}/providers/Microsoft.Storage/storageAccounts/stone"
        assert self.arm("PUT", self.account, {**ACCOUNT, "properties": properties}).status == 202
        azure.advance(5)
        self.containers = f"{self.account}/blobServices/default/containers"
        self.path = f"{self.containers}/lock"

    def __call__(self, method: str, body: Any = None) -> Answer:
        return self.arm(method, self.path, body)

    def lease(self, **body: Any) -> Answer:
        return self.arm("POST", f"{self.path}/lease", body)

    def state(self) -> tuple[str, str, str | None]:
        lease = self("GET").json()["properties"]
        return lease["leaseStatus"], lease["leaseState"], lease.get("leaseDuration")


@pytest.fixture
def lock(azure: LocalAzure) -> Lock:
    lock = Lock(azure)
    assert lock("PUT", {}).status == 201
    return lock


def test_the_sdk_acquires_and_releases_a_lease(azure_env: LocalAzure) -> None:
    azure = azure_env
    Lock(azure)
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        StorageManagementClient(credential, azure.subscription_id) as client,
    ):
        container = ("rg-one", "stone", "lock")
        empty: Any = {}
        created = client.blob_containers.create(*container, empty)
        assert created.type == "Microsoft.Storage/storageAccounts/blobServices/containers"
        acquire: Any = {**ACQUIRE_60_SECONDS, "proposedLeaseId": A}
        assert client.blob_containers.lease(*container, acquire).lease_id == A
        other: Any = {**ACQUIRE_60_SECONDS, "proposedLeaseId": B}
        with pytest.raises(ResourceExistsError, match="LeaseAlreadyPresent"):
            client.blob_containers.lease(*container, other)
        metadata: Any = {"properties": {"metadata": {"owner": "me"}}}
        assert client.blob_containers.update(*container, metadata).metadata == {"owner": "me"}
        assert client.blob_containers.get(*container).lease_state == "Leased"
        release: Any = {"action": "Release", "leaseId": A}
        client.blob_containers.lease(*container, release)
        client.blob_containers.delete(*container)
        assert list(client.blob_containers.list("rg-one", "stone")) == []


def test_a_put_of_a_container_is_201_or_200(lock: Lock) -> None:
    updated = lock("PUT", {"properties": {"metadata": {"a": "1"}}})
    assert (updated.status, updated.json()["properties"]["metadata"]) == (200, {"a": "1"})
    assert lock("PUT", {}).headers["etag"] == updated.headers["etag"] == lock("GET").json()["etag"]
    assert lock("DELETE").status == 200
    assert lock("DELETE").status == 204
    assert code(lock("GET")) == (404, "ContainerNotFound")


@pytest.mark.parametrize("name", ["ab", "UPPER", "a--b", "-ab", "a" * 64])
def test_an_invalid_container_name_is_a_400(lock: Lock, name: str) -> None:
    assert code(lock.arm("PUT", f"{lock.containers}/{name}", {})) == (400, "ContainerOperationFailure")


def test_public_access_needs_the_accounts_permission(lock: Lock) -> None:
    body = {"properties": {"publicAccess": "Blob"}}
    assert code(lock("PATCH", body)) == (409, "PublicAccessNotPermitted")
    lock.arm("PATCH", lock.account, {"properties": {"allowBlobPublicAccess": True}})
    assert lock("PATCH", body).json()["properties"]["publicAccess"] == "Blob"


def test_a_lease_is_renewed_until_it_expires_and_then_available_to_others(lock: Lock) -> None:
    assert lock.state() == ("Unlocked", "Available", None)
    lease_id = lock.lease(**ACQUIRE_60_SECONDS).json()["leaseId"]
    assert lock.state() == ("Locked", "Leased", "Fixed")
    lock.azure.advance(50)
    assert lock.lease(action="Renew", leaseId=lease_id).json() == {"leaseId": lease_id}
    lock.azure.advance(50)
    assert code(lock.lease(**ACQUIRE_60_SECONDS, proposedLeaseId=B)) == (409, "LeaseAlreadyPresent")
    assert code(lock.lease(action="Renew", leaseId=B)) == (409, "LeaseIdMismatchWithLeaseOperation")
    lock.azure.advance(11)
    assert lock.state() == ("Unlocked", "Expired", None)
    assert lock.lease(**ACQUIRE_60_SECONDS, proposedLeaseId=B).json() == {"leaseId": B}
    assert code(lock.lease(action="Renew", leaseId=lease_id)) == (409, "LeaseIdMismatchWithLeaseOperation")


def test_a_lease_blocks_deletion_and_not_metadata(lock: Lock) -> None:
    lock.lease(action="Acquire", leaseDuration=-1, proposedLeaseId=A)
    assert lock.state() == ("Locked", "Leased", "Infinite")
    assert code(lock("DELETE")) == (409, "ContainerOperationFailure")
    assert lock("PATCH", {"properties": {"metadata": {"a": "1"}}}).status == 200
    assert lock.lease(action="Break", breakPeriod=10).json() == {"leaseTimeSeconds": "10"}
    assert lock.state() == ("Locked", "Breaking", None)
    lock.azure.advance(11)
    assert lock.state() == ("Unlocked", "Broken", None)
    assert lock("DELETE").status == 200


def test_a_change_moves_the_lease_to_another_id(lock: Lock) -> None:
    lock.lease(**ACQUIRE_60_SECONDS, proposedLeaseId=A)
    assert lock.lease(action="Change", leaseId=A, proposedLeaseId=B).json() == {"leaseId": B}
    assert code(lock.lease(action="Release", leaseId=A)) == (409, "LeaseIdMismatchWithLeaseOperation")
    assert lock.lease(action="Release", leaseId=B).status == 200
    assert code(lock.lease(action="Break")) == (409, "LeaseNotPresentWithLeaseOperation")


@pytest.mark.parametrize(
    "body",
    [
        {"action": "Steal"},
        {"action": "Acquire"},
        {"action": "Acquire", "leaseDuration": 5},
        {"action": "Acquire", "leaseDuration": 60, "proposedLeaseId": "mine"},
        {"action": "Renew"},
        {"action": "Break", "breakPeriod": 61},
    ],
)
def test_an_invalid_lease_request_is_a_400(lock: Lock, body: dict[str, Any]) -> None:
    lock.lease(**ACQUIRE_60_SECONDS)
    assert lock.lease(**body).status == 400


def test_containers_are_listed_in_pages(lock: Lock) -> None:
    for name in ("aaa", "bbb", "ccc"):
        lock.arm("PUT", f"{lock.containers}/{name}", {})
    first = lock.arm("GET", f"{lock.containers}?$maxpagesize=2").json()
    assert [container["name"] for container in first["value"]] == ["aaa", "bbb"]
    rest = lock.azure.request("GET", first["nextLink"]).json()
    assert [container["name"] for container in rest["value"]] == ["ccc", "lock"]
    assert "nextLink" not in rest


def test_the_lease_needs_no_data_plane_role(lock: Lock) -> None:
    someone = lock.arm.someone()
    lock.arm.grant(lock.account, "Contributor", someone.object_id)
    token = lock.arm.as_(someone).token
    caller = Manager(azure=lock.azure, token=token, version="2025-01-01")
    assert caller("POST", f"{lock.path}/lease", ACQUIRE_60_SECONDS).status == 200


def test_a_write_returns_the_sent_properties_and_a_read_all_of_them(lock: Lock) -> None:
    """As recorded in Azure's own SDK tests; the etag of a write is a header."""
    bare = lock.arm("PUT", f"{lock.containers}/bare", {})
    assert set(bare.json()) == {"id", "name", "type"}
    sent = lock("PATCH", {"properties": {"publicAccess": "None", "metadata": {"a": "1"}}}).json()
    assert "etag" not in sent
    assert sent["properties"] == {
        "deleted": False,
        "remainingRetentionDays": 0,
        "metadata": {"a": "1"},
        "publicAccess": "None",
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
    }
    read = lock("GET")
    assert (read.headers["etag"], read.json()["properties"]["metadata"]) == (read.json()["etag"], {"a": "1"})
    assert read.json()["properties"]["legalHold"] == {"hasLegalHold": False, "tags": []}
    assert read.json()["properties"]["lastModifiedTime"].endswith(".0000000Z")
    assert "metadata" not in lock.arm("GET", f"{lock.containers}/bare").json()["properties"]
    assert lock.lease(**ACQUIRE_60_SECONDS).headers["etag"] == read.headers["etag"]


def test_a_list_has_no_metadata(lock: Lock) -> None:
    lock("PATCH", {"properties": {"metadata": {"a": "1"}}})
    (listed,) = lock.arm("GET", lock.containers).json()["value"]
    assert "metadata" not in listed["properties"]
    assert listed["properties"]["immutableStorageWithVersioning"] == {"enabled": False}
