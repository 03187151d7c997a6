"""The managed passwords of an application for one name, and what their display names say.

`displayName` is `provisioner-ENVIRONMENT-NAME`, with a suffix if the key revokes all earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.errors import Unreachable
from provisioner.kind import require_resolved
from provisioner.model import IDENTITY, HolderKey, Observed, Output, Published, Ref

if TYPE_CHECKING:
    from provisioner.cloud.clients.graph import GraphApplication, NewPassword, Password
    from provisioner.cloud.cloud import Cloud
    from provisioner.key_probe import Rollout
    from provisioner.secret import Secret

REVOKES_SUFFIX, REVOKES_AT_ONCE_SUFFIX = " revokes", " revokes at once"
REVOCATION_SUFFIXES = (REVOKES_SUFFIX, REVOKES_AT_ONCE_SUFFIX)


@dataclass(frozen=True, kw_only=True)
class ClientSecret:
    """application_id: object id. name: of the principal, as `airflow`. sign_in_seconds: how long a new one may take.

    every: the age at which it is due. overlap: how long an old one outlives its successor's arrival. runs_every: how
    often somebody looks.
    """

    application_id: str | Ref[str] = field(metadata=IDENTITY)
    client_id: str | Ref[str]
    name: str
    tenant_id: str
    lifetime: timedelta
    environment: str
    every: timedelta = timedelta(days=30)
    overlap: timedelta = timedelta(hours=24)
    runs_every: timedelta = timedelta(days=1)
    sign_in_seconds: float = field(default=300.0, repr=False)


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """Of the current key. active_key_ids: all valid ones; others: those of nobody here. holders: which have it.

    value: its text; it exists only in the run that creates it, and where a holder reveals it. hint: how it begins.
    """

    key_id: Output[str] = Output()
    active_key_ids: Output[tuple[str, ...]] = Output()
    since: Output[datetime] = Output()
    expires: Output[datetime] = Output()
    due: Output[datetime] = Output()
    others: Output[tuple[str, ...]] = Output()
    holders: Output[tuple[HolderKey, ...]] = Output()
    hint: Output[Secret | None] = Output()
    value: Output[Secret] = Output(secret=True)


@dataclass(frozen=True, kw_only=True)
class Passwords(Observed):
    """All managed passwords for one name, and the key ids of others. key_id: the one concerned, None for all."""

    application_id: str
    client_id: str
    name: str
    passwords: tuple[Password, ...]
    others: tuple[str, ...] = ()
    every: timedelta = timedelta(days=30)
    overlap: timedelta = timedelta(hours=24)
    runs_every: timedelta = timedelta(days=1)
    key_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One application's passwords for one name. rollout: the settings that workers must show before any goes."""

    application_id: str | Ref[str]
    name: str
    environment: str
    overlap: timedelta = timedelta(hours=24)
    rollout: Rollout | None = None


def passwords_of(application: GraphApplication, name: str, environment: str) -> Passwords:
    """The managed passwords for the name, and the key ids of those of no principal of this environment."""
    label = _display_name(environment, "")
    names = {f"{label}{name}{suffix}" for suffix in ("", *REVOCATION_SUFFIXES)}
    managed = tuple(one for one in application.passwords if one.name in names)
    return Passwords(
        owned=bool(managed),
        version=",".join(sorted(one.key_id for one in managed)),
        application_id=application.object_id,
        client_id=application.client_id,
        name=name,
        passwords=managed,
        others=tuple(one.key_id for one in application.passwords if not one.name.startswith(label)),
    )


def add_password(cloud: Cloud, desired: ClientSecret, revocation_suffix: str = "") -> NewPassword:
    """Add a password. If the response is lost, remove the one that it created, found by its end, and add another."""
    application_id = require_resolved(desired.application_id)
    label = f"{_display_name(desired.environment, desired.name)}{revocation_suffix}"
    end = (cloud.session.clock.decision_time() + desired.lifetime).replace(microsecond=0)
    try:
        return cloud.graph.add_password(application_id, label, end)
    except Unreachable:
        found = cloud.graph.find_application_now(application_id)
        for one in found.passwords if found else ():
            if (one.name, one.end) == (label, end):
                cloud.graph.remove_password(application_id, one.key_id)
    return cloud.graph.add_password(application_id, label, end)


def suffix_revoking(key_id: str, observed: Passwords) -> str:
    """The suffix of a newer key that revokes this one, the stricter one if there are several; empty if none does.

    A revocation is written into the name of the new key by the request that creates it: wherever the run is cut off,
    there is no new key, or one that makes the next run go on. Graph gives times in whole seconds.
    """
    mine = next((one for one in observed.passwords if one.key_id == key_id), None)
    if mine is None:
        return ""
    suffixes = {
        suffix
        for one in observed.passwords
        if (suffix := _revocation_suffix(one))
        and (one.start > mine.start or (one.start == mine.start and not _revocation_suffix(mine)))
    }
    return max(suffixes, key=REVOCATION_SUFFIXES.index, default="")


def _revocation_suffix(password: Password) -> str:
    return next((suffix for suffix in REVOCATION_SUFFIXES if password.name.endswith(suffix)), "")


def _display_name(environment: str, name: str) -> str:
    """The owner tag of a password: it has no other field for it."""
    return f"provisioner-{environment}-{name}"
