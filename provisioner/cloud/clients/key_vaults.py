"""Vaults, with soft-deleted ones, but not what is in them: https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.cloud.errors import translated
from provisioner.cloud.transport.arm import Arm, parse_id
from provisioner.errors import NotFound
from provisioner.model.api_versions import api_version
from provisioner.model.network import closed_to, is_network_restricted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

NAMESPACE = "Microsoft.KeyVault"
VERSION = api_version(NAMESPACE)
SKU_FAMILY = "A"


@dataclass(frozen=True, kw_only=True)
class VaultState:
    """A vault. rbac: roles decide on its secrets, not policies. network_restricted: it admits some networks only.

    closed: why a program that runs on Azure, as Airflow does, cannot reach it; empty if it may.
    network: its properties that say which.
    """

    id: str
    location: str
    tenant_id: str
    sku: str
    uri: str
    rbac: bool
    soft_delete: bool
    retention_days: int
    purge_protection: bool
    tags: Mapping[str, str]
    changed: str
    network_restricted: bool = False
    closed: str = ""
    network: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class DeletedVault:
    """A soft-deleted vault: it keeps its name until it is recovered or purged. purge_protection: nobody can purge it.

    purge_on: when Azure itself does, as it writes dates.
    """

    vault_id: str
    location: str
    tags: Mapping[str, str]
    purge_on: str
    purge_protection: bool = False


class KeyVaults:
    """Every method raises CloudError; ids are full."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def find_vault(self, vault_id: str) -> VaultState | None:
        """The vault, or None, also while it is soft-deleted."""
        document = self._arm.find(vault_id, VERSION)
        return None if document is None else vault_state(document)

    def find_deleted(self, vault_id: str, location: str) -> DeletedVault | None:
        """The soft-deleted vault of this name in this location, whoever owned it; asked once per pass.

        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/get-deleted
        """
        key = ("deleted vault", vault_id.lower(), _plain(location))
        return self._session.reads.get(key, lambda: self.find_deleted_now(vault_id, location))

    def find_deleted_now(self, vault_id: str, location: str) -> DeletedVault | None:
        """As `find_deleted`, but always asks."""
        part = parse_id(vault_id)
        where = f"/subscriptions/{part.subscription}/providers/Microsoft.KeyVault/locations/{_plain(location)}"
        document = self._arm.find_now(f"{where}/deletedVaults/{part.name}", VERSION)
        return None if document is None else _deleted(document)

    def find_deleted_anywhere(self, vault_id: str) -> DeletedVault | None:
        """The soft-deleted vault of this name in any location of the subscription.

        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/list-deleted
        """
        part = parse_id(vault_id)
        listed = self._arm.list_all(
            f"/subscriptions/{part.subscription}/providers/Microsoft.KeyVault/deletedVaults", VERSION
        )
        return next((_deleted(one) for one in listed if one["name"].lower() == part.name.lower()), None)

    def name_unavailable_reason(self, vault_id: str) -> str:
        """Azure's reason why the name cannot be used; empty if it can.

        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/check-name-availability
        """

        def was_deleted() -> bool:
            return self.find_deleted_anywhere(vault_id) is not None

        return self._arm.name_unavailable_reason(
            vault_id, "Microsoft.KeyVault/vaults", VERSION, is_holder_known=was_deleted
        )

    @staticmethod
    def new_vault_body(
        *,
        location: str,
        tenant_id: str,
        sku: str,
        retention_days: int,
        purge_protection: bool,
        tags: Mapping[str, str],
        settings: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What creating one sends: these settings, and roles instead of access policies.

        Azure refuses `enablePurgeProtection: false`: left out.

        https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview#purge-protection
        """
        properties = {
            "tenantId": tenant_id,
            "sku": {"family": SKU_FAMILY, "name": sku},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": retention_days,
            **({"enablePurgeProtection": True} if purge_protection else {}),
            **settings,
        }
        return {"location": location, "tags": dict(tags), "properties": properties}

    def set_vault(self, vault_id: str, body: Any) -> None:
        """Create or recover it with this body, and wait until it is there.

        body: of `new_vault_body`, or one that recovers it.
        """
        part = parse_id(vault_id)
        with translated(what := f"PUT vaults/{part.name}"):
            put = self._client(vault_id).vaults.begin_create_or_update(part.group, part.name, body)
            self._session.waits.await_operation(put, what=what)
        self._arm.mark_written(vault_id)

    def recover_vault(self, vault_id: str, *, location: str, tenant_id: str, sku: str) -> None:
        """Recover a soft-deleted vault as it was; `createMode: recover` ignores all other settings.

        `enableRbacAuthorization` is sent all the same: what an absent one means depends on the api-version.

        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/create-or-update#createmode
        """
        kind = {"family": SKU_FAMILY, "name": sku}
        properties = {"tenantId": tenant_id, "sku": kind, "createMode": "recover", "enableRbacAuthorization": True}
        self.set_vault(vault_id, {"location": location, "properties": properties})

    def update_vault(
        self,
        vault_id: str,
        *,
        sku: str,
        purge_protection: bool,
        tags: Mapping[str, str],
        settings: Mapping[str, Any] | None = None,
        rbac: bool = True,
    ) -> None:
        """Set SKU, purge protection (only on), roles instead of policies, these properties, and exactly these tags.

        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/update
        """
        properties = {
            "sku": {"family": SKU_FAMILY, "name": sku},
            "enableRbacAuthorization": rbac,
            **({"enablePurgeProtection": True} if purge_protection else {}),
            **(settings or {}),
        }
        part = parse_id(vault_id)
        with translated(f"PATCH vaults/{part.name}"):
            body: Any = {"tags": dict(tags), "properties": properties}
            self._client(vault_id).vaults.update(part.group, part.name, body)
        self._arm.mark_written(vault_id)

    def delete_vault(self, vault_id: str) -> None:
        """Soft-delete it. Fine if gone."""
        part = parse_id(vault_id)
        try:
            with translated(f"DELETE vaults/{part.name}"):
                self._client(vault_id).vaults.delete(part.group, part.name)
        except NotFound:
            pass
        self._arm.mark_written(vault_id)

    def purge_vault(self, vault_id: str, location: str) -> None:
        """Delete a soft-deleted vault for good, and wait for that. Fine if gone.

        Needs Microsoft.KeyVault/locations/deletedVaults/purge/action (Key Vault Purge Operator).
        """
        part = parse_id(vault_id)
        try:
            with translated(what := f"POST deletedVaults/{part.name}/purge"):
                purge = self._client(vault_id).vaults.begin_purge_deleted(part.name, _plain(location))
                self._session.waits.await_operation(purge, what=what)
        except NotFound:
            pass

    def _client(self, vault_id: str) -> Any:
        from azure.mgmt.keyvault import KeyVaultManagementClient

        options = self._arm.management_options(NAMESPACE)
        return KeyVaultManagementClient(self._session.credential, parse_id(vault_id).subscription, **options)


def _plain(location: str) -> str:
    """`West Europe` and `westeurope` are one location."""
    return location.replace(" ", "").lower()


def _deleted(document: dict[str, Any]) -> DeletedVault:
    properties: dict[str, Any] = document.get("properties", {})
    return DeletedVault(
        vault_id=properties["vaultId"],
        location=properties["location"],
        tags=properties.get("tags") or {},
        purge_on=str(properties.get("scheduledPurgeDate", "")),
        purge_protection=bool(properties.get("purgeProtectionEnabled")),
    )


def vault_state(document: dict[str, Any]) -> VaultState:
    """A vault as Resource Manager answers it."""
    properties: dict[str, Any] = document["properties"]
    return VaultState(
        id=document["id"],
        location=_plain(document["location"]),
        tenant_id=properties["tenantId"],
        sku=str(properties["sku"]["name"]).lower(),
        uri=properties["vaultUri"],
        rbac=bool(properties.get("enableRbacAuthorization")),
        # Absent means on since 2020: https://learn.microsoft.com/azure/key-vault/general/soft-delete-change
        soft_delete=properties.get("enableSoftDelete") is not False,
        retention_days=int(properties.get("softDeleteRetentionInDays") or 90),
        purge_protection=bool(properties.get("enablePurgeProtection")),
        tags=document.get("tags") or {},
        changed=str(document.get("systemData", {}).get("lastModifiedAt", "")),
        network_restricted=is_network_restricted(properties),
        closed=closed_to(properties, trusted=False),
        network=properties,
    )
