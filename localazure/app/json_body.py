"""Read objects and lists of objects out of a JSON body. Anything else there is Azure's 400 InvalidRequestContent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.store import Document


def object_at(document: Document, *names: str) -> Document:
    """Return the object at a path of member names; empty if absent or null."""
    inner = document
    for depth, name in enumerate(names):
        value: object = inner.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _invalid_content(names[: depth + 1], "an object")
        inner = cast("Document", value)
    return inner


def objects_at(document: Document, *names: str) -> list[Document]:
    """Return the list of objects at a path of member names; empty if absent or null."""
    value = object_at(document, *names[:-1]).get(names[-1])
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in cast("list[object]", value)):
        raise _invalid_content(names, "a list of objects")
    return cast("list[Document]", value)


def _invalid_content(names: tuple[str, ...], expected: str) -> AzureError:
    message = f"The request content was invalid: '{'.'.join(names)}' must be {expected}."
    return AzureError(status=400, code="InvalidRequestContent", message=message)
