"""Compares a secret with the spec; a credential by its key id, never by its text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provisioner.kind import OWNER_TAG, compare
from provisioner.kinds.vault_secret.records import (
    KEY_ID,
    ROLLED_OUT,
    VERSION,
    StoredSecret,
    VaultSecret,
    as_secret,
    has_own_tags,
)
from provisioner.model import KNOWN_AFTER_APPLY, Change, Forces, Origin, Ref, View
from provisioner.secret import HIDDEN

if TYPE_CHECKING:
    from provisioner.cloud.clients.key_vault_secrets import SecretVersion


def diff(desired: VaultSecret, observed: StoredSecret, view: View) -> tuple[Change, ...]:
    """Changes of the latest version, and older versions to disable since their keys do not exist any more.

    What another environment has written is refused: both would write it in turn, and one would remove it. Without any
    change, that its readers have it, if somebody says so.
    """
    owner = observed.latest.tags.get(OWNER_TAG, "")
    if owner not in {"", desired.environment}:
        reason = f"choose another {desired.named_by}" if desired.named_by else "choose another name"
        return (Change(field="owner", before=f"environment {owner}", reason=reason, forces=Forces.REFUSE),)
    reason = "its credential was removed"
    disabled = (
        Change(field=f"versions.{one.version}", before="enabled", after="disabled", reason=reason)
        for one in versions_to_disable(desired, observed)
    )
    changes = (*changes_of_latest_version(desired, observed), *disabled)
    said = view.request.rolled_out and desired.readers is not None and observed.rolled_out_at is None
    if changes or not said or desired.credential is None or not view.request.concerns(desired.credential.name):
        return changes
    reason = "somebody says that all its readers have it"
    return (Change(field=f"tags.{ROLLED_OUT}", after=f"{view.now:%Y-%m-%d %H:%M}", reason=reason),)


def changes_of_latest_version(desired: VaultSecret, observed: StoredSecret) -> tuple[Change, ...]:
    """Changes of the latest version. A credential is compared by its key id, a plain value in memory."""
    latest = observed.latest
    changes = [*_changes_since_last_write(observed), *changes_that_need_new_version(desired, latest)]
    if isinstance(desired.expires, datetime):
        changes += compare("expires", _in_whole_seconds(latest.expires), _in_whole_seconds(desired.expires))
    if desired.content_type is not None:
        changes += compare("content_type", latest.content_type, desired.content_type)
    for name, value in desired.tags.items():
        changes += compare(f"tags.{name}", latest.tags.get(name), value)
    return tuple(changes)


def versions_to_disable(desired: VaultSecret, observed: StoredSecret) -> tuple[SecretVersion, ...]:
    """Managed older versions that are still enabled and whose keys do not exist any more."""
    if not isinstance(desired.active_key_ids, tuple):
        return ()
    older = (one for one in observed.older if one.enabled and has_own_tags(one) and KEY_ID in one.tags)
    return tuple(one for one in older if one.tags[KEY_ID] not in desired.active_key_ids)


def changes_that_need_new_version(desired: VaultSecret, latest: SecretVersion) -> list[Change]:
    """Changes that require a new version; values of credentials are never compared."""
    if desired.credential is not None:
        changes = list(compare("key_id", latest.tags.get(KEY_ID), desired.key_id, reason="it has another key"))
        return changes if latest.enabled else [*changes, Change(field="value", before=HIDDEN, after=HIDDEN)]
    if isinstance(desired.value, Ref):
        return [Change(field="value", before=HIDDEN, after=KNOWN_AFTER_APPLY)]
    if latest.value is not None and latest.value.matches(as_secret(desired.value)):
        return []
    origin = Origin.FILE if latest.tags.get(VERSION) == latest.version else None
    return [Change(field="value", before=HIDDEN, after=HIDDEN, reason="its value differs", origin=origin)]


def _changes_since_last_write(observed: StoredSecret) -> list[Change]:
    """What shows that somebody else has written since the last run, or that a run was cut off during a write."""
    latest = observed.latest
    changes: list[Change] = []
    if not latest.enabled:
        reason = "disabled: its readers get 403"
        changes += compare("enabled", before=False, after=True, reason=reason, origin=Origin.AZURE)
    managed = observed.owned or any(VERSION in one.tags for one in (latest, *observed.older))
    if managed and latest.tags.get(VERSION) != latest.version:
        reason = "edited by hand" if not has_own_tags(latest) else "its last write was not finished"
        origin = None if has_own_tags(latest) else Origin.AZURE
        change = Change(field="version", before=latest.version, after=KNOWN_AFTER_APPLY, reason=reason, origin=origin)
        changes.append(change)
    return changes


def _in_whole_seconds(moment: datetime | None) -> datetime | None:
    """`exp` has whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None
