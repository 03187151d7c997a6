"""Vaults between life and purge: the soft-deleted ones, and what both planes know of a vault.

A soft-deleted vault stands in table `deleted_vaults` by name: `{"id", "name", "type", "properties", "_vault"}`, its
secrets stay in table `secrets`. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from localazure.app.resource_manager import operations, resources
from localazure.app.tenant import SUBSCRIPTION

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.world import World

TYPE = "Microsoft.KeyVault/vaults"
SUFFIX = ".vault.azure.net"
DELETED = "deleted_vaults"
SECRETS = "secrets"
PURGE = "purge-vault"
_OPEN: dict[str, object] = {
    "bypass": "AzureServices",
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
}


def find(world: World, name: str) -> Document | None:
    """The live vault of this name."""
    return resources.named(world, TYPE, name)


def find_deleted(world: World, name: str) -> Document | None:
    """The soft-deleted vault of this name; one whose retention is over is purged first."""
    found = world.store.get(DELETED, name.lower())
    if found is None or datetime.fromisoformat(found["properties"]["scheduledPurgeDate"]) > world.clock.now():
        return found
    if not world.store.is_past:
        purge(world, name)
    return None


def all_deleted(world: World) -> list[Document]:
    """Every soft-deleted vault."""
    names = [name for name, _ in world.store.rows(DELETED)]
    return [found for name in names if (found := find_deleted(world, name)) is not None]


def soft_delete(world: World, vault: Document) -> None:
    """Move a vault aside; its secrets wait with it, its role assignments do not."""
    now, name, properties = world.clock.now(), str(vault["name"]), vault["properties"]
    ends = now + timedelta(days=properties["softDeleteRetentionInDays"])
    shown = {
        "vaultId": vault["id"],
        "location": vault["location"],
        "tags": vault.get("tags", {}),
        "deletionDate": instant(now),
        "scheduledPurgeDate": instant(ends),
    }
    if properties.get("enablePurgeProtection"):
        shown["purgeProtectionEnabled"] = True
    where = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/{vault['location']}/deletedVaults/{name}"
    kept = {"id": where, "name": name, "type": "Microsoft.KeyVault/deletedVaults", "properties": shown, "_vault": vault}
    world.store.put(DELETED, name.lower(), kept)


def recover(world: World, deleted: Document) -> Document:
    """Bring a vault back as it was, with its secrets, without its role assignments."""
    world.store.remove(DELETED, str(deleted["name"]).lower())
    return resources.put(world, deleted["_vault"])


def purge(world: World, name: str) -> None:
    """Forget a soft-deleted vault and its secrets for good."""
    world.store.remove(DELETED, name.lower())
    for key in [key for key, _ in world.store.rows(SECRETS, f"{name.lower()}/")]:
        world.store.remove(SECRETS, key)


def rules(acls: Document | None) -> Document:
    """`networkAcls` as Azure shows them: not at all while they let everybody in, an address as a range of one.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/2164
    """
    if not acls:
        return {}
    listed: list[Document] = acls.get("ipRules") or []
    shown: Document = {
        "bypass": acls.get("bypass") or "AzureServices",
        "defaultAction": acls.get("defaultAction") or "Allow",
        "ipRules": [{**rule, "value": _range(str(rule.get("value", "")))} for rule in listed],
        "virtualNetworkRules": acls.get("virtualNetworkRules") or [],
    }
    return {} if shown == _OPEN else {"networkAcls": shown}


def _range(value: str) -> str:
    try:
        return f"{IPv4Address(value)}/32"
    except ValueError:
        return value


def instant(moment: datetime) -> str:
    """A date as Key Vault's management writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


resources.on_delete[TYPE.lower()] = soft_delete
operations.kinds[PURGE] = lambda world, operation: purge(world, operation["target"])
