"""A Key Vault with Azure RBAC: created or recovered if absent, else adopted. Its owner tag is a tag.

In one file: creation, recovery, deletion and purge of a vault depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from provisioner.errors import Conflict, NotAuthorized, NotYetVisible
from provisioner.kind import (
    OWNER_TAG,
    PERHAPS_OWNED,
    Checked,
    Container,
    Kind,
    Preflight,
    Right,
    Verdict,
    adopted_network_notes,
    compare,
    compare_tags,
    firewall_check,
    network_checks_of_absent,
    readers_check,
)
from provisioner.model import Change, Forces, Network, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.key_vaults import DeletedVault, VaultState
    from provisioner.cloud.cloud import Cloud

OTHER_NAME = "Choose another vault name (they are unique in all of Azure)."
# Taken by another vault, or by a soft-deleted one.
NAME_TAKEN = {"VaultAlreadyExists", "ConflictError"}


@dataclass(frozen=True, kw_only=True)
class Vault:
    """What the spec declares. sku: standard or premium; purge_on_delete: do not keep it soft-deleted."""

    id: str
    location: str
    tenant_id: str
    sku: str
    retention_days: int
    purge_protection: bool
    tags: Mapping[str, str]
    environment: str
    purge_on_delete: bool = False
    network: Network = field(default_factory=Network, repr=False)

    @property
    def name(self) -> str:
        """The last part of its id."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class ObservedVault(Observed):
    """What exists."""

    vault: VaultState
    environment: str
    purge_on_delete: bool


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    id: Output[str] = Output()
    uri: Output[str] = Output()


def _read(cloud: Cloud, desired: Vault) -> ObservedVault | None:
    vault = cloud.key_vaults.find_vault(desired.id)
    if vault is None:
        return None
    return ObservedVault(
        owned=vault.tags.get(OWNER_TAG) == desired.environment,
        owner=vault.tags.get(OWNER_TAG, ""),
        version=vault.changed,
        vault=vault,
        environment=desired.environment,
        purge_on_delete=desired.purge_on_delete,
    )


def _diff(desired: Vault, observed: ObservedVault, _view: View) -> tuple[Change, ...]:
    there = observed.vault
    changes = (*_tenant_and_rbac_changes(desired, observed), *compare("sku", there.sku, desired.sku.lower()))
    if desired.purge_protection and not there.purge_protection:
        changes += compare("purge_protection", before=False, after=True)
    if observed.owned:
        changes += _immutable(desired, there)
    return (*changes, *desired.network.changes(there.network), *compare_tags(there.tags, desired.tags))


def _tenant_and_rbac_changes(desired: Vault, observed: ObservedVault) -> tuple[Change, ...]:
    """What keeps a vault, adopted or owned, from being used here."""
    there, changes = observed.vault, ()
    if there.tenant_id.lower() != desired.tenant_id.lower():
        reason = "it is in another tenant than the principals; name a vault of this tenant"
        changes += compare("tenant_id", there.tenant_id, desired.tenant_id, reason=reason, forces=Forces.REFUSE)
    if not there.rbac:
        # https://learn.microsoft.com/azure/key-vault/general/rbac-migration
        reason = (
            "it uses access policies, so roles have no effect; switch it to Azure RBAC "
            f"(`az keyvault update --name {desired.name} --enable-rbac-authorization true`; its policies end then)"
        )
        forces = Forces.UPDATE if observed.owned else Forces.REFUSE
        changes += compare("rbac", before=False, after=True, reason=reason, forces=forces)
    return changes


def _immutable(desired: Vault, there: VaultState) -> tuple[Change, ...]:
    """https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview: fixed when the vault is made."""

    def refuse(name: str, before: object, after: object, right: str) -> tuple[Change, ...]:
        return compare(name, before, after, reason=right, forces=Forces.REFUSE)

    location = desired.location.replace(" ", "").lower()
    kept = f"Azure does not change it after creation; write `retention_days: {there.retention_days}`"
    changes = refuse("location", there.location, location, f"a vault cannot move; write `location: {there.location}`")
    changes += refuse("retention_days", there.retention_days, desired.retention_days, kept)
    if there.purge_protection and not desired.purge_protection:
        stays = "purge protection cannot be switched off; write `purge_protection: true`"
        changes += refuse("purge_protection", before=True, after=False, right=stays)
    return changes


