"""Access tiers of a blob: asked for, archived and then unreadable, brought back within hours.

https://learn.microsoft.com/rest/api/storageservices/set-blob-tier and
https://learn.microsoft.com/azure/storage/blobs/archive-rehydrate-overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.storage.data import path_answers

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

_TIERS = frozenset({"Hot", "Cool", "Cold", "Archive"})
_HOURS = {"Standard": 15, "High": 1}  # the longest that bringing back takes
_ARCHIVED = "This operation is not permitted on an archived blob."
_COMING = "This operation is not permitted because the blob is being rehydrated."


def changed(call: Call, found: Document) -> tuple[int, Document]:
    """200 with the blob in its new tier, or 202 with an archived one that will be there."""
    tier, priority = call.headers.get("x-ms-access-tier", ""), call.headers.get("x-ms-rehydrate-priority", "Standard")
    if tier not in _TIERS:
        raise path_answers.invalid_header("x-ms-access-tier", tier)
    if priority not in _HOURS:
        raise path_answers.invalid_header("x-ms-rehydrate-priority", priority)
    held, now = settled(call.world, found), call.world.clock.timestamp()
    if held.get("rehydrate"):
        raise AzureError(status=409, code="BlobBeingRehydrated", message=_COMING)
    if held["tier"] == "Archive" and tier != "Archive":
        coming = {"tier": tier, "priority": priority, "due": now + _HOURS[priority] * 3600}
        return 202, {**held, "rehydrate": coming}
    return 200, {**held, "tier": tier, "tier_since": now}


def settled(world: World, found: Document) -> Document:
    """The blob as it is by now: one whose hours are over is back."""
    coming = found.get("rehydrate")
    if not coming or world.clock.timestamp() < coming["due"]:
        return found
    return {**found, "tier": coming["tier"], "tier_since": coming["due"], "rehydrate": None}


def check_online(world: World, found: Document | None) -> None:
    """409 BlobArchived for what can neither be read nor overwritten."""
    if found is not None and settled(world, found)["tier"] == "Archive":
        raise AzureError(status=409, code="BlobArchived", message=_ARCHIVED)


def shown(world: World, found: Document) -> dict[str, str]:
    """`access-tier` and what else there is to tell, as headers have it without `x-ms-`."""
    now = settled(world, found)
    if not now["tier"]:
        return {"access-tier": "Hot", "access-tier-inferred": "true"}
    told = {"access-tier": str(now["tier"])}
    told["access-tier-change-time"] = path_answers.moment(now.get("tier_since", now["created"]))
    if now.get("rehydrate"):
        told["archive-status"] = f"rehydrate-pending-to-{now['rehydrate']['tier'].lower()}"
        told["rehydrate-priority"] = str(now["rehydrate"]["priority"])
    return told
