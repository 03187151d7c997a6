"""The services of a storage account on ARM and its management policy, as the SDK and recorded answers have them."""

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


def _account(azure: LocalAzure, **body: Any) -> str:
    arm = Manager(azure=azure, version="2025-01-01")
    path = f"{arm.group()}/providers/Microsoft.Storage/storageAccounts/stone"
    wanted = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, **body}
    assert arm("PUT", path, wanted).status == 202
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
def test_a_new_account_shows_each_service(arm: Manager, kind: str, expected: dict[str, Any]) -> None:
    path = _account(arm.azure)
    shown = arm("GET", f"{path}/{kind}/default").json()
    assert shown["properties"] == {"cors": {"corsRules": []}, **expected}
    assert ("sku" in shown, shown["name"]) == (kind in {"blobServices", "fileServices"}, "default")
    assert arm("GET", f"{path}/{kind}").json() == {"value": [shown]}
    assert code(arm("GET", f"{path}x/{kind}/default")) == (404, "ResourceNotFound")


def test_a_write_shows_what_was_sent_and_the_next_read_all(arm: Manager) -> None:
    where = f"{_account(arm.azure)}/blobServices/default"
    sent = {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 7}}
    written = arm("PUT", where, {"properties": sent}).json()
    assert (set(written), written["properties"]) == ({"id", "name", "type", "properties"}, sent)
    read = arm("GET", where).json()
    assert set(read) == {"sku", "id", "name", "type", "properties"}
    assert read["properties"] == {
        "cors": {"corsRules": []},
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": True, "days": 7},
    }
    files = where.replace("blob", "file")
    arm("PUT", files, {"properties": {"shareDeleteRetentionPolicy": {"enabled": False}}})
    assert arm("GET", files).json()["properties"]["shareDeleteRetentionPolicy"] == {"days": 0, "enabled": False}
    assert code(arm("PUT", files, {"properties": {"shareDeleteRetentionPolicy": 7}})) == (400, "InvalidRequestContent")


def test_what_a_service_was_told_goes_with_its_account(arm: Manager) -> None:
    path = _account(arm.azure)
    arm("PUT", f"{path}/queueServices/default", {"properties": {"cors": {"corsRules": [{"maxAgeInSeconds": 1}]}}})
    assert arm("DELETE", path).status == 200
    _account(arm.azure)
    assert arm("GET", f"{path}/queueServices/default").json()["properties"] == {"cors": {"corsRules": []}}


def test_a_management_policy_lives_and_dies_by_the_sdk(azure_env: LocalAzure) -> None:
    azure = azure_env
    _account(azure)
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        StorageManagementClient(credential, azure.subscription_id) as client,
    ):
        where, wanted = ("rg-one", "stone", "default"), {"properties": {"policy": {"rules": [RULE]}}}
        body: Any = wanted
        made = client.management_policies.create_or_update(*where, body)
        assert (made.name, made.type) == (
            "DefaultManagementPolicy",
            "Microsoft.Storage/storageAccounts/managementPolicies",
        )
        found = client.management_policies.get(*where)
        assert found.policy is not None
        assert [(rule.name, rule.enabled) for rule in found.policy.rules] == [("old", True)]
        client.management_policies.delete(*where)
        with pytest.raises(ResourceNotFoundError, match="ManagementPolicyNotFound"):
            client.management_policies.get(*where)


def test_days_come_back_with_a_fraction_and_a_policy_needs_rules(arm: Manager) -> None:
    where = f"{_account(arm.azure)}/managementPolicies/default"
    made = arm("PUT", where, {"properties": {"policy": {"rules": [RULE]}}})
    assert b'"daysAfterModificationGreaterThan":30.0' in made.body.replace(b": ", b":")
    assert arm("GET", where).json() == made.json()
    for rules in (None, [], [{"name": "old"}]):
        assert arm("PUT", where, {"properties": {"policy": {"rules": rules}}}).status == 400
    assert arm("DELETE", where).status == 200
    assert arm("DELETE", where).status == 204


def test_a_private_endpoint_could_lead_to_each_service_of_an_account(arm: Manager) -> None:
    path = _account(arm.azure)
    found = arm("GET", f"{path}/privateLinkResources").json()["value"]
    assert [one["name"] for one in found] == ["blob", "table", "queue", "file", "web", "dfs"]
    assert found[0]["properties"] == {
        "groupId": "blob",
        "requiredMembers": ["blob"],
        "requiredZoneNames": ["privatelink.blob.core.windows.net"],
    }
    assert code(arm("GET", f"{path}x/privateLinkResources")) == (404, "ResourceNotFound")


def test_a_private_endpoint_could_lead_to_a_vault(arm: Manager) -> None:
    path = arm.vault()
    (found,) = arm("GET", f"{path}/privateLinkResources", version="2023-07-01").json()["value"]
    assert (found["name"], found["type"]) == ("vault", "Microsoft.KeyVault/vaults/privateLinkResources")
    assert found["properties"]["requiredZoneNames"] == ["privatelink.vaultcore.azure.net"]
