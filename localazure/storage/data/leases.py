"""The lease of a container or blob as a pure state machine: lease and time in, lease or AzureError out.

A lease is `{"state", "id", "duration", "expires"}`; duration is 15 to 60 seconds or -1, expires an epoch time.
https://learn.microsoft.com/rest/api/storageservices/lease-container (the table of outcomes by state)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.store import Document

INFINITE = -1
_NAME = "container"


@dataclass(frozen=True, kw_only=True)
class LeaseRequest:
    """What a lease call asks for; the id is the caller's current one, `proposed_id` the one it wants."""

    lease_id: str = ""
    proposed_id: str = ""
    duration_seconds: int = INFINITE
    break_seconds: int | None = None


def none() -> Document:
    """The lease of something that was never leased."""
    return {"state": "available", "id": "", "duration": 0, "expires": 0.0}


def state(lease: Document, now: float) -> str:
    """available, leased, expired, breaking or broken."""
    known, ends = str(lease["state"]), float(lease["expires"])
    if known == "leased" and lease["duration"] != INFINITE and now >= ends:
        return "expired"
    if known == "breaking" and now >= ends:
        return "broken"
    return known


def is_held(lease: Document, now: float) -> bool:
    """Whether writes and deletes are guarded: leased or still breaking (`x-ms-lease-status: locked`)."""
    return state(lease, now) in {"leased", "breaking"}


def remaining_seconds(lease: Document, now: float) -> int:
    """Whole seconds until the lease ends; 0 when it is not held or has no end."""
    endless = lease["duration"] == INFINITE and lease["state"] == "leased"
    return 0 if endless or not is_held(lease, now) else max(0, round(float(lease["expires"]) - now))


def acquire(lease: Document, wanted: LeaseRequest, now: float, fresh_id: str) -> Document:
    """Leased under the proposed id, else under `fresh_id`; taking it again under the same id prolongs it."""
    _check_duration(wanted.duration_seconds)
    held = state(lease, now)
    same = bool(wanted.proposed_id) and _same(lease["id"], wanted.proposed_id)
    if held == "breaking" and same:
        raise _conflict("LeaseIsBreakingAndCannotBeAcquired", _BREAKING_ACQUIRED)
    if held in {"leased", "breaking"} and not same:
        raise _conflict("LeaseAlreadyPresent", "There is already a lease present.")
    return _leased(wanted.proposed_id or fresh_id, wanted.duration_seconds, now)


def renew(lease: Document, wanted: LeaseRequest, now: float) -> Document:
    """The same lease for its duration again, also when it ran out and nobody took it since."""
    _require_id(lease, wanted.lease_id, now)
    if state(lease, now) in {"breaking", "broken"}:
        raise _conflict("LeaseIsBrokenAndCannotBeRenewed", _BROKEN_RENEWED)
    return _leased(str(lease["id"]), int(lease["duration"]), now)


def change(lease: Document, wanted: LeaseRequest, now: float) -> Document:
    """The same lease under the proposed id."""
    if not wanted.proposed_id:
        raise AzureError(status=400, code="MissingRequiredHeader", message="The proposed lease ID is missing.")
    held = state(lease, now)
    if held not in {"leased", "breaking"}:
        raise _not_present()
    if not (_same(lease["id"], wanted.lease_id) or _same(lease["id"], wanted.proposed_id)):
        raise _mismatch()
    if held == "breaking":
        raise _conflict("LeaseIsBreakingAndCannotBeChanged", _BREAKING_CHANGED)
    return {**lease, "id": wanted.proposed_id.lower()}


def release(lease: Document, wanted: LeaseRequest, now: float) -> Document:
    """Available at once."""
    _require_id(lease, wanted.lease_id, now)
    return none()


def break_(lease: Document, wanted: LeaseRequest, now: float) -> Document:
    """Breaking until the shorter of the break period and what is left; a lease without end breaks at once."""
    held = state(lease, now)
    if held == "available":
        raise _not_present()
    if wanted.break_seconds is not None and not 0 <= wanted.break_seconds <= 60:
        raise AzureError(status=400, code="InvalidHeaderValue", message="The break period must be 0 to 60 seconds.")
    if held in {"broken", "expired"}:
        return {**lease, "state": "broken", "expires": now}
    left = float(lease["expires"]) - now
    if held == "leased" and lease["duration"] == INFINITE:
        left = float(wanted.break_seconds or 0)
    elif wanted.break_seconds is not None:
        left = min(left, wanted.break_seconds)
    return {**lease, "state": "breaking" if left > 0 else "broken", "expires": now + left}


def check(lease: Document, lease_id: str | None, now: float) -> None:
    """Raise the 412 or 409 of an operation on something leased, or of one that names a lease that is not there."""
    held = is_held(lease, now)
    if held and not lease_id:
        raise AzureError(status=412, code="LeaseIdMissing", message=_MISSING)
    if lease_id and not held:
        code = "LeaseLost" if _same(lease["id"], lease_id) else f"LeaseNotPresentWith{_NAME.title()}Operation"
        raise AzureError(status=412, code=code, message=f"There is currently no lease on the {_NAME}.")
    if lease_id and not _same(lease["id"], lease_id):
        message = f"The lease ID specified did not match the lease ID for the {_NAME}."
        raise AzureError(status=412, code=f"LeaseIdMismatchWith{_NAME.title()}Operation", message=message)


def _leased(lease_id: str, seconds: int, now: float) -> Document:
    return {"state": "leased", "id": lease_id.lower(), "duration": seconds, "expires": now + max(0, seconds)}


def _check_duration(seconds: int) -> None:
    if seconds != INFINITE and not 15 <= seconds <= 60:
        message = "The lease duration must be -1, or 15 to 60 seconds."
        raise AzureError(status=400, code="InvalidHeaderValue", message=message)


def _require_id(lease: Document, lease_id: str, now: float) -> None:
    if not lease_id:
        raise AzureError(status=400, code="MissingRequiredHeader", message="The lease ID is missing.")
    if not _same(lease["id"], lease_id):
        raise _not_present() if state(lease, now) == "available" else _mismatch()


def _same(one: Any, other: str) -> bool:
    return bool(other) and str(one).lower() == other.lower()


def _conflict(code: str, message: str) -> AzureError:
    return AzureError(status=409, code=code, message=message)


def _not_present() -> AzureError:
    return _conflict("LeaseNotPresentWithLeaseOperation", f"There is currently no lease on the {_NAME}.")


def _mismatch() -> AzureError:
    message = f"The lease ID specified did not match the lease ID for the {_NAME}."
    return _conflict("LeaseIdMismatchWithLeaseOperation", message)


_MISSING = f"There is currently a lease on the {_NAME} and no lease ID was specified in the request."
_BREAKING_ACQUIRED = "The lease ID matched, but the lease is currently in breaking state and cannot be acquired."
_BREAKING_CHANGED = "The lease ID matched, but the lease is currently in breaking state and cannot be changed."
_BROKEN_RENEWED = "The lease ID matched, but the lease has been broken explicitly and cannot be renewed."
