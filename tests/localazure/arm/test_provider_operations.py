"""What providers can do, as `az provider operation` and the SDKs ask; and lists that are empty here."""

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
def test_operations_of_a_provider_are_anybodys_to_read(azure: LocalAzure, namespace: str) -> None:
    client, secret = azure.new_client("nobody")
    token = azure.token(client_id=client, secret=secret)
    url = f"https://management.azure.com/providers/{namespace}/operations?api-version=2022-07-01"
    answer = azure.request("GET", url, token=token)
    assert answer.status == 200
    assert {"name", "display", "isDataAction"} <= answer.json()["value"][0].keys()
    assert all(one["name"].lower().startswith(namespace.lower()) for one in answer.json()["value"])


def test_operations_of_all_providers_are_sorted_by_resource_type(azure: LocalAzure) -> None:
    root = "https://management.azure.com/providers/Microsoft.Authorization/providerOperations"
    every = azure.request("GET", f"{root}?api-version=2022-04-01").json()["value"]
    one = azure.request("GET", f"{root}/Microsoft.KeyVault?api-version=2022-04-01&$expand=resourceTypes").json()
    assert one in every
    assert "vaults" in {kind["name"] for kind in one["resourceTypes"]}
    unknown = azure.request("GET", f"{root}/Microsoft.Nothing?api-version=2022-04-01")
    assert code(unknown) == (404, "InvalidResourceNamespace")


@pytest.mark.parametrize("kind", ["privateEndpointConnections", "keys"])
def test_what_a_vault_has_none_of_is_an_empty_list(arm: Manager, kind: str) -> None:
    path = arm.vault()
    assert arm("GET", f"{path}/{kind}").json() == {"value": []}
    missing = arm("GET", f"{path}x/{kind}")
    assert code(missing) == (404, "ResourceNotFound")


def test_the_subscription_has_no_classic_administrators(arm: Manager) -> None:
    assert arm("GET", "/providers/Microsoft.Authorization/classicAdministrators").json() == {"value": []}


def test_what_an_account_and_a_factory_never_have_is_an_empty_list_or_a_404_of_its_own(arm: Manager) -> None:
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
