"""A storage account for tests of the data planes, clients of it, and role assignments on it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.filedatalake import DataLakeServiceClient

from tests.emulator import ARM, TENANT, Answer

if TYPE_CHECKING:
    from localazure.app.secret import Secret
    from tests.emulator import LocalAzure

STORAGE = "https://storage.azure.com"
OPERATOR = "c2a7f0d9-1e5b-4b8a-9c3d-7f6e5d4c3b04"
OWNER, CONTRIBUTOR, READER = (
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
)


@dataclass(frozen=True, kw_only=True)
class Lake:
    """One storage account with its endpoints."""

    azure: LocalAzure
    id: str
    name: str

    @property
    def dfs(self) -> str:
        return f"https://{self.name}.dfs.core.windows.net"

    @property
    def blob(self) -> str:
        return f"https://{self.name}.blob.core.windows.net"

    def files(self) -> Any:  # the SDK's types are partly unknown
        """A Data Lake client, signed in as the operator."""
        return DataLakeServiceClient(self.dfs, credential=client_credential(self.azure), retry_total=0)

    def blobs(self, key: str = "") -> Any:
        """A Blob client, signed in as the operator or with an account key."""
        return BlobServiceClient(self.blob, credential=key or client_credential(self.azure), retry_total=0)

    def call(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A raw HTTPS request as the operator, or with another token ("" is none)."""
        sent = {"x-ms-version": "2025-01-05", **(headers or {})}
        if method in {"PUT", "PATCH", "POST"} and body is None:
            sent.setdefault("Content-Length", "0")
        bearer = self.azure.token(STORAGE) if token is None else token
        return self.azure.request(method, url, body, headers=sent, token=bearer)

    def grant(self, role: str, principal: str = OPERATOR, scope: str = "") -> str:
        """Assign a role on the account, or at another scope; the assignment's id."""
        return assign_role(self.azure, scope or self.id, role, principal)

    def container_id(self, name: str) -> str:
        """The resource id of a container."""
        return f"{self.id}/blobServices/default/containers/{name}"


def create_lake(azure: LocalAzure, name: str = "testlake1", *, role: str = OWNER, **properties: Any) -> Lake:
    """Create an account with a hierarchical namespace; the operator gets the role on it."""
    group = f"{azure.subscription}/resourceGroups/flink-platform"
    lake = Lake(azure=azure, id=f"{group}/providers/Microsoft.Storage/storageAccounts/{name}", name=name)
    body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"isHnsEnabled": True, **properties},
    }
    response = azure.request("PUT", f"{ARM}{lake.id}?api-version=2023-05-01", body)
    assert response.status in {200, 201, 202}, response.body
    azure.advance(60)
    assert azure.request("GET", f"{ARM}{lake.id}?api-version=2023-05-01").status == 200
    if role:
        lake.grant(role)
    return lake


def assign_role(azure: LocalAzure, scope: str, role: str, principal: str) -> str:
    """Assign a role; the assignment's id."""
    assignment = (
        f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid5(uuid.UUID(principal), scope + role)}"
    )
    definition = f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    response = azure.request("PUT", f"{ARM}{assignment}?api-version=2022-04-01", {"properties": properties})
    assert response.status == 201, response.body
    return assignment


def delete_assignment(azure: LocalAzure, assignment: str) -> None:
    """Delete a role assignment."""
    assert azure.request("DELETE", f"{ARM}{assignment}?api-version=2022-04-01").status == 200


def account_key(lake: Lake) -> str:
    """The account's first key."""
    response = lake.azure.request("POST", f"{ARM}{lake.id}/listKeys?api-version=2023-05-01")
    return str(response.json()["keys"][0]["value"])


def client_credential(azure: LocalAzure, client: tuple[str, Secret] | None = None) -> ClientSecretCredential:
    """A credential of the operator, or of another client."""
    client_id, secret = client or (azure.operator_client_id, azure.operator_secret)
    return ClientSecretCredential(TENANT, client_id, secret.reveal())


def principal_id(azure: LocalAzure, client_id: str) -> str:
    """The object id of a client's service principal."""
    return str(azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()["id"])
