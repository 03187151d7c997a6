"""The lease of a container or blob as a pure state machine: lease and time in, lease or AzureError out.

A lease is `{"state", "id", "duration", "expires"}`; duration is 15 to 60 seconds or -1, expires an epoch time.
https://learn.microsoft.com/rest/api/storageservices/lease-container (the table of outcomes by state)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.store import Document

INFINITE = -1
_RESOURCE = "container"


@dataclass(frozen=True, kw_only=True)
class LeaseRequest:
    """The parameters of a lease call: the caller's current lease id and the one it proposes."""

    lease_id: str = ""
    proposed_id: str = ""
    duration_seconds: int = INFINITE
    break_seconds: int | None = None


def no_lease() -> Document:
    """The lease of a resource that was never leased."""
    return {"state": "available", "id": "", "duration": 0, "expires": 0.0}


def state(lease: Document, now: float) -> str:
    """The state at this time: available, leased, expired, breaking or broken."""
    stored, expires = str(lease["state"]), float(lease["expires"])
    if stored == "leased" and lease["duration"] != INFINITE and now >= expires:
        return "expired"
    if stored == "breaking" and now >= expires:
        return "broken"
    return stored


def is_locked(lease: Document, now: float) -> bool:
    """Whether the lease blocks writes and deletes: leased or still breaking (`x-ms-lease-status: locked`)."""
    return state(lease, now) in {"leased", "breaking"}


def remaining_seconds(lease: Document, now: float) -> int:
    """Whole seconds until the lease ends; 0 if it is not locked or has no end."""
    is_infinite = lease["duration"] == INFINITE and lease["state"] == "leased"
    return 0 if is_infinite or not is_locked(lease, now) else max(0, round(float(lease["expires"]) - now))


def status_fields(lease: Document, now: float) -> dict[str, str]:
    """`status`, `state` and, while leased, `duration`, in the words of the Blob service."""
    current = state(lease, now)
    fields = {"status": "locked" if is_locked(lease, now) else "unlocked", "state": current}
    if current == "leased":
        fields["duration"] = "infinite" if lease["duration"] == INFINITE else "fixed"
    return fields


def apply_action(
    lease: Document, action: str, request: LeaseRequest, now: float, new_id: Callable[[], str]
) -> Document:
    """The lease after `acquire`, `renew`, `change`, `release` or `break`; `new_id` is for acquire."""
    if action == "acquire":
        return acquire(lease, request, now, new_id())
    return {"renew": renew, "change": change, "release": release, "break": break_}[action](lease, request, now)


def acquire(lease: Document, request: LeaseRequest, now: float, new_id: str) -> Document:
    """A lease under the proposed id, else under `new_id`; 409 if another holds it. The same id extends the lease."""
    _check_duration(request.duration_seconds)
    current = state(lease, now)
    is_same = bool(request.proposed_id) and _is_same_id(lease["id"], request.proposed_id)
    if current == "breaking" and is_same:
        raise _conflict("LeaseIsBreakingAndCannotBeAcquired", _BREAKING_ACQUIRED)
    if current in {"leased", "breaking"} and not is_same:
        raise _conflict("LeaseAlreadyPresent", "There is already a lease present.")
    return _active_lease(request.proposed_id or new_id, request.duration_seconds, now)


def renew(lease: Document, request: LeaseRequest, now: float) -> Document:
    """The same lease for its duration again, also if it has expired and nobody has acquired it since."""
    _require_id(lease, request.lease_id, now)
    if state(lease, now) in {"breaking", "broken"}:
        raise _conflict("LeaseIsBrokenAndCannotBeRenewed", _BROKEN_RENEWED)
    return _active_lease(str(lease["id"]), int(lease["duration"]), now)


def change(lease: Document, request: LeaseRequest, now: float) -> Document:
    """The same lease under the proposed id."""
    if not request.proposed_id:
        raise AzureError(status=400, code="MissingRequiredHeader", message="The proposed lease ID is missing.")
    current = state(lease, now)
    if current not in {"leased", "breaking"}:
        raise _not_present()
    if not (_is_same_id(lease["id"], request.lease_id) or _is_same_id(lease["id"], request.proposed_id)):
        raise _mismatch()
    if current == "breaking":
        raise _conflict("LeaseIsBreakingAndCannotBeChanged", _BREAKING_CHANGED)
    return {**lease, "id": request.proposed_id.lower()}


