"""What a secret lacks; a credential is told by its key and never by its text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provisioner.kind import compare
from provisioner.kinds.vault_secret.records import KEY_ID, VERSION, StoredSecret, VaultSecret, as_secret, intact
from provisioner.model import KNOWN_AFTER_APPLY, Change, Ref, View
from provisioner.secret import HIDDEN

if TYPE_CHECKING:
    from provisioner.cloud.clients.key_vault_secrets import SecretVersion


def diff(desired: VaultSecret, observed: StoredSecret, _view: View) -> tuple[Change, ...]:
    """What readers get, against what they should; then older versions that nobody can use any more."""
    reason = "its credential was removed"
    useless = (
        Change(field=f"versions.{one.version}", before="enabled", after="disabled", reason=reason)
        for one in dead(desired, observed)
    )
    return (*wanting(desired, observed), *useless)


def wanting(desired: VaultSecret, observed: StoredSecret) -> tuple[Change, ...]:
    """What the latest version lacks; a credential is told by its key, a plain value in memory."""
    latest = observed.latest
    changes = [*_touched(observed), *content(desired, latest)]
    if isinstance(desired.expires, datetime):
        changes += compare("expires", _seconds(latest.expires), _seconds(desired.expires))
    if desired.content_type is not None:
        changes += compare("content_type", latest.content_type, desired.content_type)
    for name, value in desired.tags.items():
        changes += compare(f"tags.{name}", latest.tags.get(name), value)
    return tuple(changes)


def dead(desired: VaultSecret, observed: StoredSecret) -> tuple[SecretVersion, ...]:
    """Older versions of ours, still enabled, whose key does not exist any more."""
    if not isinstance(desired.living, tuple):
        return ()
    older = (one for one in observed.older if one.enabled and intact(one) and KEY_ID in one.tags)
    return tuple(one for one in older if one.tags[KEY_ID] not in desired.living)


def content(desired: VaultSecret, latest: SecretVersion) -> list[Change]:
    """Whether the value must be written anew; values of credentials are never compared."""
    if desired.credential is not None:
        changes = list(compare("key_id", latest.tags.get(KEY_ID), desired.key_id, reason="it holds another key"))
        return changes if latest.enabled else [*changes, Change(field="value", before=HIDDEN, after=HIDDEN)]
    if isinstance(desired.value, Ref):
        return [Change(field="value", before=HIDDEN, after=KNOWN_AFTER_APPLY)]
    if latest.value is not None and latest.value.matches(as_secret(desired.value)):
        return []
    return [Change(field="value", before=HIDDEN, after=HIDDEN, reason="it has another value")]


def _touched(observed: StoredSecret) -> list[Change]:
    """Whether somebody else has written since we did, or a write of ours was cut off before its last part."""
    latest = observed.latest
    changes: list[Change] = []
    if not latest.enabled:
        changes.append(Change(field="enabled", before="False", after="True", reason="disabled: its readers get 403"))
    managed = observed.owned or any(VERSION in one.tags for one in (latest, *observed.older))
    if managed and latest.tags.get(VERSION) != latest.version:
        reason = "edited by hand" if not intact(latest) else "its last write was not finished"
        changes.append(Change(field="version", before=latest.version, after=KNOWN_AFTER_APPLY, reason=reason))
    return changes


def _seconds(moment: datetime | None) -> datetime | None:
    """`exp` has whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None
