"""Objects inside a request's body, or Azure's 400 where something else stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from localazure.app.store import Document


def object_at(document: Document, *names: str) -> Document:
    """The object at the end of the names; empty when absent or null."""
    inner = document
    for depth, name in enumerate(names):
        found: object = inner.get(name)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise _wrong(names[: depth + 1], "an object")
        inner = cast("Document", found)
    return inner


def objects_at(document: Document, *names: str) -> list[Document]:
    """The list of objects at the end of the names; empty when absent or null."""
    found = object_at(document, *names[:-1]).get(names[-1])
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in cast("list[object]", found)):
        raise _wrong(names, "a list of objects")
    return cast("list[Document]", found)


def _wrong(names: tuple[str, ...], expected: str) -> AzureError:
    message = f"The request content was invalid: '{'.'.join(names)}' must be {expected}."
    return AzureError(status=400, code="InvalidRequestContent", message=message)
