"""The secrets of a vault as documents: versions, soft delete, and the moments in which neither side has them.

Table `secrets`, key `<vault>/<name>`: `{"name", "versions": [{"version", "value", "contentType", "tags", "enabled",
"nbf", "exp", "created", "updated"}], "moving" (epoch until which it is on its way), "deleted": None | {"at", "ends"}}`.
https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError
from localazure.keyvault.vaults import SECRETS

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.world import World

_DAY = 86_400
_MOVING_SECONDS = 0.1  # real ones: seconds
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_HELP = "If you recently deleted this secret you may be able to recover it using the correct recovery command."


def key(vault: str, name: str) -> str:
    """Names compare without case."""
    return f"{vault}/{name}".lower()


def check_name(name: str) -> None:
    """1 to 127 letters, digits and hyphens."""
    if not _NAME.fullmatch(name):
        raise bad_parameter(f"The request URI contains an invalid name: {name}")


def find(world: World, vault: str, name: str) -> Document | None:
    """The secret, also one that is deleted; one whose retention is over is purged."""
    found = world.store.get(SECRETS, key(vault, name))
    if found is None or not found["deleted"] or found["deleted"]["ends"] > world.clock.timestamp():
        return found
    if not world.store.is_past:
        world.store.remove(SECRETS, key(vault, name))
    return None


def get(world: World, vault: str, name: str) -> Document:
    """A secret that is neither deleted nor on its way; 404 SecretNotFound otherwise."""
    check_name(name)
    found = find(world, vault, name)
    if found is None or found["deleted"] or is_moving(world, found):
        raise not_found(name)
    return found


def get_deleted(world: World, vault: str, name: str) -> Document:
    """A deleted secret; for a moment after its deletion it is nowhere."""
    check_name(name)
    found = find(world, vault, name)
    if found is None or not found["deleted"] or is_moving(world, found):
        raise AzureError(status=404, code="SecretNotFound", message=f"Deleted Secret not found: {name}")
    return found


def listing(world: World, vault: str, *, deleted: bool) -> list[Document]:
    """The live or the deleted secrets of a vault, by name."""
    names = [str(document["name"]) for _, document in world.store.rows(SECRETS, f"{vault.lower()}/")]
    found = [document for name in names if (document := find(world, vault, name)) is not None]
    return [document for document in found if bool(document["deleted"]) is deleted and not is_moving(world, document)]


def is_moving(world: World, document: Document) -> bool:
    """Whether a deletion or recovery has not come through yet."""
    return float(document["moving"]) > world.clock.timestamp()


def add_version(world: World, vault: str, name: str, version: Document) -> Document:
    """A new latest version, of a new secret if need be; 409 for a name that is deleted or on its way."""
    check_name(name)
    new: Document = {"name": name, "versions": [], "moving": 0.0, "deleted": None}
    found = find(world, vault, name) or new
    check_usable(world, found)
    found["versions"].append(version)
    return put(world, vault, found)


def check_usable(world: World, document: Document) -> None:
    """409 Conflict with the reason as inner error."""
    name = document["name"]
    if is_moving(world, document):
        what = "deleted" if document["deleted"] else "recovered"
        raise conflict(f"Secret {name} is currently being {what}.", f"ObjectIsBeing{what.title()}")
    if document["deleted"]:
        message = (
            f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
            "state, the secret can only be recovered or purged."
        )
        raise conflict(message, "ObjectIsDeletedButRecoverable")


def version_of(document: Document, version: str) -> Document:
    """A version by its id, the latest for an empty one; 404."""
    found = [one for one in document["versions"] if not version or one["version"] == version.lower()]
    if not found:
        raise not_found(f"{document['name']}/{version}")
    return found[-1]


def delete(world: World, vault: str, document: Document, *, days: int) -> Document:
    """Soft-delete a secret for the vault's retention."""
    now = world.clock.timestamp()
    document |= {"deleted": {"at": now, "ends": now + days * _DAY}, "moving": now + _MOVING_SECONDS}
    return put(world, vault, document)


def recover(world: World, vault: str, document: Document) -> Document:
    """Bring a deleted secret back with all its versions."""
    document |= {"deleted": None, "moving": world.clock.timestamp() + _MOVING_SECONDS}
    return put(world, vault, document)


def purge(world: World, vault: str, name: str) -> None:
    """Forget a deleted secret for good."""
    world.store.remove(SECRETS, key(vault, name))


def put(world: World, vault: str, document: Document) -> Document:
    """Write a secret."""
    return world.store.put(SECRETS, key(vault, str(document["name"])), document)


def not_found(name: str) -> AzureError:
    """404 SecretNotFound."""
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. {_HELP} For help resolving this issue, "
        "please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return AzureError(status=404, code="SecretNotFound", message=message)


def bad_parameter(message: str) -> AzureError:
    """400 BadParameter."""
    return AzureError(status=400, code="BadParameter", message=message)


def conflict(message: str, inner: str) -> AzureError:
    """409 Conflict."""
    return AzureError(status=409, code="Conflict", message=message, details={"innererror": {"code": inner}})


def recovery(vault: Document) -> dict[str, Any]:
    """`recoveryLevel` and `recoverableDays`, as the vault's properties make them."""
    days = int(vault["properties"]["softDeleteRetentionInDays"])
    level = "Recoverable" if days == 90 else "CustomizedRecoverable"
    purgeable = "" if vault["properties"].get("enablePurgeProtection") else "+Purgeable"
    return {"recoveryLevel": level + purgeable, "recoverableDays": days}
