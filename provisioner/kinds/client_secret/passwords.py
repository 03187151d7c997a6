"""The passwords of an application that are ours for one name, and what their names tell: no other field is ours.

`displayName` is `provisioner-ENVIRONMENT-NAME`, and behind it, for a key that revokes all before it, how.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.errors import Unreachable
from provisioner.kind import known
from provisioner.model import IDENTITY, HolderKey, Observed, Output, Published, Ref

if TYPE_CHECKING:
    from provisioner.cloud.clients.graph import Application, NewPassword, Password
    from provisioner.cloud.cloud import Cloud
    from provisioner.secret import Secret

REVOKES, REVOKES_AT_ONCE = " revokes", " revokes at once"
MARKS = (REVOKES, REVOKES_AT_ONCE)


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
    """Of the current key. living: all that work; others: those that are not this environment's. holders: which have it.

    value: its text; it exists only in the run that makes it, and where a holder gives it back.
    """

    key_id: Output[str] = Output()
    living: Output[tuple[str, ...]] = Output()
    since: Output[datetime] = Output()
    expires: Output[datetime] = Output()
    due: Output[datetime] = Output()
    others: Output[tuple[str, ...]] = Output()
    holders: Output[tuple[HolderKey, ...]] = Output()
    value: Output[Secret] = Output(secret=True)


@dataclass(frozen=True, kw_only=True)
class Passwords(Observed):
    """All passwords of ours for one name, and key ids of others'. key_id: the one that is meant, None for all."""

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
    """One application's passwords for one name."""

    application_id: str | Ref[str]
    name: str
    environment: str
    overlap: timedelta = timedelta(hours=24)


def passwords_of(application: Application, name: str, environment: str) -> Passwords:
    """Those of ours for the name; the key ids of those that are nobody's of this environment."""
    label = _display_name(environment, "")
    names = {f"{label}{name}{mark}" for mark in ("", *MARKS)}
    ours = tuple(one for one in application.passwords if one.name in names)
    return Passwords(
        owned=bool(ours),
        version=",".join(sorted(one.key_id for one in ours)),
        application_id=application.object_id,
        client_id=application.client_id,
        name=name,
        passwords=ours,
        others=tuple(one.key_id for one in application.passwords if not one.name.startswith(label)),
    )


def add(cloud: Cloud, desired: ClientSecret, mark: str = "") -> NewPassword:
    """Add one; where the answer got lost, remove what was made unseen and add another."""
    application_id = known(desired.application_id)
    label = f"{_display_name(desired.environment, desired.name)}{mark}"
    end = (cloud.session.clock.now() + desired.lifetime).replace(microsecond=0)
    before = _key_ids(cloud, application_id, label)
    try:
        return cloud.graph.add_password(application_id, label, end)
    except Unreachable:
        for key_id in _key_ids(cloud, application_id, label) - before:
            cloud.graph.remove_password(application_id, key_id)
    return cloud.graph.add_password(application_id, label, end)


def _key_ids(cloud: Cloud, application_id: str, label: str) -> set[str]:
    found = cloud.graph.find_application_now(application_id)
    return {one.key_id for one in found.passwords if one.name == label} if found else set()


def revoked(key_id: str, observed: Passwords) -> str:
    """The mark of a newer key that revokes this one, the harder one if there are several; empty if none does.

    A run that is to revoke says so in the name of the key that it makes, by the same write: wherever it is cut off,
    there is no new key, or one that tells the next run to go on. Graph gives times in whole seconds.
    """
    mine = next((one for one in observed.passwords if one.key_id == key_id), None)
    if mine is None:
        return ""
    marks = {
        mark
        for one in observed.passwords
        if (mark := _owner_tag(one)) and (one.start > mine.start or (one.start == mine.start and not _owner_tag(mine)))
    }
    return max(marks, key=MARKS.index, default="")


def _owner_tag(password: Password) -> str:
    return next((mark for mark in MARKS if password.name.endswith(mark)), "")


def _display_name(environment: str, name: str) -> str:
    """The mark of a password: it has no other field of its own."""
    return f"provisioner-{environment}-{name}"
