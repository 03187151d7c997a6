"""Creates, updates and deletes a secret. Each managed version gets its own id as a tag, known only after the write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.kind import OWNER_TAG, require_resolved
from provisioner.kinds.vault_secret.decide import (
    changes_of_latest_version,
    changes_that_need_new_version,
    versions_to_disable,
)
from provisioner.kinds.vault_secret.records import (
    KEY_ID,
    MANAGED_TAGS,
    ROLLED_OUT,
    SINCE,
    VERSION,
    as_secret,
    has_own_tags,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.vault_secret.records import StoredSecret, VaultSecret


def create(cloud: Cloud, desired: VaultSecret) -> None:
    """Set it. A soft-deleted secret of the same name is recovered first and becomes an older version.

    Recovered versions whose keys are not active any more are disabled: the teardown that deleted the secret removed
    those keys.
    """
    _write_new_version(cloud, desired, {OWNER_TAG: desired.environment})
    if desired.credential is None or not cloud.secrets.was_recovered(desired.vault, desired.name):
        return
    active = desired.active_key_ids if isinstance(desired.active_key_ids, tuple) else ()
    for one in cloud.secrets.list_versions(desired.vault, desired.name):
        recovered = one.enabled and has_own_tags(one) and one.tags.get(KEY_ID, desired.key_id) != desired.key_id
        if recovered and one.tags[KEY_ID] not in active:
            cloud.secrets.disable_version(desired.vault, desired.name, one.version)


def update(cloud: Cloud, desired: VaultSecret, observed: StoredSecret) -> None:
    """Write a new version, or only attributes if the value is right. An unmanaged secret gets no owner tag.

    Older versions whose keys do not exist any more are disabled.
    """
    latest = observed.latest
    others = {name: value for name, value in latest.tags.items() if name not in MANAGED_TAGS}
    owner_tag = {OWNER_TAG: desired.environment} if observed.owned else {}
    if not has_own_tags(latest) or changes_that_need_new_version(desired, latest):
        _write_new_version(cloud, desired, {**others, **owner_tag})
        observed = replace(observed, older=(latest, *observed.older))
    elif (changed := bool(changes_of_latest_version(desired, observed))) or not versions_to_disable(desired, observed):
        kept = {name: value for name, value in latest.tags.items() if name in (KEY_ID, SINCE, ROLLED_OUT)}
        if not changed:  # nothing else differs: it is to be noted that its readers have it
            kept[ROLLED_OUT] = f"{cloud.session.clock.recording_time():%Y-%m-%dT%H:%M:%SZ}"
        _set_attributes(cloud, desired, latest.version, {**others, **owner_tag, **kept, **desired.tags})
    for one in versions_to_disable(desired, observed):
        cloud.secrets.disable_version(desired.vault, desired.name, one.version)


def delete(cloud: Cloud, observed: StoredSecret) -> None:
    """Soft-delete it. A later `create` recovers it."""
    cloud.secrets.delete_secret(observed.vault, observed.name)


def _write_new_version(cloud: Cloud, desired: VaultSecret, tags: Mapping[str, str]) -> None:
    """Write a new version, then set its id, known from the response, in its tags."""
    key = (
        {}
        if desired.key_id is None
        else {
            KEY_ID: require_resolved(desired.key_id),
            SINCE: f"{cloud.session.clock.recording_time():%Y-%m-%dT%H:%M:%SZ}",
        }
    )
    written = {**tags, **key, **desired.tags}
    version = cloud.secrets.set_secret(
        desired.vault,
        desired.name,
        as_secret(require_resolved(desired.value)),
        tags=written,
        expires=_expires(desired),
        content_type=desired.content_type,
    )
    _set_attributes(cloud, desired, version.version, written)


def _set_attributes(cloud: Cloud, desired: VaultSecret, version_id: str, tags: Mapping[str, str]) -> None:
    """Set tags, the version's own id among them, expiry and content type."""
    cloud.secrets.update_secret(
        desired.vault,
        desired.name,
        version_id,
        tags={**tags, VERSION: version_id},
        expires=_expires(desired),
        content_type=desired.content_type,
    )


def _expires(desired: VaultSecret) -> datetime | None:
    return desired.expires if isinstance(desired.expires, datetime) else None
