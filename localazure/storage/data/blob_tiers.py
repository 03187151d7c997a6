"""Access tiers of a blob: set, archived and then unreadable, rehydrated within hours.

https://learn.microsoft.com/rest/api/storageservices/set-blob-tier and
https://learn.microsoft.com/azure/storage/blobs/archive-rehydrate-overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.storage.data import path_responses

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_TIERS = frozenset({"Hot", "Cool", "Cold", "Archive"})
_REHYDRATION_HOURS = {"Standard": 15, "High": 1}  # the longest that bringing back takes
_ARCHIVED_MESSAGE = "This operation is not permitted on an archived blob."
_REHYDRATING_MESSAGE = "This operation is not permitted because the blob is being rehydrated."


def with_requested_tier(call: Call, blob: Document) -> tuple[int, Document]:
    """The status of the answer and the blob in the tier that the headers name, not stored.

    It is 200, or 202 for an archived blob that is being rehydrated. 400 for an unknown tier, 409 while it is
    rehydrated.
    """
    tier, priority = call.headers.get("x-ms-access-tier", ""), call.headers.get("x-ms-rehydrate-priority", "Standard")
    if tier not in _TIERS:
        raise path_responses.invalid_header("x-ms-access-tier", tier)
    if priority not in _REHYDRATION_HOURS:
        raise path_responses.invalid_header("x-ms-rehydrate-priority", priority)
    current, now = after_rehydration(call.tenant, blob), call.tenant.clock.timestamp()
    if current.get("rehydrate"):
        raise AzureError(status=409, code="BlobBeingRehydrated", message=_REHYDRATING_MESSAGE)
    if current["tier"] == "Archive" and tier != "Archive":
        rehydration = {"tier": tier, "priority": priority, "due": now + _REHYDRATION_HOURS[priority] * 3600}
        return 202, {**current, "rehydrate": rehydration}
    return 200, {**current, "tier": tier, "tier_since": now}


def after_rehydration(tenant: Tenant, blob: Document) -> Document:
    """The blob in its current tier: a rehydration whose time is over is complete."""
    rehydration = blob.get("rehydrate")
    if not rehydration or tenant.clock.timestamp() < rehydration["due"]:
        return blob
    return {**blob, "tier": rehydration["tier"], "tier_since": rehydration["due"], "rehydrate": None}


def check_not_archived(tenant: Tenant, blob: Document | None) -> None:
    """409 BlobArchived: an archived blob can be neither read nor overwritten."""
    if blob is not None and after_rehydration(tenant, blob)["tier"] == "Archive":
        raise AzureError(status=409, code="BlobArchived", message=_ARCHIVED_MESSAGE)


def tier_fields(tenant: Tenant, blob: Document) -> dict[str, str]:
    """`access-tier` and related properties, named as the headers without `x-ms-`."""
    current = after_rehydration(tenant, blob)
    if not current["tier"]:
        return {"access-tier": "Hot", "access-tier-inferred": "true"}
    fields = {"access-tier": str(current["tier"])}
    fields["access-tier-change-time"] = path_responses.epoch_http_date(current.get("tier_since", current["created"]))
    if current.get("rehydrate"):
        fields["archive-status"] = f"rehydrate-pending-to-{current['rehydrate']['tier'].lower()}"
        fields["rehydrate-priority"] = str(current["rehydrate"]["priority"])
    return fields
