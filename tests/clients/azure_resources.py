"""What the tests of other people's programs find in the local Azure: made over plain HTTPS, as its operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from tests.emulator import ARM, RevealableSecret

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

VAULTS = "https://vault.azure.net"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"


def put(azure: LocalAzure, resource: str, version: str, body: Any) -> Any:
    """PUT on ARM; any error fails the test."""
    answer = azure.request("PUT", f"{ARM}{resource}?api-version={version}", body)
    assert answer.status in {200, 201, 202}, answer.json()
    return answer.json()


def group(azure: LocalAzure, name: str) -> str:
    """The id of a new resource group."""
    resource = f"{azure.subscription}/resourceGroups/{name}"
    return put(azure, resource, "2021-04-01", {"location": "westeurope"})["id"]


def vault(azure: LocalAzure, name: str) -> str:
    """The id of a new vault in RBAC mode, whose secrets the operator may write."""
    properties: dict[str, Any] = {
        "tenantId": azure.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "accessPolicies": [],
    }
    resource = f"{group(azure, 'rg-clients')}/providers/Microsoft.KeyVault/vaults/{name}"
    made = put(azure, resource, "2023-07-01", {"location": "westeurope", "properties": properties})["id"]
    grant(azure, made, SECRETS_OFFICER, azure.operator_client_id)
    return made


def grant(azure: LocalAzure, scope: str, role: str, client_id: str) -> None:
    """Give a role to the principal of an application."""
    principal = azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()["id"]
    name = uuid5(NAMESPACE_URL, f"{scope} {role} {principal}")
    definition = f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    resource = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    put(azure, resource, "2022-04-01", {"properties": properties})


def secret(azure: LocalAzure, vault_name: str, name: str, value: str) -> Answer:
    """A secret in a vault."""
    url = f"https://{vault_name}.vault.azure.net/secrets/{name}?api-version=7.4"
    answer = azure.request("PUT", url, {"value": value}, token=azure.token(VAULTS))
    assert answer.status == 200, answer.json()
    return answer


def signed_in(azure: LocalAzure, client_id: str, client_secret: RevealableSecret) -> dict[str, str]:
    """The variables by which azure-identity signs in as that client."""
    return {
        "AZURE_TENANT_ID": azure.tenant_id,
        "AZURE_CLIENT_ID": client_id,
        "AZURE_CLIENT_SECRET": client_secret.reveal(),
    }
