"""A secret in a vault: a plain value, or a place that holds a credential and names its key in its tags.

Tags belong to a version and a hand edit drops them, so each version of ours bears its own id in a tag.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotAuthorized, NotFound
from provisioner.kind import MARK, Kind, compare, known, nothing
from provisioner.model import (
    KNOWN_AFTER_APPLY,
    Address,
    Change,
    Found,
    Holding,
    Observed,
    Proof,
    ReadBy,
    Ref,
    Unproven,
    View,
)
from provisioner.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.key_vault_secrets import SecretVersion
    from provisioner.kind import Outputs

VERSION = "provisioner-version"
KEY_ID = "keyId"
SINCE = "since"
GRANTS = "`provisioner provision` gives it the role that the spec names; a new grant takes some minutes."
OURS = (MARK, VERSION, KEY_ID, SINCE)


@dataclass(frozen=True, kw_only=True)
class VaultSecret:
    """vault: its name.

    credential: whose key this place holds; then key_id and expires are that key's, client_id is who signs in with it,
    living the keys that still work: older versions of others are disabled. opens: what client_id is to reach with it:
    an ARM resource's id and the api-version to read it with.
    """

    vault: str
    name: str
    value: Secret | str | Ref = field(repr=False, compare=False)
    environment: str
    content_type: str | None = None
    credential: Address | None = None
    key_id: str | Ref | None = None
    expires: datetime | Ref | None = None
    client_id: str | Ref | None = field(default=None, repr=False)
    living: tuple[str, ...] | Ref | None = field(default=None, repr=False)
    opens: tuple[str, str] | None = field(default=None, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class StoredSecret(Observed):
    """latest: what readers get. older: versions before it, the newest first; read where they matter."""

    vault: str
    name: str
    latest: SecretVersion
    older: tuple[SecretVersion, ...] = ()
    credential: Address | None = None


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One vault, for one environment's mark. prefixes: names whose versions are looked at when the mark is lost."""

    vault: str | Ref
    environment: str
    prefixes: tuple[str, ...] = ()


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
        elif latest.tags.get(MARK) != desired.environment:
            older = cloud.secrets.list_versions(desired.vault, desired.name)
    return _stored(latest, tuple(one for one in older if one.version != latest.version), desired)


def diff(desired: VaultSecret, observed: StoredSecret, _view: View) -> tuple[Change, ...]:
    """What readers get, against what they should; then older versions that nobody can use any more."""
    reason = "its credential was removed"
    dead = (
        Change(field=f"versions.{one.version}", before="enabled", after="disabled", reason=reason)
        for one in _dead(desired, observed)
    )
    return (*_wanting(desired, observed), *dead)


def _wanting(desired: VaultSecret, observed: StoredSecret) -> tuple[Change, ...]:
    """What the latest version lacks; a credential is told by its key, a plain value in memory."""
    latest = observed.latest
    changes = [*_touched(observed), *_content(desired, latest)]
    if isinstance(desired.expires, datetime):
        changes += compare("expires", _seconds(latest.expires), _seconds(desired.expires))
    if desired.content_type is not None:
        changes += compare("content_type", latest.content_type, desired.content_type)
    for name, value in desired.tags.items():
        changes += compare(f"tags.{name}", latest.tags.get(name), value)
    return tuple(changes)


def _dead(desired: VaultSecret, observed: StoredSecret) -> tuple[SecretVersion, ...]:
    """Older versions of ours, still enabled, whose key does not exist any more."""
    if not isinstance(desired.living, tuple):
        return ()
    older = (one for one in observed.older if one.enabled and _intact(one) and KEY_ID in one.tags)
    return tuple(one for one in older if one.tags[KEY_ID] not in desired.living)


def prove(cloud: Cloud, desired: VaultSecret, _observed: StoredSecret, made: Outputs) -> Proof | Unproven:
    """Read a credential as its reader does, sign in with it, reach what it opens; a plain value was compared already.

    Where nobody reads it yet, or the reader's own secret cannot be had, the caller reads it.
    """
    if desired.credential is None or not isinstance(desired.client_id, str):
        return Proof.USABLE
    reader: ReadBy | None = made.get("read_by")
    instead = _why_not(cloud, reader)
    try:
        value = _read_as(cloud, desired, None if instead else reader)
        if value is None or not cloud.session.signs_in(cloud.session.tenant_id, desired.client_id, value):
            return Proof.NOT_YET
        instead = instead or _unopened(cloud, desired, desired.client_id, value)
    except NotAuthorized as error:
        return Unproven(error=error)
    return Unproven(why=f"stored, not proven: {instead}") if instead else Proof.USABLE


