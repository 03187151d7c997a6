"""The operations of resource providers, as az and the SDKs read them; lists that are always empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure, version="2022-04-01")


@pytest.mark.parametrize("namespace", ["Microsoft.KeyVault", "microsoft.storage", "Microsoft.DataFactory"])
def test_any_caller_may_read_the_operations_of_a_provider(azure: LocalAzure, namespace: str) -> None:
    client, secret = azure.new_client("nobody")
    token = azure.token(client_id=client, secret=secret)
    url = f"https://management.azure.com/providers/{namespace}/operations?api-version=2022-07-01"
    response = azure.request("GET", url, token=token)
    assert response.status == 200
    assert {"name", "display", "isDataAction"} <= response.json()["value"][0].keys()
    assert all(operation["name"].lower().startswith(namespace.lower()) for operation in response.json()["value"])


def test_operations_of_all_providers_are_grouped_by_resource_type(azure: LocalAzure) -> None:
    root = "https://management.azure.com/providers/Microsoft.Authorization/providerOperations"
    providers = azure.request("GET", f"{root}?api-version=2022-04-01").json()["value"]
    key_vault = azure.request("GET", f"{root}/Microsoft.KeyVault?api-version=2022-04-01&$expand=resourceTypes").json()
    assert key_vault in providers
    assert "vaults" in {resource_type["name"] for resource_type in key_vault["resourceTypes"]}
    unknown = azure.request("GET", f"{root}/Microsoft.Nothing?api-version=2022-04-01")
    assert code(unknown) == (404, "InvalidResourceNamespace")


@pytest.mark.parametrize("child", ["privateEndpointConnections", "keys"])
def test_a_vault_lists_no_keys_and_no_private_endpoints(arm: Manager, child: str) -> None:
    path = arm.vault()
    assert arm("GET", f"{path}/{child}").json() == {"value": []}
    missing = arm("GET", f"{path}x/{child}")
    assert code(missing) == (404, "ResourceNotFound")


def test_the_subscription_has_no_classic_administrators(arm: Manager) -> None:
    assert arm("GET", "/providers/Microsoft.Authorization/classicAdministrators").json() == {"value": []}


def test_unsupported_children_of_accounts_and_factories_are_empty_lists_or_a_404(arm: Manager) -> None:
    base = f"{arm.group()}/providers/Microsoft.Storage/storageAccounts/stone"
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    assert arm("PUT", base, body, version="2023-05-01").status == 202
    arm.azure.advance(60)
    assert arm("GET", f"{base}/inventoryPolicies").json() == {"value": []}
    assert arm("GET", "/providers/Microsoft.Storage/deletedAccounts").json() == {"value": []}
    factory = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
    assert arm("GET", f"{factory}/adfcdcs").json() == {"value": []}
    policy = "managementPolicies/default"
    assert code(arm("GET", f"{base}/{policy}")) == (404, "ManagementPolicyNotFound")
    assert code(arm("GET", f"{base}no/{policy}")) == (404, "ResourceNotFound")
