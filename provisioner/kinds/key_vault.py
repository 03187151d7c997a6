"""A Key Vault on which roles decide: made or recovered if absent, else adopted. Its owner tag is a tag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from provisioner.errors import Conflict
from provisioner.kind import (
    OWNER_TAG,
    Checked,
    Container,
    Kind,
    Preflight,
    Right,
    Verdict,
    compare,
    compare_tags,
    let_in,
)
from provisioner.model import Change, Forces, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.key_vaults import DeletedVault, VaultState
    from provisioner.cloud.cloud import Cloud

OTHER_NAME = "Choose another vault name (they are unique in all of Azure)."


@dataclass(frozen=True, kw_only=True)
class Vault:
    """What should be. sku: standard or premium; purge_on_delete: do not keep it soft-deleted."""

    id: str
    location: str
    tenant_id: str
    sku: str
    retention_days: int
    purge_protection: bool
    tags: Mapping[str, str]
    environment: str
    purge_on_delete: bool = False

    @property
    def name(self) -> str:
        """The last part of its id."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class ObservedVault(Observed):
    """What is there."""

    vault: VaultState
    environment: str
    purge_on_delete: bool


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    id: Output[str] = Output()
    uri: Output[str] = Output()


def _read(cloud: Cloud, desired: Vault) -> ObservedVault | None:
    found = cloud.key_vaults.find_vault(desired.id)
    if found is None:
        return None
    return ObservedVault(
        owned=found.tags.get(OWNER_TAG) == desired.environment,
        version=found.changed,
        vault=found,
        environment=desired.environment,
        purge_on_delete=desired.purge_on_delete,
    )


def _diff(desired: Vault, observed: ObservedVault, _view: View) -> tuple[Change, ...]:
    there = observed.vault
    changes = (*_cannot_serve(desired, observed), *compare("sku", there.sku, desired.sku.lower()))
    if desired.purge_protection and not there.purge_protection:
        changes += compare("purge_protection", before=False, after=True)
    if observed.owned:
        changes += _immutable(desired, there)
    return (*changes, *compare_tags(there.tags, desired.tags))


def _cannot_serve(desired: Vault, observed: ObservedVault) -> tuple[Change, ...]:
    """What keeps any vault, adopted or ours, from being used here."""
    there, changes = observed.vault, ()
    if there.tenant_id.lower() != desired.tenant_id.lower():
        reason = "its tenant is not where the principals are; name a vault of this tenant"
        changes += compare("tenant_id", there.tenant_id, desired.tenant_id, reason=reason, forces=Forces.REFUSE)
    if not there.rbac:
        # https://learn.microsoft.com/azure/key-vault/general/rbac-migration
        reason = (
            "access policies decide on it, so roles have no effect; switch it to Azure RBAC "
            f"(`az keyvault update --name {desired.name} --enable-rbac-authorization true`; its policies end then)"
        )
        forces = Forces.UPDATE if observed.owned else Forces.REFUSE
        changes += compare("rbac", before=False, after=True, reason=reason, forces=forces)
    return changes


def _immutable(desired: Vault, there: VaultState) -> tuple[Change, ...]:
    """https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview: fixed when the vault is made."""

    def refuse(name: str, before: object, after: object, right: str) -> tuple[Change, ...]:
        return compare(name, before, after, reason=right, forces=Forces.REFUSE)

    place = desired.location.replace(" ", "").lower()
    kept = f"Azure fixes it when a vault is made; write `retention_days: {there.retention_days}`"
    changes = refuse("location", there.location, place, f"a vault cannot move; write `location: {there.location}`")
    changes += refuse("retention_days", there.retention_days, desired.retention_days, kept)
    if there.purge_protection and not desired.purge_protection:
        stays = "purge protection cannot be switched off; write `purge_protection: true`"
        changes += refuse("purge_protection", before=True, after=False, right=stays)
    return changes


def _ready(cloud: Cloud, desired: Vault, observed: ObservedVault | None) -> Iterator[Checked]:
    """Whether its name can be had; whether its network rules let this machine in."""
    if observed is None:
        yield _name(cloud, desired)
    elif observed.vault.fenced:
        line = f"az keyvault network-rule add --name {desired.name} --ip-address ADDRESS"
        yield let_in(lambda: cloud.caller.try_secrets(desired.name), line)


def _name(cloud: Cloud, desired: Vault) -> Checked:
    deleted = cloud.key_vaults.find_deleted(desired.id, desired.location)
    if deleted is not None and _is_ours(desired, deleted):
        return Checked(verdict=Verdict.NOTE, what=f"it was deleted and is recovered: {_kept(deleted)}")
    taken = cloud.key_vaults.name_taken(desired.id)
    if not taken:
        return Checked(verdict=Verdict.HOLDS, what=f"the name {desired.name} is free")
    deleted = deleted or cloud.key_vaults.find_deleted_anywhere(desired.id)
    if deleted is None:
        return Checked(verdict=Verdict.STOPS, what=taken.rstrip("."), remedy=OTHER_NAME)
    what = f"a deleted vault that is not ours here keeps the name: {deleted.vault_id} in {deleted.location}"
    return Checked(verdict=Verdict.STOPS, what=f"{what}, {_kept(deleted)}", remedy=_freed(deleted))


