"""Applies `$filter` and `$top` to ARM's lists: `tagName eq 'a' and tagValue eq 'b'`, `resourceType eq '…'` etc.

https://learn.microsoft.com/rest/api/resources/resources/list
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localazure.app.call import Call
    from localazure.app.store import Document

_TERM = re.compile(r"\s*([\w/]+)\s+(eq|ne)\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_SUBSTRING = re.compile(r"\s*substringof\('((?:[^']|'')*)'\s*,\s*(name)\)\s*", re.IGNORECASE)


def parse_terms(text: str) -> list[tuple[str, str, str]]:
    """Parse comparisons joined by `and` into `(field in lower case, eq | ne | has, value)`. Raises 400."""
    terms: list[tuple[str, str, str]] = []
    for text_of_term in re.split(r"\band\b(?=(?:[^']*'[^']*')*[^']*$)", text) if text.strip() else []:
        comparison, substring = _TERM.fullmatch(text_of_term), _SUBSTRING.fullmatch(text_of_term)
        if comparison:
            terms.append((comparison[1].lower(), comparison[2].lower(), comparison[3].replace("''", "'")))
        elif substring:
            terms.append((substring[2].lower(), "has", substring[1].replace("''", "'")))
        else:
            raise invalid_filter(text)
    return terms


def invalid_filter(text: str) -> AzureError:
    """Return 400 InvalidFilterInQueryString."""
    message = f"Invalid $filter '{text}' specified in the query string."
    return AzureError(status=400, code="InvalidFilterInQueryString", message=message)


def filter_documents(call: Call, documents: Sequence[Document]) -> Sequence[Document]:
    """Return the documents that match the call's `$filter`, at most `$top` of them.

    Raises 400 for a filter or `$top` that is invalid.
    """
    text = call.query.get("$filter", "")
    terms = {(field, operator): value for field, operator, value in parse_terms(text)}
    matching = [one for one in documents if all(_matches(one, *key, value) for key, value in terms.items())]
    tag = terms.pop(("tagname", "eq"), None)
    value = terms.pop(("tagvalue", "eq"), None)
    if tag is not None or value is not None:
        matching = [document for document in matching if _has_tag(document, tag, value)]
    top = call.query.get("$top", "")
    if top and not re.fullmatch(r"[1-9]\d{0,8}", top, re.ASCII):
        message = f"The value '{top}' of the query parameter '$top' is invalid: a positive integer is expected."
        raise AzureError(status=400, code="InvalidTopInQueryString", message=message)
    return matching[: int(top)] if top else matching


def _matches(document: Document, field: str, operator: str, value: str) -> bool:
    """Evaluate one comparison, without case. Tags are left to `_has_tag`, which needs name and value together.

    Raises 400 for a field that is not supported.
    """
    if field in {"tagname", "tagvalue"}:
        return True
    actual = _field_value(document, field).lower()
    if operator == "has":
        return value.lower() in actual
    return (actual == value.lower()) == (operator == "eq")


def _field_value(document: Document, field: str) -> str:
    if field == "resourcetype":
        return str(document["type"])
    if field == "resourcegroup":
        return str(document["id"]).split("/")[4]
    if field in {"name", "location", "kind"}:
        return str(document.get(field, ""))
    raise invalid_filter(field)


def _has_tag(document: Document, name: str | None, value: str | None) -> bool:
    """Return whether the resource has a matching tag (None: any). Names compare without case, values with."""
    tags: dict[str, str] = document.get("tags") or {}
    return any(
        (name is None or key.lower() == name.lower()) and (value is None or tag_value == value)
        for key, tag_value in tags.items()
    )