def _why_not(cloud: Cloud, reader: ReadBy | None) -> str:
    """Why the reader cannot be signed in; empty if they can, or there is none."""
    if reader is None:
        return ""
    if reader.secret is None:
        return f"Azure does not show the secret that {reader.place} signs in with"
    works = cloud.session.signs_in(cloud.session.tenant_id, known(reader.client_id), reader.secret)
    return "" if works else f"{reader.place} holds a secret that signs nobody in"


def _read_as(cloud: Cloud, desired: VaultSecret, reader: ReadBy | None) -> Secret | None:
    """What a reader gets. Raises NotAuthorized, which names the reader."""
    if reader is None or reader.secret is None:
        found = cloud.secrets.find_secret(desired.vault, desired.name)
        return found.value if found is not None else None
    who = known(reader.client_id)
    try:
        with cloud.acting_as(who, reader.secret) as theirs:
            found = theirs.secrets.find_secret(desired.vault, desired.name)
    except NotAuthorized as error:
        error.remedy = f"{reader.place} signs in as {who}, which may not read it: {GRANTS}"
        raise
    return found.value if found is not None else None


def _unopened(cloud: Cloud, desired: VaultSecret, client_id: str, value: Secret) -> str:
    """Why what the credential opens was not reached; empty if it was. Raises NotAuthorized."""
    if desired.opens is None:
        return ""
    resource_id, version = desired.opens
    try:
        with cloud.acting_as(client_id, value) as theirs:
            found = theirs.arm.find(resource_id, version)
    except NotAuthorized as error:
        error.remedy = f"{client_id} signs in with it and may not read {resource_id}: {GRANTS}"
        raise
    return "" if found is not None else f"{resource_id} is not there"


def holds(observed: StoredSecret) -> Mapping[Address, tuple[Holding, ...]]:
    """The key that readers get, and those of older versions that are still enabled."""
    if observed.credential is None:
        return {}
    found: dict[str, Holding] = {}
    for one in (observed.latest, *observed.older):
        if _intact(one) and one.enabled and KEY_ID in one.tags:
            key_id = one.tags[KEY_ID]
            is_current = one is observed.latest
            found.setdefault(key_id, Holding(key_id=key_id, since=_since(one), readable=True, current=is_current))
    return {observed.credential: tuple(found.values())}


def reveal(cloud: Cloud, observed: StoredSecret, key_id: str) -> Secret:
    """The value of the newest version that holds the key. Raises NotFound if none does."""
    for one in (observed.latest, *observed.older):
        if _intact(one) and one.enabled and one.tags.get(KEY_ID) == key_id:
            return cloud.secrets.get_secret(observed.vault, observed.name, one.version)
    raise NotFound(operation=f"GET secret {observed.vault}/{observed.name}", message=f"no version holds {key_id}")


def create(cloud: Cloud, desired: VaultSecret) -> None:
    """Set it; a soft-deleted one of the same name is recovered first and becomes an older version.

    The keys in what was recovered went with the teardown that deleted it, unless they are told to live.
    """
    _set(cloud, desired, {MARK: desired.environment})
    if desired.credential is None:
        return
    living = desired.living if isinstance(desired.living, tuple) else ()
    for one in cloud.secrets.list_versions(desired.vault, desired.name):
        recovered = one.enabled and _intact(one) and one.tags.get(KEY_ID, desired.key_id) != desired.key_id
        if recovered and one.tags[KEY_ID] not in living:
            cloud.secrets.disable_version(desired.vault, desired.name, one.version)


def update(cloud: Cloud, desired: VaultSecret, observed: StoredSecret) -> None:
    """A new version, or only the attributes where the value is the right one. What is not ours gets no mark."""
    latest = observed.latest
    others = {name: value for name, value in latest.tags.items() if name not in OURS}
    mark = {MARK: desired.environment} if observed.ours else {}
    if not _intact(latest) or _content(desired, latest):
        _set(cloud, desired, {**others, **mark})
        observed = replace(observed, older=(latest, *observed.older))
    elif _wanting(desired, observed):
        kept = {name: value for name, value in latest.tags.items() if name in (KEY_ID, SINCE)}
        _stamp(cloud, desired, latest.version, {**others, **mark, **kept, **desired.tags})
    for one in _dead(desired, observed):
        cloud.secrets.disable_version(desired.vault, desired.name, one.version)


