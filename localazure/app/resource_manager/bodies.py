"""Reads tags and properties from the body of a write to Resource Manager. Raises its 400 errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.json_body import object_at

if TYPE_CHECKING:
    from localazure.app.store import Document


def validated_tags(tags: object) -> dict[str, str]:
    """Return a tag map after ARM's checks: at most 50 tags, names of 512 and values of 256 characters.

    https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
    """
    values = object_at({"tags": tags}, "tags")
    checked = {name: "" if value is None else str(value) for name, value in values.items()}
    if len(checked) > 50:
        message = f"The number of tags '{len(checked)}' exceeds the maximum of '50'."
        raise AzureError(status=400, code="TooManyTags", message=message)
    for name, value in checked.items():
        if not name or len(name) > 512 or re.search(r"[<>%&\\?/]", name):
            message = f"The tag name '{name}' is invalid: 1 to 512 characters, none of <>%&\\?/."
            raise AzureError(status=400, code="InvalidTagName", message=message)
        if len(value) > 256:
            message = f"The value of the tag '{name}' exceeds the maximum length of '256'."
            raise AzureError(status=400, code="InvalidTagValueLength", message=message)
    return checked


def requested_properties(body: Document) -> Document:
    """Return the `properties` of a body, empty if absent. Raises 400 if they are no object."""
    return object_at(body, "properties")
