"""Vaults on Resource Manager: the SDK, soft delete and purge, fixed properties, names, access policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient

from tests.resource_manager import OPERATOR, Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

DELETED_VAULTS = "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def test_the_sdk_creates_lists_deletes_and_purges_a_vault(azure_env: LocalAzure) -> None:
    azure, arm = azure_env, Manager(azure=azure_env)
    arm.group()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, azure.operator_secret.reveal()) as credential,
        KeyVaultManagementClient(credential, azure.subscription_id) as client,
    ):
        body: Any = arm.vault_body(softDeleteRetentionInDays=7)
        created = client.vaults.begin_create_or_update("rg-one", "kv-sdk", body).result()
        assert created.properties.vault_uri == "https://kv-sdk.vault.azure.net/"
        assert created.properties.soft_delete_retention_in_days == 7
        assert [vault.name for vault in client.vaults.list_by_resource_group("rg-one")] == ["kv-sdk"]
        client.vaults.delete("rg-one", "kv-sdk")
        assert [vault.name for vault in client.vaults.list_deleted()] == ["kv-sdk"]
        deleted = client.vaults.get_deleted("kv-sdk", "westeurope")
        assert str(deleted.properties and deleted.properties.vault_id) == created.id
        client.vaults.begin_purge_deleted("kv-sdk", "westeurope").result()
        assert list(client.vaults.list_deleted()) == []


def test_a_new_vault_is_a_200_and_its_access_mode_depends_on_the_api_version(arm: Manager) -> None:
    group = arm.group()
    body = arm.vault_body(enableRbacAuthorization=None, accessPolicies=[])
    for name, version, rbac in (("kv-old", "2024-11-01", None), ("kv-new", "2026-02-01", True)):
        created = arm("PUT", f"{group}/providers/Microsoft.KeyVault/vaults/{name}", body, version=version)
        assert (created.status, created.json()["properties"].get("enableRbacAuthorization")) == (200, rbac)
        assert created.json()["properties"]["softDeleteRetentionInDays"] == 90
        assert "enablePurgeProtection" not in created.json()["properties"]


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
def test_an_invalid_vault_is_a_400(arm: Manager, changes: dict[str, Any], expected: str) -> None:
    path = f"{arm.group()}/providers/Microsoft.KeyVault/vaults/kv-one"
    assert code(arm("PUT", path, arm.vault_body(**changes))) == (400, expected)


@pytest.mark.parametrize("name", ["kv", "1kv-one", "kv--one", "kv-one-", "k" * 25, "kv_one"])
def test_an_invalid_vault_name_is_a_400(arm: Manager, name: str) -> None:
    path = f"{arm.group()}/providers/Microsoft.KeyVault/vaults/{name}"
    assert code(arm("PUT", path, arm.vault_body())) == (400, "VaultNameNotValid")


def test_retention_cannot_change_and_purge_protection_cannot_be_disabled(arm: Manager) -> None:
    vault = arm.vault(softDeleteRetentionInDays=7, enablePurgeProtection=True)
    for method in ("PUT", "PATCH"):
        assert code(arm(method, vault, arm.vault_body(softDeleteRetentionInDays=8)))[0] == 400
        assert code(arm(method, vault, arm.vault_body(enablePurgeProtection=False)))[0] == 400
        properties = arm(method, vault, arm.vault_body(softDeleteRetentionInDays=7)).json()["properties"]
        assert (properties["softDeleteRetentionInDays"], properties["enablePurgeProtection"]) == (7, True)


def test_a_patch_changes_only_the_properties_in_its_body(arm: Manager) -> None:
    vault = arm.vault()
    arm("PATCH", vault, {"tags": {"a": "1"}})
    patched = arm("PATCH", vault, {"properties": {"enabledForDeployment": True}}).json()
    assert patched["tags"] == {"a": "1"}
    assert patched["properties"]["enabledForDeployment"] is True
    assert patched["properties"]["enableRbacAuthorization"] is True
    assert code(arm("PATCH", vault + "x", {})) == (404, "ResourceNotFound")


def test_network_rules_are_absent_while_open_and_an_address_is_a_range_of_one(arm: Manager) -> None:
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
    reopened = arm("PATCH", vault, {"properties": {"networkAcls": open_to_all}}).json()["properties"]
    assert "networkAcls" not in reopened
    invalid = {"properties": {"networkAcls": {"ipRules": ["203.0.113.7"]}}}
    assert code(arm("PATCH", vault, invalid)) == (400, "InvalidRequestContent")


def test_a_vault_name_is_unique_also_while_soft_deleted(arm: Manager) -> None:
    vault, other = arm.vault(), arm.group("rg-two")
    same_name = f"{other}/providers/Microsoft.KeyVault/vaults/KV-ONE"
    assert code(arm("PUT", same_name, arm.vault_body())) == (409, "VaultAlreadyExists")
    assert arm("DELETE", vault).status == 200
    assert arm("DELETE", vault).status == 204
    assert code(arm("PUT", vault, arm.vault_body())) == (409, "ConflictError")
    request = {"name": "kv-one", "type": "Microsoft.KeyVault/vaults"}
    availability = arm("POST", "/providers/Microsoft.KeyVault/checkNameAvailability", request).json()
    assert (availability["nameAvailable"], availability["reason"]) == (False, "AlreadyExists")


def test_a_recovered_vault_keeps_its_tags(arm: Manager) -> None:
    vault = arm.vault()
    arm("PATCH", vault, {"tags": {"a": "1"}})
    assert code(arm("PUT", vault + "-no", arm.vault_body(createMode="recover"))) == (404, "DeletedVaultNotFound")
    arm("DELETE", "/resourceGroups/rg-one")
    arm.azure.advance(5)
    arm.group()
    assert arm("GET", f"{DELETED_VAULTS}/kv-one").status == 200
    assert arm("PUT", vault, arm.vault_body(createMode="recover")).json()["tags"] == {"a": "1"}
    assert code(arm("GET", f"{DELETED_VAULTS}/kv-one")) == (404, "DeletedVaultNotFound")


def test_purge_protection_keeps_a_deleted_vault_until_its_retention_ends(arm: Manager) -> None:
    arm("DELETE", arm.vault(softDeleteRetentionInDays=7, enablePurgeProtection=True))
    assert arm("GET", f"{DELETED_VAULTS}/kv-one").json()["properties"]["purgeProtectionEnabled"] is True
    assert code(arm("POST", f"{DELETED_VAULTS}/kv-one/purge")) == (405, "MethodNotAllowed")
    arm.azure.advance(7 * 86_400 + 1)
    arm.azure.tokens.clear()
    assert code(arm("GET", f"{DELETED_VAULTS}/kv-one")) == (404, "DeletedVaultNotFound")


def test_a_key_vault_contributor_may_not_purge_and_a_purge_operator_may(arm: Manager) -> None:
    arm("DELETE", arm.vault())
    someone = arm.someone()
    arm.grant("", "f25e0fa2-a7c8-4377-a976-54943a77a395", someone.object_id)
    caller = arm.as_(someone)
    assert code(caller("POST", f"{DELETED_VAULTS}/kv-one/purge")) == (403, "AuthorizationFailed")
    arm.grant("", "Key Vault Purge Operator", someone.object_id)
    accepted = caller("POST", f"{DELETED_VAULTS}/kv-one/purge")
    assert accepted.status == 202
    arm.azure.advance(5)
    assert arm.azure.request("GET", accepted.headers["location"]).status == 200
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


def test_the_polls_of_a_purge_say_when_it_began_and_how_far_it_is(arm: Manager) -> None:
    """What is gone then answers as a missing resource at its own path, and as DeletedVaultNotFound below deletedVaults.

    ResourceNotFound was reported for the second, too. DeletedVaultNotFound was taken: several repositories on GitHub
    note in 2026 that `az keyvault purge` fails with it after a purge; no recording of either was found.

    Issue 16 knows two members of a poll's answer. az recorded a third at the end and the status `Succeeded`
    (test_keyvault_softdelete.yaml): that was taken for the 200, the issue's two members for the 202.
    """
    arm.azure.slow_operations()
    vault = arm.vault()
    assert arm("DELETE", vault).status == 200
    accepted = arm("POST", f"{DELETED_VAULTS}/kv-one/purge")
    assert accepted.status == 202
    polls = [arm.azure.request("GET", accepted.headers["location"])]
    arm.azure.advance(5)
    polls.append(arm.azure.request("GET", accepted.headers["location"]))
    assert [poll.status for poll in polls] == [202, 200]
    gone = [arm("GET", vault), arm("GET", f"{DELETED_VAULTS}/kv-one"), arm("POST", f"{DELETED_VAULTS}/kv-one/purge")]
    assert [code(answer)[1] for answer in gone] == ["ResourceNotFound", "DeletedVaultNotFound", "DeletedVaultNotFound"]
    assert [poll.json()["status"] for poll in polls] == ["Pending", "Succeeded"]
    assert polls[0].json()["createdDateTime"] == polls[1].json()["createdDateTime"]
    members = {"createdDateTime", "status"}
    assert [set(poll.json()) for poll in polls] == [members, {*members, "lastActionDateTime"}]
    times = [polls[1].json()[name] for name in ("createdDateTime", "lastActionDateTime")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", time) for time in times)
    assert times[0] < times[1]
