"""The root of Resource Manager: groups by the SDK and raw, lists, tags, providers, metadata, the gateway's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.emulator import ARM
from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def test_the_sdk_creates_lists_and_deletes_a_group(azure_env: LocalAzure) -> None:
    azure = azure_env
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        ResourceManagementClient(credential, azure.subscription_id) as client,
    ):
        created = client.resource_groups.create_or_update("rg-sdk", {"location": "westeurope", "tags": {"a": "b"}})
        assert created.id == f"{azure.subscription}/resourceGroups/rg-sdk"
        assert client.resource_groups.check_existence("RG-SDK")
        assert "rg-sdk" in [group.name for group in client.resource_groups.list()]
        client.resource_groups.begin_delete("rg-sdk").result()
        assert not client.resource_groups.check_existence("rg-sdk")
        with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
            client.resource_groups.get("rg-sdk")


def test_a_put_of_a_group_is_201_or_200_and_cannot_move_it(arm: Manager) -> None:
    assert arm("PUT", "/resourcegroups/rg-one", {"location": "West Europe", "tags": {"a": "1"}}).status == 201
    replaced = arm("PUT", "/resourceGroups/RG-ONE", {"location": "westeurope"})
    assert (replaced.status, replaced.json()["name"], replaced.json().get("tags")) == (200, "rg-one", None)
    moved = arm("PUT", "/resourcegroups/rg-one", {"location": "eastus"})
    assert code(moved) == (409, "InvalidResourceGroupLocation")


def test_a_patch_of_a_group_replaces_its_tags(arm: Manager) -> None:
    arm("PUT", "/resourcegroups/rg-one", {"location": "westeurope", "tags": {"a": "1"}})
    assert arm("PATCH", "/resourcegroups/rg-one", {"tags": {"b": "2"}}).json()["tags"] == {"b": "2"}
    assert arm("PATCH", "/resourcegroups/rg-one", {}).json()["tags"] == {"b": "2"}
    assert code(arm("PATCH", "/resourcegroups/rg-no", {})) == (404, "ResourceGroupNotFound")


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("rg-one", {}, "LocationRequired"),
        ("rg-one.", {"location": "westeurope"}, "InvalidResourceGroup"),
        ("rg-one", {"location": "westeurope", "tags": {"a": "x" * 257}}, "InvalidTagValueLength"),
    ],
)
def test_an_invalid_group_is_a_400(arm: Manager, name: str, body: dict[str, object], expected: str) -> None:
    assert code(arm("PUT", f"/resourcegroups/{name}", body)) == (400, expected)


def test_a_group_is_deleting_until_everything_in_it_is_deleted(arm: Manager) -> None:
    arm.azure.slow_operations()
    vault = arm.vault(group="rg-one")
    accepted = arm("DELETE", "/resourcegroups/rg-one")
    assert (accepted.status, accepted.body) == (202, b"")
    assert arm("GET", "/resourcegroups/rg-one").json()["properties"]["provisioningState"] == "Deleting"
    assert code(arm("PUT", vault, arm.vault_body())) == (409, "ResourceGroupBeingDeleted")
    assert arm.azure.request("GET", accepted.headers["location"]).status == 202
    arm.azure.advance(5)
    assert arm.azure.request("GET", accepted.headers["location"]).status == 200
    assert arm("HEAD", "/resourcegroups/rg-one").status == 404
    assert code(arm("GET", vault)) == (404, "ResourceGroupNotFound")
    assert code(arm("DELETE", "/resourcegroups/rg-one")) == (404, "ResourceGroupNotFound")


def test_resources_are_listed_by_tag_and_type(arm: Manager) -> None:
    vault = arm.vault("kv-tagged")
    arm.vault("kv-plain")
    tags = {"operation": "Merge", "properties": {"tags": {"owner": "me"}}}
    assert arm("PATCH", f"{vault}/providers/Microsoft.Resources/tags/default", tags).status == 200

    def names(path: str) -> list[str]:
        return [item["name"] for item in arm("GET", path).json()["value"]]

    assert names("/resources?$filter=tagName eq 'OWNER' and tagValue eq 'me'") == ["kv-tagged"]
    assert names("/resources?$filter=tagName eq 'owner' and tagValue eq 'Me'") == []
    assert names("/resources?$filter=resourceType eq 'microsoft.keyvault/vaults'") == ["kv-plain", "kv-tagged"]
    assert names("/resourceGroups/rg-one/resources") == ["kv-plain", "kv-tagged"]
    assert code(arm("GET", "/resources?$filter=nonsense")) == (400, "InvalidFilterInQueryString")


def test_tags_are_merged_and_deleted_without_touching_others(arm: Manager) -> None:
    path = f"{arm.group()}/providers/Microsoft.Resources/tags/default"

    def patch(operation: str, **tags: str) -> dict[str, str]:
        response = arm("PATCH", path, {"operation": operation, "properties": {"tags": tags}})
        assert response.status == 200, response.json()
        return response.json()["properties"]["tags"]

    assert patch("Merge", a="1", b="2") == {"a": "1", "b": "2"}
    assert patch("Merge", A="3") == {"b": "2", "A": "3"}
    assert patch("Delete", A="other") == {"b": "2", "A": "3"}
    assert patch("Delete", A="3") == {"b": "2"}
    assert patch("Replace", c="4") == {"c": "4"}
    assert arm("GET", "/resourceGroups/rg-one").json()["tags"] == {"c": "4"}


def test_a_caller_without_roles_sees_nothing_and_the_403_names_the_missing_action(arm: Manager) -> None:
    arm.group()
    someone = arm.someone()
    caller = arm.as_(someone)
    listed = arm.azure.request("GET", f"{ARM}/subscriptions?api-version=2022-12-01", token=caller.token)
    assert listed.json()["value"] == []
    assert caller("GET", "/resourceGroups").json()["value"] == []
    refused = caller("GET", "/resourceGroups/rg-one")
    assert code(refused) == (403, "AuthorizationFailed")
    assert refused.json()["error"]["message"] == (
        f"The client '{someone.app_id}' with object id '{someone.object_id}' does not have authorization to perform "
        f"action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope "
        f"'{arm.azure.subscription}/resourceGroups/rg-one' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials."
    )


def test_a_caller_with_a_role_on_one_group_sees_that_group(arm: Manager) -> None:
    arm.group("rg-one")
    arm.group("rg-two")
    someone = arm.someone()
    assert arm.grant("/resourceGroups/rg-one", "Reader", someone.object_id).status == 201
    reader = arm.as_(someone)
    assert [item["name"] for item in reader("GET", "/resourceGroups").json()["value"]] == ["rg-one"]
    assert reader("GET", "").json()["subscriptionId"] == arm.azure.subscription_id


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/x", (404, "SubscriptionNotFound")),
        ("/subscriptions/nonsense/resourceGroups/x", (400, "InvalidSubscriptionId")),
    ],
)
def test_another_subscription_is_a_404_and_a_malformed_id_a_400(
    azure: LocalAzure, path: str, expected: tuple[int, str]
) -> None:
    assert code(azure.request("GET", f"{ARM}{path}?api-version=2022-09-01")) == expected


def test_an_unknown_provider_is_an_invalid_resource_namespace(arm: Manager) -> None:
    arm.group()
    assert code(arm("GET", "/resourceGroups/rg-one/providers/Microsoft.Nope/x/y")) == (404, "InvalidResourceNamespace")
    assert code(arm("GET", "/providers/Microsoft.Nope")) == (404, "InvalidResourceNamespace")
    assert arm("GET", "/providers/microsoft.keyvault").json()["registrationState"] == "Registered"
    assert arm("POST", "/providers/Microsoft.KeyVault/register").status == 200


def test_the_cloud_metadata_is_public_and_older_versions_are_a_list(azure: LocalAzure) -> None:
    new = azure.request("GET", f"{ARM}/metadata/endpoints?api-version=2022-09-01", token="").json()
    assert new["suffixes"]["keyVaultDns"] == "vault.azure.net"
    old = azure.request("GET", f"{ARM}/metadata/endpoints?api-version=2019-05-01", token="").json()
    assert old[0]["authentication"]["loginEndpoint"] == "https://login.microsoftonline.com"


def test_a_new_tenant_has_the_predefined_group_and_identity(arm: Manager) -> None:
    identity = "Microsoft.ManagedIdentity/userAssignedIdentities"
    listed = arm("GET", f"/resourceGroups/flink-platform/resources?$filter=resourceType eq '{identity}'").json()
    assert [item["name"] for item in listed["value"]] == ["flink-identity"]


def test_a_group_goes_into_a_region_that_exists(azure: LocalAzure) -> None:
    arm = Manager(azure=azure)
    assert code(arm("PUT", "/resourceGroups/rg-mars", {"location": "mars"})) == (
        400,
        "LocationNotAvailableForResourceGroup",
    )
    names = [region["name"] for region in arm("GET", "/locations").json()["value"]]
    assert {"westeurope", "francecentral", "eastus2"} <= set(names)
    assert arm("PUT", "/resourceGroups/rg-fr", {"location": "France Central"}).json()["location"] == "francecentral"


def test_a_region_has_coordinates_and_a_paired_region(azure: LocalAzure) -> None:
    arm = Manager(azure=azure)
    regions = {region["name"]: region for region in arm("GET", "/locations").json()["value"]}
    assert regions["westeurope"]["regionalDisplayName"] == "(Europe) West Europe"
    paired = [{"name": "northeurope", "id": f"{azure.subscription}/locations/northeurope"}]
    assert regions["westeurope"]["metadata"] == {
        "regionType": "Physical",
        "regionCategory": "Recommended",
        "geographyGroup": "Europe",
        "longitude": "4.9",
        "latitude": "52.3667",
        "physicalLocation": "Netherlands",
        "pairedRegion": paired,
    }
    assert "pairedRegion" not in regions["polandcentral"]["metadata"]


@pytest.mark.parametrize("version", ["2018-07-02", "2014-01-01", "2021-04-01-preview"])
def test_an_api_version_that_a_type_never_had_is_refused_as_azure_does(azure: LocalAzure, version: str) -> None:
    arm = Manager(azure=azure)
    accounts = f"{arm.group()}/providers/Microsoft.Storage/storageAccounts"
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    refused = arm("PUT", f"{accounts}/stone", body, version=version)
    assert code(refused) == (400, "NoRegisteredProviderFound")
    assert refused.json()["error"]["message"].startswith(
        f"No registered resource provider found for location 'westeurope' and API version '{version}' for type "
        "'storageAccounts'. The supported api-versions are '2021-06-01, 2021-05-01, "
    )
    assert code(arm("GET", accounts, version=version)) == (404, "InvalidResourceType")
    assert code(arm("GET", f"{accounts}/stone", version=version)) == (404, "ResourceNotFound")
    assert arm("PUT", f"{accounts}/stone", body, version="2021-05-01").status == 202
    assert code(arm("GET", f"{accounts}/stone", version=version)) == (400, "NoRegisteredProviderFound")
    assert arm("GET", f"{accounts}/stone", version="2021-07-03").status == 200  # nobody knows all that came later


def test_nothing_is_created_by_an_unregistered_provider(arm: Manager) -> None:
    group = arm.group()
    assert arm("POST", "/providers/Microsoft.ManagedIdentity/unregister").json()["registrationState"] == "NotRegistered"
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
    refused = arm("PUT", path, {"location": "westeurope"}, version="2023-01-31")
    assert code(refused) == (409, "MissingSubscriptionRegistration")
    error = refused.json()["error"]
    assert error["message"].startswith("The subscription is not registered to use namespace 'Microsoft.Man")
    assert error["details"][0]["target"] == "Microsoft.ManagedIdentity"
    arm("POST", "/providers/microsoft.managedidentity/register")
    assert arm("PUT", path, {"location": "westeurope"}, version="2023-01-31").status == 201
    free = arm("POST", "/providers/Microsoft.Authorization/unregister")
    assert code(free) == (409, "CannotUnregisterRegistrationFreeResourceProvider")


def test_a_list_of_resources_has_created_and_changed_times_on_expand(arm: Manager) -> None:
    vault = arm.vault()

    def listed(expand: str) -> dict[str, str]:
        response = arm("GET", f"/resources?$expand={expand}&$filter=resourceType eq 'Microsoft.KeyVault/vaults'")
        return next(item for item in response.json()["value"] if item["id"].lower().endswith(vault.lower()))

    assert "createdTime" not in listed("")
    first = listed("createdTime,changedTime,provisioningState")
    assert (first["createdTime"], first["provisioningState"]) == (first["changedTime"], "Succeeded")
    arm.azure.advance(60)
    assert arm("PATCH", vault, {"tags": {"a": "b"}}).status == 200
    later = listed("createdTime,changedTime")
    assert first["createdTime"] == later["createdTime"] < later["changedTime"]
    assert "provisioningState" not in later


def test_retired_versions_are_refused_only_where_that_is_asked_for(azure: LocalAzure) -> None:
    def ask(version: str) -> Answer:
        path = f"{azure.subscription}/providers/Microsoft.KeyVault/deletedVaults"
        return azure.request("GET", f"{ARM}{path}?api-version={version}")

    azure.advance(200 * 86400)
    azure.tokens.clear()
    assert ask("2023-07-01").status == 200
    azure.control("PUT", "/settings/api_versions", {"refuse_retired": True})
    refused = ask("2023-07-01")
    assert (refused.status, refused.json()["error"]["code"]) == (404, "InvalidResourceType")
    assert refused.json()["error"]["message"].endswith("The supported api-versions are '2026-05-15, 2026-02-01'.")
    assert ask("2026-02-01").status == 200
    provider = azure.request("GET", f"{ARM}{azure.subscription}/providers/Microsoft.KeyVault?api-version=2021-04-01")
    assert provider.status == 200, provider.body
    assert provider.json()["resourceTypes"][0]["apiVersions"] == ["2026-05-15", "2026-02-01"]
