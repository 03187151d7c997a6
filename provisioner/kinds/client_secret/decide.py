"""Which password is the current one, which retire, are in flight or lost, and what follows; from what places hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.kinds.client_secret.passwords import (
    REVOKES,
    REVOKES_AT_ONCE,
    ClientSecret,
    Outputs,
    Passwords,
    revoked,
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
# Graph is eventually consistent: https://learn.microsoft.com/graph/best-practices-concept#handling-expected-errors
VISIBLE_WITHIN = timedelta(minutes=15)
IN_FLIGHT = timedelta(hours=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def diff(desired: ClientSecret, observed: Passwords, view: View) -> tuple[Change, ...]:
    """Rotate if no holder holds a living one, or a holder lacks it and no other can give it.

    Nothing is decided while a holder could not be read: it may hold the very key that seems to be lost.
    """
    if _unread(desired.name, view):
        return ()
    current = _current(observed, view)
    if current is None:
        forces = Forces.REFUSE if view.intent is Intent.ROLLBACK else Forces.ROTATE
        return (_rotation(None, _why_none(observed, view), forces),)
    if view.asked.begin and view.asked.concerns(desired.name):
        begun = _begun(observed, current, view)
        if begun is not None:
            return (begun,)
    if revoked(current.key_id, observed):
        return (_rotation(current.key_id, "revoked by a run that was cut off"),)
    references = view.key_references[_address(desired.name)]
    having = [one for one in references if one.key.key_id == current.key_id]
    holders = {one.holder for one in having if one.key.current}
    lacking = [holder for holder in view.consumers.get(_address(desired.name), ()) if holder not in holders]
    if lacking and not any(one.key.readable for one in having):
        reason = f"{', '.join(map(str, lacking))} lacks it and it can be read back nowhere"
        return (_rotation(current.key_id, reason),)
    return ()


def publish(observed: Passwords, view: View | None) -> Outputs:
    """The current key, once the holders are known. Its dates are left out while Graph does not show the key yet."""
    if view is None or _unread(observed.name, view):
        return Outputs()
    current = _current(observed, view)
    if current is None:
        return Outputs()
    shown = next((one for one in observed.passwords if one.key_id == current.key_id), None)
    if shown is None:
        return Outputs(key_id=current.key_id)
    return Outputs(
        key_id=current.key_id,
        living=tuple(sorted(one.key_id for one in observed.passwords)),
        since=shown.start,
        expires=shown.end,
        due=_due(observed, shown),
        others=observed.others,
        holders=tuple(one for one in view.key_references[_address(observed.name)] if one.key.key_id == current.key_id),
    )


def orphan_action(observed: Passwords, view: View) -> OrphanAction:
    """What becomes of one password: current → stays, retiring and in flight → later, lost → goes."""
    mine = next(one for one in observed.passwords if one.key_id == observed.key_id)
    if view.intent is Intent.TEARDOWN or mine.end <= view.now:
        ended = f"expired on {mine.end:%Y-%m-%d}"
        return OrphanAction(action=Action.DELETE, reason="ours" if view.intent is Intent.TEARDOWN else ended)
    if _unread(observed.name, view):
        return OrphanAction(action=Action.DEFER, reason="decided when every place that may hold it can be read")
    current, key_references = _current(observed, view), _references(observed.name, view)
    naming = [one for one in key_references if one.key_id == mine.key_id]
    if any(one.current for one in naming) or (current is not None and current.key_id == mine.key_id):
        return OrphanAction(action=Action.KEEP, reason="current")
    if naming:
        return _retiring(mine, observed, view)
    if current is not None and revoked(current.key_id, observed) and not revoked(mine.key_id, observed):
        return OrphanAction(action=Action.KEEP, reason="it says that the current one is revoked, until another says so")
    return _unnamed(mine, observed.name, view)


def revoking(observed: Passwords, view: View) -> str:
    """How a new key is to revoke those before it: as asked, or as the one asked for that could not be published."""
    if view.intent is Intent.REVOKE and view.asked.concerns(observed.name):
        return REVOKES_AT_ONCE if view.asked.outage else REVOKES
    current = _current(observed, view)
    return revoked(current.key_id, observed) if current is not None else ""


def _current(observed: Passwords, view: View) -> KeyReference | None:
    """The newest that a holder hands out and Graph shows alive, or may not show yet; else the newest that is kept.

    A holder that was edited by hand still keeps what it handed out before. A rollback goes back to the one before.
    """
    alive = {one.key_id for one in observed.passwords if one.end > view.now}
    shown = {one.key_id for one in observed.passwords}
    key_references = _references(observed.name, view)
    named = [one for one in key_references if one.current and (one.key_id in alive or _invisible(one, shown, view))]
    handed_out = {one.key_id for one in named}
    kept = [one for one in key_references if one.readable and one.key_id in alive - handed_out]
    kept = [one for one in kept if not revoked(one.key_id, observed)]
    if view.intent is Intent.ROLLBACK and view.asked.begin and view.asked.concerns(observed.name):
        return max(kept, key=_since, default=None)
    return max(named or kept, key=_since, default=None)


def _since(reference: KeyReference) -> datetime:
    return reference.since or LONG_AGO


def _due(observed: Passwords, password: Password) -> datetime:
    """When it is to be replaced: old enough, or the last run before its end."""
    return min(password.start + observed.every, password.end - observed.runs_every)


def _begun(observed: Passwords, current: KeyReference, view: View) -> Change | None:
    """The beginning of a rotation, if it is time or somebody asked for it."""
    if view.intent not in (Intent.ROTATE, Intent.REVOKE):
        return None
    if view.asked.force or view.intent is Intent.REVOKE:
        return _rotation(current.key_id, _revoked(observed, view) if view.intent is Intent.REVOKE else "asked for")
    shown = next((one for one in observed.passwords if one.key_id == current.key_id), None)
    if shown is None or _due(observed, shown) > view.now:
        return None
    return _rotation(
        current.key_id, f"due since {_due(observed, shown):%Y-%m-%d %H:%M}, it ends on {shown.end:%Y-%m-%d}"
    )


def _revoked(observed: Passwords, view: View) -> str:
    """Why, and who pays for it."""
    if not view.asked.outage:
        return "revoked: the old one goes when its readers have the new one"
    holders = sorted(
        {str(one.holder) for one in view.key_references.get(_address(observed.name), ()) if one.key.current}
    )
    return f"revoked at once: what was read from {', '.join(holders)} fails until its readers have the new one"


def _invisible(reference: KeyReference, shown: set[str], view: View) -> bool:
    """Made so lately that Graph may not show it yet."""
    return reference.key_id not in shown and reference.since is not None and view.now - reference.since < VISIBLE_WITHIN


def _retiring(mine: Password, observed: Passwords, view: View) -> OrphanAction:
    """It outlives its successor's arrival in every holder by the overlap; a revoked one only the arrival."""
    asked = view.intent is Intent.REVOKE and view.asked.concerns(observed.name)
    mark = revoked(mine.key_id, observed)
    leaked, outage = asked or bool(mark), (asked and view.asked.outage) or mark == REVOKES_AT_ONCE
    handed_out = [one for one in _references(observed.name, view) if one.current]
    arrived = max((_arrived(one, view) for one in handed_out), default=view.now)
    until = min(arrived if leaked else arrived + observed.overlap, mine.end)
    if until <= view.now or outage:
        told = "revoked" if leaked else "retired: another has taken its place"
        return OrphanAction(action=Action.DELETE, reason=told, succeeded=not outage)
    reason = "revoked: its readers get the new one first" if leaked else "retiring: its readers change over"
    return OrphanAction(action=Action.DEFER, reason=reason, until=until, soon=leaked)


