"""What stands in the body of a write to Resource Manager, or its 400."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.store import Document


def check_tags(tags: object) -> dict[str, str]:
    """A tag map as ARM accepts it: 50 tags, names to 512, values to 256 characters.

    https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
    """
    given = object_in({"tags": tags}, "tags")
    kept = {name: "" if value is None else str(value) for name, value in given.items()}
    if len(kept) > 50:
        message = f"The number of tags '{len(kept)}' exceeds the maximum of '50'."
        raise AzureError(status=400, code="TooManyTags", message=message)
    for name, value in kept.items():
        if not name or len(name) > 512 or re.search(r"[<>%&\\?/]", name):
            message = f"The tag name '{name}' is invalid: 1 to 512 characters, none of <>%&\\?/."
            raise AzureError(status=400, code="InvalidTagName", message=message)
        if len(value) > 256:
            message = f"The value of the tag '{name}' exceeds the maximum length of '256'."
            raise AzureError(status=400, code="InvalidTagValueLength", message=message)
    return kept


def wanted_properties(body: Document) -> Document:
    """`properties` of a body, empty when absent; 400 when it is no object."""
    return object_in(body, "properties")


def object_in(body: Document, name: str) -> Document:
    """A member that is an object, empty when absent; 400 otherwise."""
    value: object = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _malformed(name, "an object")
    return cast("Document", value)


def objects_in(body: Document, name: str) -> list[Document]:
    """A member that is a list of objects, empty when absent; 400 otherwise."""
    value: object = body.get(name)
    listed = cast("list[Document]", value) if isinstance(value, list) else []
    if value is not None and (not isinstance(value, list) or any(type(one) is not dict for one in listed)):
        raise _malformed(name, "a list of objects")
    return listed


def _malformed(name: str, what: str) -> AzureError:
    message = f"The request content was invalid: '{name}' must be {what}."
    return AzureError(status=400, code="InvalidRequestContent", message=message)
