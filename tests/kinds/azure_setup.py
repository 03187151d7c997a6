"""A signed-in cloud on a local Azure of the test's own, and places in it that kinds under test stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import LOCAL
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings
from provisioner.model import Address, HolderKey, KeyReference, View
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from datetime import datetime

    from tests.emulator import LocalAzure, RevealableSecret

ENVIRONMENT = "3f0b8c1e-7d52-5f0a-9b57-1c2f6d1f4e11"
OTHER = "9a1c1f52-0c0d-5a55-8a2e-52b1f0a7c0de"
VAULT = "kv-kinds"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"


def cloud_of(azure: LocalAzure, client: tuple[str, RevealableSecret] | None = None) -> Cloud:
    """A run's cloud: one session, nothing remembered; signed in as the operator, or as another client."""
    client_id, client_secret = client or (azure.operator_client_id, azure.operator_secret)
    local = LocalSettings(
        proxy=azure.proxy,
        ca_bundle=azure.ca_bundle,
        tenant_id=azure.tenant_id,
        client_id=client_id,
        client_secret=tool_secret(client_secret),
    )
    return Cloud(open_session(LOCAL, subscription=azure.subscription_id, local=local))


def view_at(now: datetime, held: dict[str, tuple[KeyReference, ...]] | None = None, name: str = "airflow") -> View:
    """A view in which the places (by secret name) hold keys of one credential; all of them are declared consumers."""
    credential, places = Address("client_secret", name), held or {}
    known = tuple(
        HolderKey(holder=Address("vault_secret", place), key=one) for place, many in places.items() for one in many
    )
    consumers = tuple(Address("vault_secret", place) for place in places)
    return View(
        now=now,
        environment_id=ENVIRONMENT,
        key_references={credential: known},
        declared_holders={credential: consumers},
    )


def make_vault(azure: LocalAzure) -> str:
    """A vault in RBAC mode whose secrets the operator may write; its name."""
    group = f"{azure.subscription}/resourceGroups/rg-kinds"
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/{VAULT}"
    properties = {
        "tenantId": azure.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
    }
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    put(azure, vault, "2023-07-01", {"location": "westeurope", "properties": properties})
    grant(azure, vault, SECRETS_OFFICER)
    return VAULT


def grant(azure: LocalAzure, scope: str, role: str, principal: str = OPERATOR_OBJECT_ID) -> str:
    """The role for the operator, or for another principal; the id of the assignment."""
    name = str(uuid5(UUID(role), scope + principal))
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    definition = f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    put(azure, path, "2022-04-01", {"properties": properties})
    return path


def put(azure: LocalAzure, path: str, version: str, body: object) -> None:
    """PUT on the control plane."""
    answer = azure.request("PUT", f"https://management.azure.com{path}?api-version={version}", body)
    assert answer.status < 300, answer.body
