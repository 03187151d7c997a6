"""A linked service as GET returns it, and the body that makes it sign in as the factory. Pure.

https://learn.microsoft.com/azure/data-factory/connector-azure-blob-storage#managed-identity
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE = "AzureBlobStorage"
OWNER_PREFIX = "provisioner-environment="
# Any of these makes the factory sign in otherwise than as itself.
OTHER_SIGN_INS = (
    "connectionString",
    "accountKey",
    "sasUri",
    "sasToken",
    "servicePrincipalId",
    "servicePrincipalKey",
    "credential",
    "encryptedCredential",
)
IDENTITY = "managed identity"


@dataclass(frozen=True, kw_only=True)
class LinkedService:
    """One linked service. sign_in: `managed identity`, or the fields that say otherwise; never their values."""

    name: str
    etag: str
    type: str
    endpoint: str
    account_kind: str
    sign_in: str
    annotations: tuple[str, ...]
    document: Secret

    @property
    def owner(self) -> str:
        """The id of the environment that owns it, or empty."""
        return next((a.removeprefix(OWNER_PREFIX) for a in self.annotations if a.startswith(OWNER_PREFIX)), "")


def read_linked_service(document: Mapping[str, Any]) -> LinkedService:
    """From the body of a GET."""
    properties: dict[str, Any] = {**(document.get("properties") or {})}
    settings: dict[str, Any] = {**(properties.get("typeProperties") or {})}
    others = [name for name in OTHER_SIGN_INS if settings.get(name)]
    return LinkedService(
        name=str(document.get("name", "")),
        etag=str(document.get("etag") or ""),
        type=str(properties.get("type", "")),
        endpoint=str(settings.get("serviceEndpoint") or ""),
        account_kind=str(settings.get("accountKind") or ""),
        sign_in=", ".join(others) or IDENTITY,
        annotations=tuple(map(str, properties.get("annotations") or ())),
        document=Secret(json.dumps(document)),
    )


def document_with_identity(service: LinkedService | None, endpoint: str, environment: str) -> dict[str, Any]:
    """The body of a PUT. Annotations, description and whatever else others set stay."""
    document: dict[str, Any] = json.loads(service.document.reveal()) if service else {}
    others = [a for a in (service.annotations if service else ()) if not a.startswith(OWNER_PREFIX)]
    return {
        "properties": {
            **document.get("properties", {}),
            "type": TYPE,
            "typeProperties": {"serviceEndpoint": endpoint, "accountKind": "StorageV2"},
            "annotations": [*others, f"{OWNER_PREFIX}{environment}"],
        }
    }
