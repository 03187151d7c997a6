"""The secrets of a vault as documents: versions, soft delete, and deletions and recoveries in progress.

Table `secrets`, key `<vault>/<name>`: `{"name", "versions": [{"version", "value", "contentType", "tags", "enabled",
"nbf", "exp", "created", "updated"}], "moving" (epoch at which the deletion or recovery completes), "deleted": None |
{"at", "ends"}}`. https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError
from localazure.keyvault.vaults import SECRETS

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_DAY_SECONDS = 86_400
_TRANSITION_SECONDS = 0.1  # real ones: seconds
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_RECOVERY_HINT = "If you recently deleted this secret you may be able to recover it using the correct recovery command."


def store_key(vault: str, name: str) -> str:
    """The key of a secret in the store; names compare without case."""
    return f"{vault}/{name}".lower()


def check_name(name: str) -> None:
    """400 BadParameter unless the name is 1 to 127 letters, digits and hyphens."""
    if not _NAME.fullmatch(name):
        raise bad_parameter(f"The request URI contains an invalid name: {name}")


def find(tenant: Tenant, vault: str, name: str) -> Document | None:
    """The secret, live or soft-deleted, or None. A secret past its retention is purged first."""
    document = tenant.store.get(SECRETS, store_key(vault, name))
    if document is None or not document["deleted"] or document["deleted"]["ends"] > tenant.clock.timestamp():
        return document
    if not tenant.store.reads_past:
        tenant.store.remove(SECRETS, store_key(vault, name))
    return None


def get_live(tenant: Tenant, vault: str, name: str) -> Document:
    """A live secret; 404 SecretNotFound if it is absent, deleted or in transition."""
    check_name(name)
    document = find(tenant, vault, name)
    if document is None or document["deleted"] or is_in_transition(tenant, document):
        raise not_found(name)
    return document


def get_deleted(tenant: Tenant, vault: str, name: str) -> Document:
    """A soft-deleted secret; 404 SecretNotFound, also while the deletion is still in progress."""
    check_name(name)
    document = find(tenant, vault, name)
    if document is None or not document["deleted"] or is_in_transition(tenant, document):
        raise AzureError(status=404, code="SecretNotFound", message=f"Deleted Secret not found: {name}")
    return document


def refuse_live(tenant: Tenant, vault: str, name: str) -> None:
    """400 MethodNotAllowed for a secret that is not deleted, and so cannot be recovered.

    Reported in issue 16; no public recording of it was found.
    """
    document = find(tenant, vault, name)
    if document is not None and not document["deleted"] and not is_in_transition(tenant, document):
        message = f"Operation 'recover' is not allowed on secret {name}, which is not in a deleted state."
        inner = {"innererror": {"code": "RequestNotAllowedOnNonDeletedObject"}}
        raise AzureError(status=400, code="MethodNotAllowed", message=message, details=inner)


def list_secrets(tenant: Tenant, vault: str, *, deleted: bool) -> list[Document]:
    """List the live or the soft-deleted secrets of a vault, by name."""
    names = [str(document["name"]) for _, document in tenant.store.rows(SECRETS, f"{vault.lower()}/")]
    documents = [document for name in names if (document := find(tenant, vault, name)) is not None]
    return [
        document
        for document in documents
        if bool(document["deleted"]) is deleted and not is_in_transition(tenant, document)
    ]


def is_in_transition(tenant: Tenant, document: Document) -> bool:
    """Whether a deletion or recovery is still in progress."""
    return float(document["moving"]) > tenant.clock.timestamp()


def add_version(tenant: Tenant, vault: str, name: str, version: Document) -> Document:
    """Add the latest version, of a new secret if there is none; 409 if it is deleted or in transition."""
    check_name(name)
    new: Document = {"name": name, "versions": [], "moving": 0.0, "deleted": None}
    document = find(tenant, vault, name) or new
    check_writable(tenant, document)
    document["versions"].append(version)
    return store_secret(tenant, vault, document)


def check_writable(tenant: Tenant, document: Document) -> None:
    """409 Conflict, its reason as inner error, for a secret that is deleted or in transition."""
    name = document["name"]
    if is_in_transition(tenant, document):
        action = "deleted" if document["deleted"] else "recovered"
        raise conflict(f"Secret {name} is currently being {action}.", f"ObjectIsBeing{action.title()}")
    if document["deleted"]:
        message = (
            f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
            "state, the secret can only be recovered or purged."
        )
        raise conflict(message, "ObjectIsDeletedButRecoverable")


def require_version(document: Document, version: str) -> Document:
    """A version by its id, the latest for an empty id; 404 SecretNotFound."""
    versions = [
        candidate for candidate in document["versions"] if not version or candidate["version"] == version.lower()
    ]
    if not versions:
        raise not_found(f"{document['name']}/{version}")
    return versions[-1]


def soft_delete(tenant: Tenant, vault: str, document: Document, *, days: int) -> Document:
    """Soft-delete a secret for the vault's retention."""
    now = tenant.clock.timestamp()
    document |= {"deleted": {"at": now, "ends": now + days * _DAY_SECONDS}, "moving": now + _transition_seconds(tenant)}
    return store_secret(tenant, vault, document)


def recover(tenant: Tenant, vault: str, document: Document) -> Document:
    """Recover a soft-deleted secret with all its versions."""
    document |= {"deleted": None, "moving": tenant.clock.timestamp() + _transition_seconds(tenant)}
    return store_secret(tenant, vault, document)


def _transition_seconds(tenant: Tenant) -> float:
    """Return how long a deletion or recovery takes; a test sets it in `keyvault`."""
    return float((tenant.store.get("settings", "keyvault") or {}).get("transition_seconds", _TRANSITION_SECONDS))


def purge(tenant: Tenant, vault: str, name: str) -> None:
    """Remove a soft-deleted secret for good."""
    tenant.store.remove(SECRETS, store_key(vault, name))


def store_secret(tenant: Tenant, vault: str, document: Document) -> Document:
    """Store a secret."""
    return tenant.store.put(SECRETS, store_key(vault, str(document["name"])), document)


def not_found(name: str) -> AzureError:
    """404 SecretNotFound."""
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. {_RECOVERY_HINT} For help resolving this "
        "issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return AzureError(status=404, code="SecretNotFound", message=message)


def bad_parameter(message: str) -> AzureError:
    """400 BadParameter."""
    return AzureError(status=400, code="BadParameter", message=message)


def conflict(message: str, inner: str) -> AzureError:
    """409 Conflict."""
    return AzureError(status=409, code="Conflict", message=message, details={"innererror": {"code": inner}})


def recovery_attributes(vault: Document) -> dict[str, Any]:
    """`recoveryLevel` and `recoverableDays`, which follow from the vault's properties."""
    days = int(vault["properties"]["softDeleteRetentionInDays"])
    level = "Recoverable" if days == 90 else "CustomizedRecoverable"
    purgeable = "" if vault["properties"].get("enablePurgeProtection") else "+Purgeable"
    return {"recoveryLevel": level + purgeable, "recoverableDays": days}
