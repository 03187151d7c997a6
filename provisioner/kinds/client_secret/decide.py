"""Decides which password is current, retiring, in flight or lost, from the key references of holders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.kinds.client_secret.passwords import (
    REVOKES_AT_ONCE_SUFFIX,
    REVOKES_SUFFIX,
    ClientSecret,
    Outputs,
    Passwords,
    suffix_revoking,
)
from provisioner.model import (
    KNOWN_AFTER_APPLY,
    Action,
    Address,
    Change,
    Forces,
    HolderKey,
    Intent,
    KeyReference,
    OrphanAction,
    View,
)

if TYPE_CHECKING:
    from provisioner.cloud.clients.graph import Password

NAME = "client_secret"
UNSEEN = "its readers may still use it; `provisioner rotate --confirm-rolled-out` says that they have the new one"
# Graph is eventually consistent: https://learn.microsoft.com/graph/best-practices-concept#handling-expected-errors
VISIBLE_WITHIN = timedelta(minutes=15)
IN_FLIGHT = timedelta(hours=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def diff(desired: ClientSecret, observed: Passwords, view: View) -> tuple[Change, ...]:
    """Rotate if a key is missing, requested or due, or if the current one is revoked.

    It is missing if no holder has an active key, or if a holder lacks it and it can be read back from no other.
    Requested and due rotations begin only where this run may begin them. A rollback without an earlier key is refused.

    Nothing is decided while a holder cannot be read: it may have the key that seems to be lost.
    """
    if _unread_holders(desired.name, view):
        return ()
    current = _current_or_rollback_key(observed, view)
    if current is None:
        rollback = view.intent is Intent.ROLLBACK
        return (
            _rollback_refusal(desired.name) if rollback else _rotate_change(None, _reason_for_none(observed, view)),
        )
    if view.request.begin and view.request.concerns(desired.name):
        started = _due_or_requested_rotation(observed, current, view)
        if started is not None:
            return (started,)
    if suffix_revoking(current.key_id, observed):
        return (_rotate_change(current.key_id, "revoked by an interrupted run"),)
    references = view.key_references[_address(desired.name)]
    having = [one for one in references if one.key.key_id == current.key_id]
    holders = {one.holder for one in having if one.key.current}
    lacking = [holder for holder in view.declared_holders.get(_address(desired.name), ()) if holder not in holders]
    if lacking and not any(one.key.readable for one in having):
        reason = f"{', '.join(map(str, lacking))} lacks it, and no holder can reveal it"
        return (_rotate_change(current.key_id, reason),)
    return ()


def publish(observed: Passwords, view: View | None) -> Outputs:
    """The current key, once the holders are known. Its dates are left out while Graph does not show the key yet."""
    if view is None or _unread_holders(observed.name, view):
        return Outputs()
    current = _current_or_rollback_key(observed, view)
    if current is None:
        return Outputs()
    password = next((one for one in observed.passwords if one.key_id == current.key_id), None)
    if password is None:
        return Outputs(key_id=current.key_id)
    return Outputs(
        key_id=current.key_id,
        active_key_ids=tuple(sorted(one.key_id for one in observed.passwords)),
        since=password.start,
        expires=password.end,
        due=_due(observed, password),
        others=observed.others,
        hint=password.hint,
        holders=tuple(one for one in view.key_references[_address(observed.name)] if one.key.key_id == current.key_id),
    )


def orphan_action(observed: Passwords, view: View) -> OrphanAction:
    """Keep the current password, defer those that are retiring or in flight, delete lost ones.

    Expired ones, and all in a teardown, are deleted; while a holder cannot be read, the others are deferred.
    """
    mine = next(one for one in observed.passwords if one.key_id == observed.key_id)
    if view.intent is Intent.TEARDOWN or mine.end <= view.now:
        ended = f"expired on {mine.end:%Y-%m-%d}"
        return OrphanAction(action=Action.DELETE, reason="owned" if view.intent is Intent.TEARDOWN else ended)
    if unread := _unread_holders(observed.name, view):
        reason = "decided once every holder that may have it can be read"
        return OrphanAction(action=Action.DEFER, reason=reason, unread=unread)
    current, key_references = _current_or_rollback_key(observed, view), _references(observed.name, view)
    naming = [one for one in key_references if one.key_id == mine.key_id]
    if any(one.current for one in naming) or (current is not None and current.key_id == mine.key_id):
        return OrphanAction(action=Action.KEEP, reason="current")
    if naming:
        return _retiring_key_action(mine, observed, view)
    if current is not None and suffix_revoking(current.key_id, observed) and not suffix_revoking(mine.key_id, observed):
        return OrphanAction(action=Action.KEEP, reason="it records that the current one is revoked, until another does")
    return _unnamed_key_action(mine, observed.name, view)


def suffix_for_new_key(observed: Passwords, view: View) -> str:
    """The suffix of a new key's name that revokes earlier keys: as requested, or as an unfinished revocation."""
    if view.intent is Intent.REVOKE and view.request.concerns(observed.name):
        return REVOKES_AT_ONCE_SUFFIX if view.request.outage else REVOKES_SUFFIX
    current = _current_or_rollback_key(observed, view)
    return suffix_revoking(current.key_id, observed) if current is not None else ""


