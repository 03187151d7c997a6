"""Raw calls to Resource Manager for tests, and the few resources that many tests start from."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.emulator import ARM
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from provisioner.secret import Secret
    from tests.emulator import Answer, LocalAzure

VAULT = "https://vault.azure.net"
OPERATOR = "c2a7f0d9-1e5b-4b8a-9c3d-7f6e5d4c3b04"
ROLES = {
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Key Vault Purge Operator": "a68e7c17-0ab2-4c09-9a58-125dae29748c",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
}


@dataclass(frozen=True, kw_only=True)
class Someone:
    """A service principal made for a test."""

    app_id: str
    object_id: str
    secret: Secret


@dataclass(frozen=True, kw_only=True)
class Manager:
    """Resource Manager as one caller sees it; paths are below the subscription."""

    azure: LocalAzure
    token: str | None = None
    version: str = "2024-11-01"

    def __call__(self, method: str, path: str, body: Any = None, *, version: str = "") -> Answer:
        joint = "&" if "?" in path else "?"
        url = f"{ARM}{self.azure.subscription}{path}{joint}api-version={version or self.version}"
        return self.azure.request(method, url, body, token=self.token)

    def as_(self, someone: Someone) -> Manager:
        """The same as somebody else."""
        return Manager(azure=self.azure, token=self.azure.token(ARM, someone.app_id, someone.secret))

    def someone(self, name: str = "probe") -> Someone:
        """A new service principal with a secret and no role."""
        app_id, secret = self.azure.new_client(name)
        found = self.azure.graph("GET", f"servicePrincipals(appId='{app_id}')").json()
        return Someone(app_id=app_id, object_id=found["id"], secret=tool_secret(secret))

    def group(self, name: str = "rg-one") -> str:
        """A resource group; its path."""
        body = {"location": "westeurope"}
        assert self("PUT", f"/resourceGroups/{name}", body, version="2024-11-01").status in {200, 201}
        return f"/resourceGroups/{name}"

    def vault(self, name: str = "kv-one", group: str = "rg-one", **properties: Any) -> str:
        """A vault; its path."""
        path = f"{self.group(group)}/providers/Microsoft.KeyVault/vaults/{name}"
        made = self("PUT", path, self.vault_body(**properties))
        assert made.status == 200, made.json()
        return path

    def vault_body(self, **properties: Any) -> dict[str, Any]:
        """What a new vault in RBAC mode needs."""
        needed = {"tenantId": self.azure.tenant_id, "sku": {"family": "A", "name": "standard"}}
        return {"location": "westeurope", "properties": {**needed, "enableRbacAuthorization": True, **properties}}

    def grant(self, path: str, role: str, object_id: str = OPERATOR, **properties: Any) -> Answer:
        """A role assignment at a path, named as nobody else's is."""
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{path} {role} {object_id}")
        return self("PUT", f"{path}/providers/Microsoft.Authorization/roleAssignments/{name}",
                    self.assignment(role, object_id, **properties), version="2022-04-01")  # fmt: skip

    def assignment(self, role: str, object_id: str = OPERATOR, **properties: Any) -> dict[str, Any]:
        """The body of a role assignment; `role` is a name of ROLES or a GUID."""
        definitions = f"{self.azure.subscription}/providers/Microsoft.Authorization/roleDefinitions"
        wanted = {"roleDefinitionId": f"{definitions}/{ROLES.get(role, role)}", "principalId": object_id}
        return {"properties": {**wanted, "principalType": "ServicePrincipal", **properties}}

    def secret(self, method: str, vault: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """A call to a vault's data plane."""
        bearer = self.azure.token(VAULT) if token is None else token
        joint = "&" if "?" in path else "?"
        url = f"https://{vault}.vault.azure.net{path}{joint}api-version=7.5"
        return self.azure.request(method, url, body, token=bearer)


def code(answer: Answer) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status, answer.json()["error"]["code"]
