"""Regions of Azure, and the location of a resource, which never changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.store import Document


# Short names and shown ones: https://learn.microsoft.com/azure/reliability/regions-list
_KNOWN: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "regions.json").read_text(encoding="utf-8"))
REGIONS: dict[str, str] = {shown.replace(" ", "").lower(): shown for shown in _KNOWN}


def required_location(body: Document) -> str:
    """The body's location in its short spelling; 400 LocationRequired without one."""
    raw: object = body.get("location")
    if not raw:
        message = "The location property is required for this definition."
        raise AzureError(status=400, code="LocationRequired", message=message)
    return short_location(str(raw))


def short_location(location: str) -> str:
    """`West Europe` and `westeurope` are the same."""
    return location.replace(" ", "").lower()


def region_details(location: str) -> dict[str, str]:
    """What is known of a region: `group`, `longitude`, `latitude`, `place`, `paired` (shown name), each if it is."""
    return _KNOWN.get(REGIONS.get(short_location(location), ""), {})


def check_location_unchanged(found: Document, location: str) -> None:
    """409 InvalidResourceLocation: a resource does not move by a PUT."""
    if short_location(str(found["location"])) != short_location(location):
        group = str(found["id"]).split("/")[4]
        message = (
            f"The resource '{found['name']}' already exists in location '{found['location']}' in resource group "
            f"'{group}'. A resource with the same name cannot be created in location '{location}'. Please select a "
            "new resource name."
        )
        raise AzureError(status=409, code="InvalidResourceLocation", message=message)
