"""How a secret is made, changed and removed. Each version of ours bears its own id: only the answer tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.kind import OWNER_TAG, known
from provisioner.kinds.vault_secret.decide import content, dead, wanting
from provisioner.kinds.vault_secret.records import KEY_ID, OURS, SINCE, VERSION, as_secret, intact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.vault_secret.records import StoredSecret, VaultSecret


def create(cloud: Cloud, desired: VaultSecret) -> None:
    """Set it; a soft-deleted one of the same name is recovered first and becomes an older version.

    The keys in what was recovered went with the teardown that deleted it, unless they are told to live.
    """
    _set(cloud, desired, {OWNER_TAG: desired.environment})
    if desired.credential is None:
        return
    living = desired.living if isinstance(desired.living, tuple) else ()
    for one in cloud.secrets.list_versions(desired.vault, desired.name):
        recovered = one.enabled and intact(one) and one.tags.get(KEY_ID, desired.key_id) != desired.key_id
        if recovered and one.tags[KEY_ID] not in living:
            cloud.secrets.disable_version(desired.vault, desired.name, one.version)


def update(cloud: Cloud, desired: VaultSecret, observed: StoredSecret) -> None:
    """A new version, or only the attributes where the value is the right one. What is not ours gets no mark."""
    latest = observed.latest
    others = {name: value for name, value in latest.tags.items() if name not in OURS}
    mark = {OWNER_TAG: desired.environment} if observed.owned else {}
    if not intact(latest) or content(desired, latest):
        _set(cloud, desired, {**others, **mark})
        observed = replace(observed, older=(latest, *observed.older))
    elif wanting(desired, observed):
        kept = {name: value for name, value in latest.tags.items() if name in (KEY_ID, SINCE)}
        _stamp(cloud, desired, latest.version, {**others, **mark, **kept, **desired.tags})
    for one in dead(desired, observed):
        cloud.secrets.disable_version(desired.vault, desired.name, one.version)


def delete(cloud: Cloud, observed: StoredSecret) -> None:
    """Soft-deleted: the vault keeps it, and a later `create` recovers the name."""
    cloud.secrets.delete_secret(observed.vault, observed.name)


def _set(cloud: Cloud, desired: VaultSecret, tags: Mapping[str, str]) -> None:
    """A new version, then its own id in its tags: only the answer tells it."""
    key = (
        {}
        if desired.key_id is None
        else {KEY_ID: known(desired.key_id), SINCE: f"{cloud.session.clock.moment():%Y-%m-%dT%H:%M:%SZ}"}
    )
    written = {**tags, **key, **desired.tags}
    made = cloud.secrets.set_secret(
        desired.vault,
        desired.name,
        as_secret(known(desired.value)),
        tags=written,
        expires=_expires(desired),
        content_type=desired.content_type,
    )
    _stamp(cloud, desired, made.version, written)


def _stamp(cloud: Cloud, desired: VaultSecret, version: str, tags: Mapping[str, str]) -> None:
    cloud.secrets.update_secret(
        desired.vault,
        desired.name,
        version,
        tags={**tags, VERSION: version},
        expires=_expires(desired),
        content_type=desired.content_type,
    )


def _expires(desired: VaultSecret) -> datetime | None:
    return desired.expires if isinstance(desired.expires, datetime) else None