def _ready(cloud: Cloud, desired: Vault, observed: ObservedVault | None) -> Iterator[Checked]:
    """Check whether its name is available and its network, also a declared one, admits who needs it."""
    if observed is None:
        yield _name(cloud, desired)
        yield from network_checks_of_absent(desired.name, desired.network, trusted=False)
        return
    if not observed.owned:
        yield from adopted_network_notes(desired.network, observed.vault.network)
    if observed.vault.network_restricted:
        line = f"az keyvault network-rule add --name {desired.name} --ip-address ADDRESS"
        yield firewall_check(lambda: cloud.caller_rights.probe_secrets(desired.name), line)
        yield from readers_check(desired.name, desired.network, observed.vault.closed)


def _name(cloud: Cloud, desired: Vault) -> Checked:
    try:
        deleted = cloud.key_vaults.find_deleted(desired.id, desired.location)
    except NotAuthorized as denied:
        what = f"whether a deleted vault keeps the name {desired.name}; the vault's creation will show it"
        return Checked(verdict=Verdict.UNKNOWN, what=what, remedy=denied.remedy)
    if deleted is not None and _is_owned(desired, deleted):
        return _will_be_recovered(deleted)
    taken = cloud.key_vaults.name_unavailable_reason(desired.id)
    if not taken:
        return Checked(verdict=Verdict.HOLDS, what=f"the name {desired.name} is free")
    deleted = deleted or cloud.key_vaults.find_deleted_anywhere(desired.id)
    if deleted is None:
        return Checked(verdict=Verdict.STOPS, what=taken.rstrip("."), remedy=f"{PERHAPS_OWNED} Else: {OTHER_NAME}")
    if _is_owned(desired, deleted):
        return _will_be_recovered(deleted)
    what = f"a deleted vault of another owner keeps the name: {deleted.vault_id} in {deleted.location}"
    return Checked(verdict=Verdict.STOPS, what=f"{what}, {_retention(deleted)}", remedy=_how_to_free_name(deleted))


def _will_be_recovered(deleted: DeletedVault) -> Checked:
    return Checked(verdict=Verdict.NOTE, what=f"it was deleted and will be recovered: {_retention(deleted)}")


def _is_owned(desired: Vault, deleted: DeletedVault) -> bool:
    return deleted.vault_id.lower() == desired.id.lower() and deleted.tags.get(OWNER_TAG) == desired.environment


def _retention(deleted: DeletedVault) -> str:
    return f"kept {_until(deleted.purge_on, protected=deleted.purge_protection)}"


def _until(when: str, *, protected: bool) -> str:
    return f"until {when[:10]}{', and nobody can purge it before (purge protection)' if protected else ''}"


def _how_to_free_name(deleted: DeletedVault) -> str:
    """How to make the name of a deleted vault available again."""
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
        return "deleted permanently, with every secret in it"
    until = (cloud.session.clock.decision_time() + timedelta(days=vault.retention_days)).isoformat()
    return f"soft-deleted: its name and secrets are kept {_until(until, protected=vault.purge_protection)}"


def _soft_deleted(desired: Vault, deleted: DeletedVault) -> str:
    what = "a deleted one will be recovered" if _is_owned(desired, deleted) else "a deleted one"
    return f"{what}, {_retention(deleted)}"


def _publish(observed: ObservedVault, _view: View | None) -> Outputs:
    return Outputs(id=observed.vault.id, uri=observed.vault.uri)


def _unmanaged(cloud: Cloud, observed: ObservedVault) -> tuple[str, ...]:
    """Secrets of which no version has the owner tag."""
    name, mine = observed.vault.id.rpartition("/")[2], observed.environment

    def is_owned(secret: str) -> bool:
        return any(version.tags.get(OWNER_TAG) == mine for version in cloud.secrets.list_versions(name, secret))

    others = [one.name for one in cloud.secrets.list_secrets(name) if one.tags.get(OWNER_TAG) != mine]
    return tuple(f"secret {secret}" for secret in others if not is_owned(secret))


def _create(cloud: Cloud, desired: Vault) -> None:
    there = cloud.key_vaults.find_vault(desired.id)  # as this pass has read it
    cloud.arm.mark_written(desired.id)
    if there is not None and there.tags.get(OWNER_TAG) != desired.environment:
        raise Conflict(operation=f"creating vault {desired.name}", message="somebody created it meanwhile")
    if there is None and _recover_if_soft_deleted(cloud, desired):
        return
    try:
        cloud.key_vaults.set_vault(desired.id, _content(cloud, desired))
    except Conflict as error:
        if error.code not in NAME_TAKEN:
            raise
        _recover_just_deleted_or_raise(cloud, desired, error)


