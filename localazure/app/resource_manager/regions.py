"""Azure's regions, and the location of a resource, which cannot change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.store import Document


# Short names and display names: https://learn.microsoft.com/azure/reliability/regions-list
_DETAILS: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "regions.json").read_text(encoding="utf-8"))
REGIONS: dict[str, str] = {name.replace(" ", "").lower(): name for name in _DETAILS}


def require_location(body: Document) -> str:
    """Return the location in a body, as a short name. Raises 400 LocationRequired if it is absent."""
    raw: object = body.get("location")
    if not raw:
        message = "The location property is required for this definition."
        raise AzureError(status=400, code="LocationRequired", message=message)
    return short_location(str(raw))


def short_location(location: str) -> str:
    """Return a region's short name: `West Europe` becomes `westeurope`."""
    return location.replace(" ", "").lower()


def known_region_details(location: str) -> dict[str, str]:
    """Return what is known of a region, some of `group`, `longitude`, `latitude`, `place`, `paired` (display name)."""
    return _DETAILS.get(REGIONS.get(short_location(location), ""), {})


def refuse_location_change(resource: Document, location: str) -> None:
    """Raise 409 InvalidResourceLocation if a PUT would move a resource to another location."""
    if short_location(str(resource["location"])) != short_location(location):
        group = str(resource["id"]).split("/")[4]
        message = (
            f"The resource '{resource['name']}' already exists in location '{resource['location']}' in resource group "
            f"'{group}'. A resource with the same name cannot be created in location '{location}'. Please select a "
            "new resource name."
        )
        raise AzureError(status=409, code="InvalidResourceLocation", message=message)
