"""A secret in a vault: a plain value, or a holder of a credential, which names its key in its tags.

Tags belong to a version and a hand edit drops them, so each managed version has its own id in a tag.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotFound
from provisioner.key_probe import Publication, usage_by_probe_run, usage_so_far, why_not_rolled_out
from provisioner.kind import OWNER_TAG, Holder, Kind, Proofs, publish_nothing, require_resolved
from provisioner.kinds.vault_secret.decide import diff
from provisioner.kinds.vault_secret.prove import prove
from provisioner.kinds.vault_secret.records import (
    KEY_ID,
    SINCE,
    Readers,
    Scope,
    StoredSecret,
    VaultSecret,
    has_own_tags,
)
from provisioner.kinds.vault_secret.write import create, delete, update
from provisioner.model import Address, Found, KeyReference, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.key_vault_secrets import SecretVersion
    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

__all__ = ["KIND", "Readers", "Scope", "StoredSecret", "VaultSecret"]
NOBODY_TO_ASK = "its platform copies it, and `airflow.url` names nobody to ask"


def read(cloud: Cloud, desired: VaultSecret) -> StoredSecret | None:
    """One GET; and the list of versions, to find older keys of a credential or an owner tag that was dropped."""
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
    stored = _stored(latest, tuple(one for one in older if one.version != latest.version), desired)
    return _with_usage(cloud, stored) if any(one.enabled for one in stored.older) else stored


def probe_usage(cloud: Cloud, observed: StoredSecret) -> Usage:
    """Whether its readers, who copy it, use the latest version. No sign of it means that they do not."""
    readers = observed.readers
    if observed.rolled_out_at is not None:
        return Usage(since=observed.rolled_out_at)
    if readers is None or readers.probe is None:
        return Usage(awaited_from="nobody who can be asked")
    usage = usage_by_probe_run(cloud, readers.probe, readers.web_url, _publication(observed))
    return Usage(awaited_from=f"Airflow ({usage.unknown_reason})") if usage.unknown_reason else usage


def _with_usage(cloud: Cloud, observed: StoredSecret) -> StoredSecret:
    """With what its readers have shown so far, if they can be asked."""
    readers = observed.readers
    if readers is None or readers.probe is None or observed.rolled_out_at is not None:
        return observed
    return replace(observed, usage=usage_so_far(cloud, readers.probe, readers.web_url, _publication(observed)))


def _publication(observed: StoredSecret) -> Publication:
    return Publication(key_id=observed.latest.tags.get(KEY_ID, ""), since=_since(observed.latest))


def holds(observed: StoredSecret) -> Mapping[Address, tuple[KeyReference, ...]]:
    """The key that readers get, and the keys of older versions that are still enabled."""
    if observed.credential is None:
        return {}
    references: dict[str, KeyReference] = {}
    for one in (observed.latest, *observed.older):
        if has_own_tags(one) and one.enabled and KEY_ID in one.tags:
            key_id = one.tags[KEY_ID]
            reference = KeyReference(key_id=key_id, since=_since(one), readable=True, current=one is observed.latest)
            references.setdefault(key_id, _with_rollout(observed, reference) if reference.current else reference)
    return {observed.credential: tuple(references.values())}


def _with_rollout(observed: StoredSecret, reference: KeyReference) -> KeyReference:
    """The key that readers get: those who copy it have it when they show it, or when somebody says so."""
    readers, said = observed.readers, observed.rolled_out_at
    if readers is None:
        return replace(reference, at_once=True)
    if said is not None:
        return replace(reference, settled=said, usage=Usage(since=said))
    settled = reference.since + readers.within if reference.since else None
    if readers.probe is None:
        return replace(reference, settled=settled, usage=Usage(unknown_reason=NOBODY_TO_ASK), unseen=True)
    return replace(reference, settled=settled, usage=observed.usage)


def reveal(cloud: Cloud, observed: StoredSecret, key_id: str) -> Secret:
    """The value of the newest version with the key. Raises NotFound if there is none."""
    for one in (observed.latest, *observed.older):
        if has_own_tags(one) and one.enabled and one.tags.get(KEY_ID) == key_id:
            return cloud.secrets.get_secret(observed.vault, observed.name, one.version)
    raise NotFound(operation=f"GET secret {observed.vault}/{observed.name}", message=f"no version holds {key_id}")


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Secrets of which any version has the owner tag; one list call unless a hand edit dropped it."""
    vault = require_resolved(scope.vault)

    def is_owned(secret: SecretVersion) -> bool:
        if OWNER_TAG in secret.tags or not secret.name.startswith(scope.prefixes):
            return secret.tags.get(OWNER_TAG) == scope.environment
        return any(
            one.tags.get(OWNER_TAG) == scope.environment for one in cloud.secrets.list_versions(vault, secret.name)
        )

    def observed(secret: SecretVersion) -> StoredSecret:
        version = f"{secret.updated:%Y-%m-%dT%H:%M:%SZ}" if secret.updated else ""
        return StoredSecret(owned=True, version=version, vault=vault, name=secret.name, latest=secret)

    secrets = [one for one in cloud.secrets.list_secrets(vault) if is_owned(one)]
    holders = {name.lower() for name in scope.rollout.holders} if scope.rollout else set[str]()
    found = [one.name for one in secrets if one.name.lower() in holders]
    kept = why_not_rolled_out(cloud, scope.rollout) if scope.rollout is not None and found else ""
    return tuple(
        Found(name=one.name, observed=observed(one), kept=kept if one.name in found else "") for one in secrets
    )


def _latest(cloud: Cloud, desired: VaultSecret) -> SecretVersion | None:
    """The version that readers get; of a disabled one everything but its value."""
    try:
        secret = cloud.secrets.find_secret(desired.vault, desired.name)
    except Conflict:
        # A disabled secret cannot be read, only listed: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
        versions = cloud.secrets.list_versions(desired.vault, desired.name)
        return next((one for one in versions if not one.enabled), None)
    # The text of a credential is never compared, so it is not kept.
    return replace(secret, value=None) if secret is not None and desired.credential else secret


def _stored(latest: SecretVersion, older: tuple[SecretVersion, ...], desired: VaultSecret) -> StoredSecret:
    return StoredSecret(
        owned=any(one.tags.get(OWNER_TAG) == desired.environment for one in (latest, *older)),
        version=latest.version,
        vault=desired.vault,
        name=desired.name,
        latest=latest,
        older=older,
        credential=desired.credential,
        readers=desired.readers,
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
    holder=Holder(holds=holds, reveal=reveal, probe_usage=probe_usage),
)