def _content(cloud: Cloud, desired: Vault) -> dict[str, Any]:
    return cloud.key_vaults.new_vault_body(
        location=desired.location,
        tenant_id=desired.tenant_id,
        sku=desired.sku,
        retention_days=desired.retention_days,
        purge_protection=desired.purge_protection,
        tags=_tags(desired, {}),
        settings=desired.network.properties(),
    )


def _recover_if_soft_deleted(cloud: Cloud, desired: Vault) -> bool:
    """Recover the vault if it is soft-deleted. Seeing that takes a right on the subscription; else the PUT decides.

    Returns whether it did. Raises Conflict for another owner's.
    """
    try:
        deleted = cloud.key_vaults.find_deleted(desired.id, desired.location)
    except NotAuthorized:
        return False
    if deleted is not None:
        _recover_owned_or_raise(cloud, desired, deleted)
    return deleted is not None


def _recover_just_deleted_or_raise(cloud: Cloud, desired: Vault, error: Conflict) -> None:
    """Recover the vault if it was deleted a moment ago; else raise the error with what to do.

    Its name was free when the run began, or the vault's own: whoever has it now may not show yet.
    """
    found: list[DeletedVault] = []

    def shows() -> bool:
        found.extend(filter(None, [cloud.key_vaults.find_deleted_now(desired.id, desired.location)]))
        return bool(found)

    try:
        cloud.session.waits.until(shows, what=f"Azure to show who has the name {desired.name}")
    except NotYetVisible:
        error.remedy = f"{PERHAPS_OWNED} Else: {OTHER_NAME}"
        raise error from None
    except NotAuthorized as denied:
        line = f"`az keyvault recover --name {desired.name} --location {desired.location}`"
        error.remedy = (
            f"If it is this environment's own, {line} brings it back. The caller may not look: {denied.remedy} "
            f"Or: {OTHER_NAME}"
        )
        raise error from denied
    _recover_owned_or_raise(cloud, desired, found[0])


def _recover_owned_or_raise(cloud: Cloud, desired: Vault, deleted: DeletedVault) -> None:
    """Recover only a vault that this environment owned; somebody else's was deleted on purpose.

    It then gets what is declared. Raises Conflict for somebody else's.
    """
    if not _is_owned(desired, deleted):
        raise Conflict(
            operation=f"creating vault {desired.name}",
            message=f"a deleted vault of another owner keeps the name, {_retention(deleted)}: {deleted.vault_id}",
            remedy=_how_to_free_name(deleted),
        )
    cloud.key_vaults.recover_vault(desired.id, location=deleted.location, tenant_id=desired.tenant_id, sku=desired.sku)
    _set_declared(cloud, desired)


def _update(cloud: Cloud, desired: Vault, _observed: ObservedVault) -> None:
    cloud.arm.mark_written(desired.id)
    _set_declared(cloud, desired)


def _set_declared(cloud: Cloud, desired: Vault) -> None:
    there = cloud.key_vaults.find_vault(desired.id)
    tags = _tags(desired, there.tags if there else {})
    cloud.key_vaults.update_vault(
        desired.id,
        sku=desired.sku,
        purge_protection=desired.purge_protection,
        tags=tags,
        settings=desired.network.properties(),
    )


def _tags(desired: Vault, there: Mapping[str, str]) -> dict[str, str]:
    return {**there, **desired.tags, OWNER_TAG: desired.environment}


def _delete(cloud: Cloud, observed: ObservedVault) -> None:
    vault, vaults = observed.vault, cloud.key_vaults

    def lies_among_deleted() -> bool:
        try:
            return vaults.find_deleted_now(vault.id, vault.location) is not None
        except NotAuthorized:
            return True  # purging takes a further right, and its refusal names that one

    cloud.arm.mark_written(vault.id)
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
    preflight=Preflight(
        right=lambda desired: Right(
            "Microsoft.KeyVault/vaults/write", desired.id, lambda cloud: _content(cloud, desired)
        ),
        ready=_ready,
    ),
    container=Container(unmanaged=_unmanaged, retained=_retained),
)