def _is_ours(desired: Vault, deleted: DeletedVault) -> bool:
    return deleted.vault_id.lower() == desired.id.lower() and deleted.tags.get(OWNER_TAG) == desired.environment


def _kept(deleted: DeletedVault) -> str:
    return f"kept {_until(deleted.purge_on, protected=deleted.purge_protection)}"


def _until(when: str, *, protected: bool) -> str:
    return f"until {when[:10]}{', and nobody can purge it before (purge protection)' if protected else ''}"


def _freed(deleted: DeletedVault) -> str:
    """How the name of a deleted vault is got back."""
    name = deleted.vault_id.rpartition("/")[2]
    verbs = "recover" if deleted.purge_protection else "recover|purge"
    return f"`az keyvault {verbs} --name {name} --location {deleted.location}`. Or: {OTHER_NAME}"


def _retained(cloud: Cloud, desired: Vault, observed: ObservedVault | None) -> str:
    """Counted from the deletion on: https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview."""
    if observed is None:
        deleted = cloud.key_vaults.find_deleted(desired.id, desired.location)
        return _soft_deleted(desired, deleted) if deleted is not None else ""
    vault = observed.vault
    if not vault.soft_delete or (observed.purge_on_delete and not vault.purge_protection):
        return "gone for good, with every secret in it"
    until = (cloud.session.clock.now() + timedelta(days=vault.retention_days)).isoformat()
    return f"it keeps its name and its secrets, {_until(until, protected=vault.purge_protection)}"


def _soft_deleted(desired: Vault, deleted: DeletedVault) -> str:
    return f"{'a deleted one is recovered' if _is_ours(desired, deleted) else 'a deleted one'}, {_kept(deleted)}"


def _publish(observed: ObservedVault, _view: View | None) -> Outputs:
    return Outputs(id=observed.vault.id, uri=observed.vault.uri)


def _unmanaged(cloud: Cloud, observed: ObservedVault) -> tuple[str, ...]:
    """Secrets of which no version bears our owner tag."""
    name, mine = observed.vault.id.rpartition("/")[2], observed.environment

    def ours(secret: str) -> bool:
        return any(version.tags.get(OWNER_TAG) == mine for version in cloud.secrets.list_versions(name, secret))

    others = [one.name for one in cloud.secrets.list_secrets(name) if one.tags.get(OWNER_TAG) != mine]
    return tuple(f"secret {secret}" for secret in others if not ours(secret))


def _create(cloud: Cloud, desired: Vault) -> None:
    cloud.arm.forget(desired.id)
    there = cloud.key_vaults.find_vault(desired.id)
    if there is not None and there.tags.get(OWNER_TAG) != desired.environment:
        raise Conflict(operation=f"creating vault {desired.name}", message="somebody made it meanwhile")
    deleted = None if there else cloud.key_vaults.find_deleted(desired.id, desired.location)
    if deleted is not None:
        _recover(cloud, desired, deleted)
        return
    try:
        cloud.key_vaults.set_vault(
            desired.id,
            location=desired.location,
            tenant_id=desired.tenant_id,
            sku=desired.sku,
            retention_days=desired.retention_days,
            purge_protection=desired.purge_protection,
            tags=_tags(desired, {}),
        )
    except Conflict as error:
        if error.code == "VaultAlreadyExists":
            error.remedy = OTHER_NAME
        raise


def _recover(cloud: Cloud, desired: Vault, deleted: DeletedVault) -> None:
    """Only what was ours comes back; somebody else's was deleted on purpose."""
    if not _is_ours(desired, deleted):
        raise Conflict(
            operation=f"creating vault {desired.name}",
            message=f"a deleted vault that is not ours keeps the name, {_kept(deleted)}: {deleted.vault_id}",
            remedy=_freed(deleted),
        )
    cloud.key_vaults.recover_vault(desired.id, location=deleted.location, tenant_id=desired.tenant_id, sku=desired.sku)
    _bring(cloud, desired)


def _update(cloud: Cloud, desired: Vault, _observed: ObservedVault) -> None:
    cloud.arm.forget(desired.id)
    _bring(cloud, desired)


def _bring(cloud: Cloud, desired: Vault) -> None:
    there = cloud.key_vaults.find_vault(desired.id)
    tags = _tags(desired, there.tags if there else {})
    cloud.key_vaults.update_vault(desired.id, sku=desired.sku, purge_protection=desired.purge_protection, tags=tags)


def _tags(desired: Vault, there: Mapping[str, str]) -> dict[str, str]:
    return {**there, **desired.tags, OWNER_TAG: desired.environment}


def _delete(cloud: Cloud, observed: ObservedVault) -> None:
    vault, vaults = observed.vault, cloud.key_vaults

    def lies_among_deleted() -> bool:
        return vaults.find_deleted(vault.id, vault.location) is not None

    cloud.arm.forget(vault.id)
    was_there = vaults.find_vault(vault.id) is not None
    if was_there:
        vaults.delete_vault(vault.id)
    if observed.purge_on_delete and not vault.purge_protection:
        if was_there:
            what = f"the soft deletion of {vault.id}"
            cloud.session.waits.until(lies_among_deleted, what=what)
        vaults.purge_vault(vault.id, vault.location)


KIND: Kind[Vault, ObservedVault] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(right=lambda desired: Right("Microsoft.KeyVault/vaults/write", desired.id), ready=_ready),
    container=Container(unmanaged=_unmanaged, retained=_retained),
)