def _current_or_rollback_key(observed: Passwords, view: View) -> KeyReference | None:
    """The newest key that a holder hands out and Graph shows as valid, or may not show yet; else the newest one kept.

    In a requested rollback: the newest earlier key that a holder can reveal.

    A holder that was edited by hand still has the key it handed out before. A rollback returns to the key before.
    """
    alive = {one.key_id for one in observed.passwords if one.end > view.now} - view.unusable_keys
    visible = {one.key_id for one in observed.passwords}
    key_references = _references(observed.name, view)
    named = [
        one
        for one in key_references
        if one.current and (one.key_id in alive or _may_not_be_visible_yet(one, visible, view))
    ]
    handed_out = {one.key_id for one in named}
    kept = [one for one in key_references if one.readable and one.key_id in alive - handed_out]
    kept = [one for one in kept if not suffix_revoking(one.key_id, observed)]
    if view.intent is Intent.ROLLBACK and view.request.begin and view.request.concerns(observed.name):
        return max(kept, key=_since, default=None)
    return max(named or kept, key=_since, default=None)


def _since(reference: KeyReference) -> datetime:
    return reference.since or LONG_AGO


def _due(observed: Passwords, password: Password) -> datetime:
    """When it is to be replaced: at its maximum age, or at the last run before it expires."""
    return min(password.start + observed.every, password.end - observed.runs_every)


def _due_or_requested_rotation(observed: Passwords, current: KeyReference, view: View) -> Change | None:
    """The change that starts a rotation, if it is due or requested."""
    if view.intent not in (Intent.ROTATE, Intent.REVOKE):
        return None
    if view.request.force or view.intent is Intent.REVOKE:
        return _rotate_change(
            current.key_id, _reason_of_revocation(observed, view) if view.intent is Intent.REVOKE else "asked for"
        )
    password = next((one for one in observed.passwords if one.key_id == current.key_id), None)
    if password is None or _due(observed, password) > view.now:
        return None
    return _rotate_change(
        current.key_id, f"due since {_due(observed, password):%Y-%m-%d %H:%M}, it ends on {password.end:%Y-%m-%d}"
    )


def _reason_of_revocation(observed: Passwords, view: View) -> str:
    """Why it is rotated, and who is affected."""
    if not view.request.outage:
        return "revoked: the old one is removed once its readers have the new one"
    holders = sorted(
        {str(one.holder) for one in view.key_references.get(_address(observed.name), ()) if one.key.current}
    )
    return f"revoked at once: those who read it from {', '.join(holders)} fail until they have the new one"


def _may_not_be_visible_yet(reference: KeyReference, visible_key_ids: set[str], view: View) -> bool:
    """Whether it is so new that Graph may not show it yet, and was not tried in vain."""
    if reference.key_id in visible_key_ids or reference.key_id in view.unusable_keys:
        return False
    return reference.since is not None and view.now - reference.since < VISIBLE_WITHIN