def release(lease: Document, request: LeaseRequest, now: float) -> Document:
    """No lease, at once; 409 under another id."""
    _require_id(lease, request.lease_id, now)
    return no_lease()


def break_(lease: Document, request: LeaseRequest, now: float) -> Document:
    """A lease that breaks after the break period or its remaining time, the shorter of them; at once if infinite."""
    current = state(lease, now)
    if current == "available":
        raise _not_present()
    if request.break_seconds is not None and not 0 <= request.break_seconds <= 60:
        raise AzureError(status=400, code="InvalidHeaderValue", message="The break period must be 0 to 60 seconds.")
    if current in {"broken", "expired"}:
        return {**lease, "state": "broken", "expires": now}
    remaining = float(lease["expires"]) - now
    if current == "leased" and lease["duration"] == INFINITE:
        remaining = float(request.break_seconds or 0)
    elif request.break_seconds is not None:
        remaining = min(remaining, request.break_seconds)
    return {**lease, "state": "breaking" if remaining > 0 else "broken", "expires": now + remaining}


def check_lease_id(lease: Document, lease_id: str | None, now: float) -> None:
    """412 for an operation on a leased resource without its lease id, or with an id that does not match."""
    is_leased = is_locked(lease, now)
    if is_leased and not lease_id:
        raise AzureError(status=412, code="LeaseIdMissing", message=_MISSING_ID)
    if lease_id and not is_leased:
        code = "LeaseLost" if _is_same_id(lease["id"], lease_id) else f"LeaseNotPresentWith{_RESOURCE.title()}Operation"
        raise AzureError(status=412, code=code, message=f"There is currently no lease on the {_RESOURCE}.")
    if lease_id and not _is_same_id(lease["id"], lease_id):
        message = f"The lease ID specified did not match the lease ID for the {_RESOURCE}."
        raise AzureError(status=412, code=f"LeaseIdMismatchWith{_RESOURCE.title()}Operation", message=message)


def _active_lease(lease_id: str, seconds: int, now: float) -> Document:
    """A lease under this id that starts now."""
    return {"state": "leased", "id": lease_id.lower(), "duration": seconds, "expires": now + max(0, seconds)}


def _check_duration(seconds: int) -> None:
    """400 unless the duration is infinite or 15 to 60 seconds."""
    if seconds != INFINITE and not 15 <= seconds <= 60:
        message = "The lease duration must be -1, or 15 to 60 seconds."
        raise AzureError(status=400, code="InvalidHeaderValue", message=message)


def _require_id(lease: Document, lease_id: str, now: float) -> None:
    """400 without a lease id, 409 for one that does not match."""
    if not lease_id:
        raise AzureError(status=400, code="MissingRequiredHeader", message="The lease ID is missing.")
    if not _is_same_id(lease["id"], lease_id):
        raise _not_present() if state(lease, now) == "available" else _mismatch()


def _is_same_id(lease_id: Any, other: str) -> bool:
    """Whether two lease ids are the same; they compare without case."""
    return bool(other) and str(lease_id).lower() == other.lower()


def _conflict(code: str, message: str) -> AzureError:
    return AzureError(status=409, code=code, message=message)


def _not_present() -> AzureError:
    return _conflict("LeaseNotPresentWithLeaseOperation", f"There is currently no lease on the {_RESOURCE}.")


def _mismatch() -> AzureError:
    message = f"The lease ID specified did not match the lease ID for the {_RESOURCE}."
    return _conflict("LeaseIdMismatchWithLeaseOperation", message)


_MISSING_ID = f"There is currently a lease on the {_RESOURCE} and no lease ID was specified in the request."
_BREAKING_ACQUIRED = "The lease ID matched, but the lease is currently in breaking state and cannot be acquired."
_BREAKING_CHANGED = "The lease ID matched, but the lease is currently in breaking state and cannot be changed."
_BROKEN_RENEWED = "The lease ID matched, but the lease has been broken explicitly and cannot be renewed."