def delete(cloud: Cloud, observed: StoredSecret) -> None:
    """Soft-deleted: the vault keeps it, and a later `create` recovers the name."""
    cloud.secrets.delete_secret(observed.vault, observed.name)


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Secrets of which any version bears our mark; one list call unless a hand edit dropped it."""
    vault = known(scope.vault)

    def ours(secret: SecretVersion) -> bool:
        if MARK in secret.tags or not secret.name.startswith(scope.prefixes):
            return secret.tags.get(MARK) == scope.environment
        return any(one.tags.get(MARK) == scope.environment for one in cloud.secrets.list_versions(vault, secret.name))

    def observed(secret: SecretVersion) -> StoredSecret:
        version = f"{secret.updated:%Y-%m-%dT%H:%M:%SZ}" if secret.updated else ""
        return StoredSecret(ours=True, version=version, vault=vault, name=secret.name, latest=secret)

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
        ours=any(one.tags.get(MARK) == desired.environment for one in (latest, *older)),
        version=latest.version,
        vault=desired.vault,
        name=desired.name,
        latest=latest,
        older=older,
        credential=desired.credential,
    )


def _touched(observed: StoredSecret) -> list[Change]:
    """Whether somebody else has written since we did, or a write of ours was cut off before its last part."""
    latest = observed.latest
    changes: list[Change] = []
    if not latest.enabled:
        changes.append(Change(field="enabled", before="False", after="True", reason="disabled: its readers get 403"))
    managed = observed.ours or any(VERSION in one.tags for one in (latest, *observed.older))
    if managed and latest.tags.get(VERSION) != latest.version:
        reason = "edited by hand" if not _intact(latest) else "its last write was not finished"
        changes.append(Change(field="version", before=latest.version, after=KNOWN_AFTER_APPLY, reason=reason))
    return changes


def _content(desired: VaultSecret, latest: SecretVersion) -> list[Change]:
    """Whether the value must be written anew; values of credentials are never compared."""
    if desired.credential is not None:
        changes = list(compare("key_id", latest.tags.get(KEY_ID), desired.key_id, reason="it holds another key"))
        return changes if latest.enabled else [*changes, Change(field="value", before=HIDDEN, after=HIDDEN)]
    if isinstance(desired.value, Ref):
        return [Change(field="value", before=HIDDEN, after=KNOWN_AFTER_APPLY)]
    if latest.value is not None and latest.value.matches(_secret(desired.value)):
        return []
    return [Change(field="value", before=HIDDEN, after=HIDDEN, reason="it has another value")]


def _intact(version: SecretVersion) -> bool:
    """Whether these tags were written for this version: not copied from another one, nor dropped.

    A write of ours that was cut off leaves the mark and no version; an edit by hand copies all tags or none.
    """
    stamp = version.tags.get(VERSION)
    return stamp == version.version if stamp is not None else MARK in version.tags


def _set(cloud: Cloud, desired: VaultSecret, tags: Mapping[str, str]) -> None:
    """A new version, then its own id in its tags: only the answer tells it."""
    key = (
        {}
        if desired.key_id is None
        else {KEY_ID: known(desired.key_id), SINCE: f"{cloud.session.moment():%Y-%m-%dT%H:%M:%SZ}"}
    )
    written = {**tags, **key, **desired.tags}
    made = cloud.secrets.set_secret(
        desired.vault,
        desired.name,
        _secret(known(desired.value)),
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


def _secret(value: Secret | str) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _seconds(moment: datetime | None) -> datetime | None:
    """`exp` has whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None


def _since(version: SecretVersion) -> datetime | None:
    text = version.tags.get(SINCE)
    return datetime.fromisoformat(text) if text else version.created


def _nothing(observed: StoredSecret, view: View | None) -> Outputs:
    return nothing(observed, view)


KIND = Kind(
    name="vault_secret",
    diff=diff,
    publish=_nothing,
    holds=holds,
    read=read,
    owned=owned,
    prove=prove,
    reveal=reveal,
    create=create,
    update=update,
    delete=delete,
)