def _arrived(one: KeyReference, view: View) -> datetime:
    """When those who read the holder have it: they were seen using it, else once it has had the time to reach them."""
    stored = one.since or view.now
    if one.usage and one.usage.since:
        return max(stored, min(one.usage.since, view.now))  # by Airflow's clock, which may be another
    return one.settled or stored


def _unnamed(mine: Password, name: str, view: View) -> OrphanAction:
    """One that no holder names: lost, or about to be published by another run."""
    if _overtaken(mine, name, view):
        return OrphanAction(action=Action.DELETE, reason="lost: every place was given another after it was made")
    if view.now - mine.start < IN_FLIGHT:
        until = mine.start + IN_FLIGHT
        return OrphanAction(action=Action.DEFER, reason="in flight: made just now, published nowhere yet", until=until)
    return OrphanAction(action=Action.DELETE, reason="lost: no place holds it")


def _overtaken(mine: Password, name: str, view: View) -> bool:
    """Whether each holder was written after it was made: then the run that made it has ended and gave it to nobody."""
    written = {one.holder: one.key.since for one in view.key_references.get(_address(name), ()) if one.key.current}
    holders = view.consumers.get(_address(name), ())
    return bool(holders) and all((written.get(holder) or LONG_AGO) > mine.start for holder in holders)


def _why_none(observed: Passwords, view: View) -> str:
    if view.intent is Intent.ROLLBACK and view.asked.begin:
        return "no place still has the one before it and can be read"
    named: list[HolderKey] = [one for one in view.key_references.get(_address(observed.name), ()) if one.key.current]
    ends = {one.key_id: one.end for one in observed.passwords}
    for one in named:
        if one.key.key_id in ends:
            return f"it expired on {ends[one.key.key_id]:%Y-%m-%d}"
        return f"{one.holder} names a key that Entra does not have"
    return "no place holds one"


def _rotation(before: str | None, reason: str, forces: Forces = Forces.ROTATE) -> Change:
    return Change(field="key_id", before=before, after=KNOWN_AFTER_APPLY, reason=reason, forces=forces)


def _references(name: str, view: View) -> list[KeyReference]:
    return [one.key for one in view.key_references.get(_address(name), ())]


def _unread(name: str, view: View) -> bool:
    return not set(view.unread).isdisjoint(view.consumers.get(_address(name), ()))


def _address(name: str) -> Address:
    return Address(NAME, name)
