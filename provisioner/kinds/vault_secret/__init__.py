"""A secret in a vault: a plain value, or a holder of a credential, which names its key in its tags.

Tags belong to a version and a hand edit drops them, so each version of ours bears its own id in a tag.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotFound
from provisioner.kind import OWNER_TAG, Holder, Kind, Proofs, known, publish_nothing
from provisioner.kinds.vault_secret.decide import diff
from provisioner.kinds.vault_secret.prove import prove
from provisioner.kinds.vault_secret.records import KEY_ID, SINCE, Scope, StoredSecret, VaultSecret, intact
from provisioner.kinds.vault_secret.write import create, delete, update
from provisioner.model import Address, Found, KeyReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.key_vault_secrets import SecretVersion
    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

__all__ = ["KIND", "Scope", "StoredSecret", "VaultSecret"]


def read(cloud: Cloud, desired: VaultSecret) -> StoredSecret | None:
    """One GET; the list of versions too where a credential's older keys or a lost mark must be found."""
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(cloud.secrets.list_versions, desired.vault, desired.name) if desired.credential else None
        latest = _latest(cloud, desired)
        if latest is None:
            return None
        older: tuple[SecretVersion, ...] = ()
        if listing is not None:
            older = listing.result()
        elif latest.tags.get(OWNER_TAG) != desired.environment:
            older = cloud.secrets.list_versions(desired.vault, desired.name)
    return _stored(latest, tuple(one for one in older if one.version != latest.version), desired)


def holds(observed: StoredSecret) -> Mapping[Address, tuple[KeyReference, ...]]:
    """The key that readers get, and those of older versions that are still enabled."""
    if observed.credential is None:
        return {}
    found: dict[str, KeyReference] = {}
    for one in (observed.latest, *observed.older):
        if intact(one) and one.enabled and KEY_ID in one.tags:
            key_id = one.tags[KEY_ID]
            is_current = one is observed.latest
            found.setdefault(key_id, KeyReference(key_id=key_id, since=_since(one), readable=True, current=is_current))
    return {observed.credential: tuple(found.values())}


def reveal(cloud: Cloud, observed: StoredSecret, key_id: str) -> Secret:
    """The value of the newest version that holds the key. Raises NotFound if none does."""
    for one in (observed.latest, *observed.older):
        if intact(one) and one.enabled and one.tags.get(KEY_ID) == key_id:
            return cloud.secrets.get_secret(observed.vault, observed.name, one.version)
    raise NotFound(operation=f"GET secret {observed.vault}/{observed.name}", message=f"no version holds {key_id}")


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Secrets of which any version bears our owner tag; one list call unless a hand edit dropped it."""
    vault = known(scope.vault)

    def ours(secret: SecretVersion) -> bool:
        if OWNER_TAG in secret.tags or not secret.name.startswith(scope.prefixes):
            return secret.tags.get(OWNER_TAG) == scope.environment
        return any(
            one.tags.get(OWNER_TAG) == scope.environment for one in cloud.secrets.list_versions(vault, secret.name)
        )

    def observed(secret: SecretVersion) -> StoredSecret:
        version = f"{secret.updated:%Y-%m-%dT%H:%M:%SZ}" if secret.updated else ""
        return StoredSecret(owned=True, version=version, vault=vault, name=secret.name, latest=secret)

    return tuple(Found(name=one.name, observed=observed(one)) for one in cloud.secrets.list_secrets(vault) if ours(one))


def _latest(cloud: Cloud, desired: VaultSecret) -> SecretVersion | None:
    """What readers get; of a disabled version everything but its value."""
    try:
        found = cloud.secrets.find_secret(desired.vault, desired.name)
    except Conflict:
        # A disabled secret cannot be read, only listed: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
        versions = cloud.secrets.list_versions(desired.vault, desired.name)
        return next((one for one in versions if not one.enabled), None)
    # A credential's text is compared nowhere, so it is not kept either.
    return replace(found, value=None) if found is not None and desired.credential else found


def _stored(latest: SecretVersion, older: tuple[SecretVersion, ...], desired: VaultSecret) -> StoredSecret:
    return StoredSecret(
        owned=any(one.tags.get(OWNER_TAG) == desired.environment for one in (latest, *older)),
        version=latest.version,
        vault=desired.vault,
        name=desired.name,
        latest=latest,
        older=older,
        credential=desired.credential,
    )


def _since(version: SecretVersion) -> datetime | None:
    text = version.tags.get(SINCE)
    return datetime.fromisoformat(text) if text else version.created


KIND = Kind(
    diff=diff,
    publish=publish_nothing,
    read=read,
    owned=owned,
    create=create,
    update=update,
    delete=delete,
    proofs=Proofs(written=prove),
    holder=Holder(holds=holds, reveal=reveal),
)
