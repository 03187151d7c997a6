"""Vaults, live and soft-deleted, for both planes.

A soft-deleted vault is stored in table `deleted_vaults` by name: `{"id", "name", "type", "properties", "_vault"}`;
its secrets stay in table `secrets`. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from localazure.app.resource_manager import operations, resources
from localazure.app.tenant import SUBSCRIPTION

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.KeyVault/vaults"
SUFFIX = ".vault.azure.net"
DELETED = "deleted_vaults"
SECRETS = "secrets"
PURGE_OPERATION = "purge-vault"
_DEFAULT_ACLS: dict[str, object] = {
    "bypass": "AzureServices",
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
}


def find(tenant: Tenant, name: str) -> Document | None:
    """The live vault with this name, or None."""
    return resources.find_by_name(tenant, TYPE, name)


def find_deleted(tenant: Tenant, name: str) -> Document | None:
    """The soft-deleted vault with this name, or None. A vault past its retention is purged first."""
    deleted = tenant.store.get(DELETED, name.lower())
    if deleted is None or datetime.fromisoformat(deleted["properties"]["scheduledPurgeDate"]) > tenant.clock.now():
        return deleted
    if not tenant.store.reads_past:
        purge(tenant, name)
    return None


def list_deleted(tenant: Tenant) -> list[Document]:
    """List all soft-deleted vaults."""
    names = [name for name, _ in tenant.store.rows(DELETED)]
    return [deleted for name in names if (deleted := find_deleted(tenant, name)) is not None]


def record_soft_deletion(tenant: Tenant, vault: Document) -> None:
    """Record a vault as soft-deleted while `resources.delete_at_and_below` removes it and its role assignments.

    Its secrets stay.
    """
    now, name, properties = tenant.clock.now(), str(vault["name"]), vault["properties"]
    purge_time = now + timedelta(days=properties["softDeleteRetentionInDays"])
    deletion = {
        "vaultId": vault["id"],
        "location": vault["location"],
        "tags": vault.get("tags", {}),
        "deletionDate": format_time(now),
        "scheduledPurgeDate": format_time(purge_time),
    }
    if properties.get("enablePurgeProtection"):
        deletion["purgeProtectionEnabled"] = True
    deleted_id = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/{vault['location']}/deletedVaults/{name}"
    deleted = {
        "id": deleted_id,
        "name": name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": deletion,
        "_vault": vault,
    }
    tenant.store.put(DELETED, name.lower(), deleted)


def recover(tenant: Tenant, deleted: Document) -> Document:
    """Recover a soft-deleted vault with its secrets and without its role assignments."""
    tenant.store.remove(DELETED, str(deleted["name"]).lower())
    return resources.put(tenant, deleted["_vault"])


def purge(tenant: Tenant, name: str) -> None:
    """Remove a soft-deleted vault and its secrets for good."""
    tenant.store.remove(DELETED, name.lower())
    for key in [key for key, _ in tenant.store.rows(SECRETS, f"{name.lower()}/")]:
        tenant.store.remove(SECRETS, key)


def network_acls(acls: Document | None) -> Document:
    """`networkAcls` as Azure returns them: absent while they allow everybody, an address as a range of one.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/2164
    """
    if not acls:
        return {}
    ip_rules: list[Document] = acls.get("ipRules") or []
    formatted: Document = {
        "bypass": acls.get("bypass") or "AzureServices",
        "defaultAction": acls.get("defaultAction") or "Allow",
        "ipRules": [{**rule, "value": _as_range(str(rule.get("value", "")))} for rule in ip_rules],
        "virtualNetworkRules": acls.get("virtualNetworkRules") or [],
    }
    return {} if formatted == _DEFAULT_ACLS else {"networkAcls": formatted}


def _as_range(value: str) -> str:
    """An IPv4 address as a range of one; other values as they are."""
    try:
        return f"{IPv4Address(value)}/32"
    except ValueError:
        return value


def format_time(moment: datetime) -> str:
    """A time as Key Vault's management API writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


resources.on_delete[TYPE.lower()] = record_soft_deletion
operations.actions[PURGE_OPERATION] = lambda tenant, operation: purge(tenant, operation["target"])
