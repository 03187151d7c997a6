"""The services of a storage account on ARM and its management policy, as in the SDK and in recorded responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.storage import StorageManagementClient

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

RULE: dict[str, Any] = {
    "name": "old",
    "type": "Lifecycle",
    "definition": {
        "filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["logs"]},
        "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}},
    },
}


def _create_account(azure: LocalAzure, **body: Any) -> str:
    arm = Manager(azure=azure, version="2025-01-01")
    path = f"{arm.group()}/providers/Microsoft.Storage/storageAccounts/stone"
    account = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, **body}
    assert arm("PUT", path, account).status == 202
    azure.advance(5)
    return path


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure, version="2025-01-01")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("blobServices", {"deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False}}),
        (
            "fileServices",
            {"protocolSettings": {"smb": {}}, "shareDeleteRetentionPolicy": {"enabled": True, "days": 7}},
        ),
        ("queueServices", {}),
        ("tableServices", {}),
    ],
)
def test_a_new_account_has_each_service_with_defaults(arm: Manager, kind: str, expected: dict[str, Any]) -> None:
    path = _create_account(arm.azure)
    service = arm("GET", f"{path}/{kind}/default").json()
    assert service["properties"] == {"cors": {"corsRules": []}, **expected}
    assert ("sku" in service, service["name"]) == (kind in {"blobServices", "fileServices"}, "default")
    assert arm("GET", f"{path}/{kind}").json() == {"value": [service]}
    assert code(arm("GET", f"{path}x/{kind}/default")) == (404, "ResourceNotFound")


def test_a_write_returns_the_sent_properties_and_a_read_all_of_them(arm: Manager) -> None:
    path = f"{_create_account(arm.azure)}/blobServices/default"
    sent = {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 7}}
    written = arm("PUT", path, {"properties": sent}).json()
    assert (set(written), written["properties"]) == ({"id", "name", "type", "properties"}, sent)
    read = arm("GET", path).json()
    assert set(read) == {"sku", "id", "name", "type", "properties"}
    assert read["properties"] == {
        "cors": {"corsRules": []},
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": True, "days": 7},
    }
    files = path.replace("blob", "file")
    arm("PUT", files, {"properties": {"shareDeleteRetentionPolicy": {"enabled": False}}})
    assert arm("GET", files).json()["properties"]["shareDeleteRetentionPolicy"] == {"days": 0, "enabled": False}
    assert code(arm("PUT", files, {"properties": {"shareDeleteRetentionPolicy": 7}})) == (400, "InvalidRequestContent")


def test_properties_of_a_service_are_deleted_with_its_account(arm: Manager) -> None:
    path = _create_account(arm.azure)
    arm("PUT", f"{path}/queueServices/default", {"properties": {"cors": {"corsRules": [{"maxAgeInSeconds": 1}]}}})
    assert arm("DELETE", path).status == 200
    _create_account(arm.azure)
    assert arm("GET", f"{path}/queueServices/default").json()["properties"] == {"cors": {"corsRules": []}}


def test_the_sdk_creates_reads_and_deletes_a_management_policy(azure_env: LocalAzure) -> None:
    azure = azure_env
    _create_account(azure)
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        StorageManagementClient(credential, azure.subscription_id) as client,
    ):
        names, request = ("rg-one", "stone", "default"), {"properties": {"policy": {"rules": [RULE]}}}
        body: Any = request
        created = client.management_policies.create_or_update(*names, body)
        assert (created.name, created.type) == (
            "DefaultManagementPolicy",
            "Microsoft.Storage/storageAccounts/managementPolicies",
        )
        policy = client.management_policies.get(*names)
        assert policy.policy is not None
        assert [(rule.name, rule.enabled) for rule in policy.policy.rules] == [("old", True)]
        client.management_policies.delete(*names)
        with pytest.raises(ResourceNotFoundError, match="ManagementPolicyNotFound"):
            client.management_policies.get(*names)


def test_days_of_a_policy_are_floats_and_it_needs_rules(arm: Manager) -> None:
    path = f"{_create_account(arm.azure)}/managementPolicies/default"
    created = arm("PUT", path, {"properties": {"policy": {"rules": [RULE]}}})
    assert b'"daysAfterModificationGreaterThan":30.0' in created.body.replace(b": ", b":")
    assert arm("GET", path).json() == created.json()
    for rules in (None, [], [{"name": "old"}]):
        assert arm("PUT", path, {"properties": {"policy": {"rules": rules}}}).status == 400
    assert arm("DELETE", path).status == 200
    assert arm("DELETE", path).status == 204