def _retiring_key_action(mine: Password, observed: Passwords, view: View) -> OrphanAction:
    """A retiring key stays until its successor has reached every holder, and then for the overlap if not revoked.

    One of which nobody can see whether its readers have the successor stays until it expires; a revocation with
    `outage` waits for nothing.
    """
    requested = view.intent is Intent.REVOKE and view.request.concerns(observed.name)
    suffix = suffix_revoking(mine.key_id, observed)
    leaked, outage = requested or bool(suffix), (requested and view.request.outage) or suffix == REVOKES_AT_ONCE_SUFFIX
    handed_out = [one for one in _references(observed.name, view) if one.current]
    if any(one.unseen for one in handed_out) and not outage and mine.end > view.now:
        return OrphanAction(action=Action.DEFER, reason=UNSEEN, until=mine.end, unconfirmed=True)
    arrived = max((_arrival(one, view) for one in handed_out), default=view.now)
    until = min(arrived if leaked else arrived + observed.overlap, mine.end)
    if until <= view.now or outage:
        reason = "revoked" if leaked else "retired: replaced by another"
        return OrphanAction(action=Action.DELETE, reason=reason, successor_in_use=not outage)
    reason = (
        "revoked: its readers get the new one first" if leaked else "retiring: its readers are switching to the new one"
    )
    return OrphanAction(action=Action.DEFER, reason=reason, until=until, wait_in_run=leaked)


def _arrival(one: KeyReference, view: View) -> datetime:
    """When the holder's readers have the key: when they were seen using it, else when it must have reached them."""
    stored = one.since or view.now
    if one.usage and one.usage.since:
        return max(stored, min(one.usage.since, view.now))  # by Airflow's clock, which may be another
    return one.settled or stored


def _unnamed_key_action(mine: Password, principal: str, view: View) -> OrphanAction:
    """A key that no holder names is lost, or about to be published by another run."""
    if _was_superseded(mine, principal, view):
        return OrphanAction(action=Action.DELETE, reason="lost: every holder got another after it was created")
    if view.now - mine.start < IN_FLIGHT:
        until = mine.start + IN_FLIGHT
        return OrphanAction(action=Action.DEFER, reason="in flight: just created, not published yet", until=until)
    return OrphanAction(action=Action.DELETE, reason="lost: no holder has it")


def _was_superseded(mine: Password, name: str, view: View) -> bool:
    """Whether every holder was written after it was created: then the run that created it published it nowhere."""
    written = {one.holder: one.key.since for one in view.key_references.get(_address(name), ()) if one.key.current}
    holders = view.declared_holders.get(_address(name), ())
    return bool(holders) and all((written.get(holder) or LONG_AGO) > mine.start for holder in holders)


def _rollback_refusal(principal: str) -> Change:
    """Why there is no earlier key to roll back to."""
    reason = (
        f"Before the first rotation and after the overlap there is none, and none without a vault secret in "
        f"`principals.{principal}.secrets`. `provisioner rotate ENV --force --only {principal}` makes a new key"
    )
    what = "in no holder that can be read"
    return Change(field="the previous key", before=what, reason=reason, forces=Forces.REFUSE)


def _reason_for_none(observed: Passwords, view: View) -> str:
    named: list[HolderKey] = [one for one in view.key_references.get(_address(observed.name), ()) if one.key.current]
    ends = {one.key_id: one.end for one in observed.passwords}
    for one in named:
        if one.key.key_id in ends and one.key.key_id in view.unusable_keys:
            return f"the secret in {one.holder} is not the one that was written there"
        if one.key.key_id in ends:
            return f"it expired on {ends[one.key.key_id]:%Y-%m-%d}"
        return f"{one.holder} names a key that Entra does not have"
    return "no holder has one"


def _rotate_change(before: str | None, reason: str) -> Change:
    return Change(field="key_id", before=before, after=KNOWN_AFTER_APPLY, reason=reason, forces=Forces.ROTATE)


def _references(name: str, view: View) -> list[KeyReference]:
    return [one.key for one in view.key_references.get(_address(name), ())]


def _unread_holders(name: str, view: View) -> tuple[Address, ...]:
    return tuple(one for one in view.declared_holders.get(_address(name), ()) if one in view.unread)


def _address(name: str) -> Address:
    return Address(NAME, name)
