"""Vaults on Resource Manager: their life by the SDK, soft delete and purge, what is fixed, names, access policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient

from tests.resource_manager import OPERATOR, Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

DELETED = "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def test_a_vault_lives_dies_and_returns_by_the_sdk(azure_env: LocalAzure) -> None:
    azure, arm = azure_env, Manager(azure=azure_env)
    arm.group()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, azure.operator_secret.reveal()) as credential,
        KeyVaultManagementClient(credential, azure.subscription_id) as client,
    ):
        body: Any = arm.vault_body(softDeleteRetentionInDays=7)
        made = client.vaults.begin_create_or_update("rg-one", "kv-sdk", body).result()
        assert made.properties.vault_uri == "https://kv-sdk.vault.azure.net/"
        assert made.properties.soft_delete_retention_in_days == 7
        assert [vault.name for vault in client.vaults.list_by_resource_group("rg-one")] == ["kv-sdk"]
        client.vaults.delete("rg-one", "kv-sdk")
        assert [vault.name for vault in client.vaults.list_deleted()] == ["kv-sdk"]
        deleted = client.vaults.get_deleted("kv-sdk", "westeurope")
        assert str(deleted.properties and deleted.properties.vault_id) == made.id
        client.vaults.begin_purge_deleted("kv-sdk", "westeurope").result()
        assert list(client.vaults.list_deleted()) == []


def test_a_new_vault_answers_200_and_its_mode_depends_on_the_version(arm: Manager) -> None:
    group = arm.group()
    body = arm.vault_body(enableRbacAuthorization=None, accessPolicies=[])
    for name, version, rbac in (("kv-old", "2024-11-01", None), ("kv-new", "2026-02-01", True)):
        made = arm("PUT", f"{group}/providers/Microsoft.KeyVault/vaults/{name}", body, version=version)
        assert (made.status, made.json()["properties"].get("enableRbacAuthorization")) == (200, rbac)
        assert made.json()["properties"]["softDeleteRetentionInDays"] == 90
        assert "enablePurgeProtection" not in made.json()["properties"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"softDeleteRetentionInDays": 6}, "BadRequest"),
        ({"softDeleteRetentionInDays": 91}, "BadRequest"),
        ({"enablePurgeProtection": False}, "BadRequest"),
        ({"sku": None}, "BadRequest"),
        ({"tenantId": None}, "BadRequest"),
        ({"enableRbacAuthorization": False}, "BadRequest"),
        ({"sku": "standard"}, "InvalidRequestContent"),
        ({"accessPolicies": "none"}, "InvalidRequestContent"),
    ],
)
def test_azure_refuses_a_bad_vault(arm: Manager, changes: dict[str, Any], expected: str) -> None:
    path = f"{arm.group()}/providers/Microsoft.KeyVault/vaults/kv-one"
    assert code(arm("PUT", path, arm.vault_body(**changes))) == (400, expected)


@pytest.mark.parametrize("name", ["kv", "1kv-one", "kv--one", "kv-one-", "k" * 25, "kv_one"])
def test_azure_refuses_a_bad_name(arm: Manager, name: str) -> None:
    path = f"{arm.group()}/providers/Microsoft.KeyVault/vaults/{name}"
    assert code(arm("PUT", path, arm.vault_body())) == (400, "VaultNameNotValid")


def test_retention_and_purge_protection_cannot_be_taken_back(arm: Manager) -> None:
    vault = arm.vault(softDeleteRetentionInDays=7, enablePurgeProtection=True)
    for method in ("PUT", "PATCH"):
        assert code(arm(method, vault, arm.vault_body(softDeleteRetentionInDays=8)))[0] == 400
        assert code(arm(method, vault, arm.vault_body(enablePurgeProtection=False)))[0] == 400
        same = arm(method, vault, arm.vault_body(softDeleteRetentionInDays=7)).json()["properties"]
        assert (same["softDeleteRetentionInDays"], same["enablePurgeProtection"]) == (7, True)


def test_a_patch_changes_what_it_names(arm: Manager) -> None:
    vault = arm.vault()
    arm("PATCH", vault, {"tags": {"a": "1"}})
    patched = arm("PATCH", vault, {"properties": {"enabledForDeployment": True}}).json()
    assert patched["tags"] == {"a": "1"}
    assert patched["properties"]["enabledForDeployment"] is True
    assert patched["properties"]["enableRbacAuthorization"] is True
    assert code(arm("PATCH", vault + "x", {})) == (404, "ResourceNotFound")


def test_rules_that_let_everybody_in_are_not_shown_and_an_address_is_a_range_of_one(arm: Manager) -> None:
    open_to_all: dict[str, Any] = {
        "bypass": "AzureServices",
        "defaultAction": "Allow",
        "ipRules": [],
        "virtualNetworkRules": [],
    }
    vault = arm.vault(networkAcls=open_to_all)
    assert "networkAcls" not in arm("GET", vault).json()["properties"]
    closed = {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}, {"value": "10.0.0.0/24"}]}
    patched = arm("PATCH", vault, {"properties": {"networkAcls": closed}}).json()["properties"]
    assert patched["networkAcls"] == {
        "bypass": "AzureServices",
        "defaultAction": "Deny",
        "ipRules": [{"value": "203.0.113.7/32"}, {"value": "10.0.0.0/24"}],
        "virtualNetworkRules": [],
    }
    again = arm("PATCH", vault, {"properties": {"networkAcls": open_to_all}}).json()["properties"]
    assert "networkAcls" not in again
    wrong = {"properties": {"networkAcls": {"ipRules": ["203.0.113.7"]}}}
    assert code(arm("PATCH", vault, wrong)) == (400, "InvalidRequestContent")


def test_a_name_is_taken_everywhere_also_while_soft_deleted(arm: Manager) -> None:
    vault, other = arm.vault(), arm.group("rg-two")
    there = f"{other}/providers/Microsoft.KeyVault/vaults/KV-ONE"
    assert code(arm("PUT", there, arm.vault_body())) == (409, "VaultAlreadyExists")
    assert arm("DELETE", vault).status == 200
    assert arm("DELETE", vault).status == 204
    assert code(arm("PUT", vault, arm.vault_body())) == (409, "ConflictError")
    wanted = {"name": "kv-one", "type": "Microsoft.KeyVault/vaults"}
    asked = arm("POST", "/providers/Microsoft.KeyVault/checkNameAvailability", wanted).json()
    assert (asked["nameAvailable"], asked["reason"]) == (False, "AlreadyExists")


def test_recovery_brings_the_vault_back_as_it_was(arm: Manager) -> None:
    vault = arm.vault()
    arm("PATCH", vault, {"tags": {"a": "1"}})
    assert code(arm("PUT", vault + "-no", arm.vault_body(createMode="recover"))) == (404, "DeletedVaultNotFound")
    arm("DELETE", "/resourceGroups/rg-one")
    arm.azure.advance(5)
    arm.group()
    assert arm("GET", f"{DELETED}/kv-one").status == 200
    assert arm("PUT", vault, arm.vault_body(createMode="recover")).json()["tags"] == {"a": "1"}
    assert code(arm("GET", f"{DELETED}/kv-one")) == (404, "DeletedVaultNotFound")


def test_purge_protection_keeps_a_deleted_vault_until_its_day(arm: Manager) -> None:
    arm("DELETE", arm.vault(softDeleteRetentionInDays=7, enablePurgeProtection=True))
    assert arm("GET", f"{DELETED}/kv-one").json()["properties"]["purgeProtectionEnabled"] is True
    assert code(arm("POST", f"{DELETED}/kv-one/purge")) == (405, "MethodNotAllowed")
    arm.azure.advance(7 * 86_400 + 1)
    arm.azure.tokens.clear()
    assert code(arm("GET", f"{DELETED}/kv-one")) == (404, "DeletedVaultNotFound")


def test_a_key_vault_contributor_may_not_purge_and_a_purge_operator_may(arm: Manager) -> None:
    arm("DELETE", arm.vault())
    someone = arm.someone()
    arm.grant("", "f25e0fa2-a7c8-4377-a976-54943a77a395", someone.object_id)
    mine = arm.as_(someone)
    assert code(mine("POST", f"{DELETED}/kv-one/purge")) == (403, "AuthorizationFailed")
    arm.grant("", "Key Vault Purge Operator", someone.object_id)
    gone = mine("POST", f"{DELETED}/kv-one/purge")
    assert gone.status == 202
    arm.azure.advance(5)
    assert arm.azure.request("GET", gone.headers["location"]).status == 200
    assert (
        arm("PUT", "/resourceGroups/rg-one/providers/Microsoft.KeyVault/vaults/kv-one", arm.vault_body()).status == 200
    )


def test_access_policies_are_added_and_removed(arm: Manager) -> None:
    vault = arm.vault(enableRbacAuthorization=False, accessPolicies=[])
    entry = {"tenantId": arm.azure.tenant_id, "objectId": OPERATOR, "permissions": {"secrets": ["get"]}}
    body = {"properties": {"accessPolicies": [entry]}}
    assert arm("PUT", f"{vault}/accessPolicies/add", body).status == 200
    assert arm("GET", vault).json()["properties"]["accessPolicies"] == [entry]
    assert arm("PUT", f"{vault}/accessPolicies/remove", body).status == 200
    assert arm("GET", vault).json()["properties"]["accessPolicies"] == []
