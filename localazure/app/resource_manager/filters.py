"""`$filter` and `$top` of ARM's lists: `tagName eq 'a' and tagValue eq 'b'`, `resourceType eq '…'` and the like.

https://learn.microsoft.com/rest/api/resources/resources/list
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localazure.app.call import Call
    from localazure.app.store import Document

_TERM = re.compile(r"\s*([\w/]+)\s+(eq|ne)\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_SUBSTRING = re.compile(r"\s*substringof\('((?:[^']|'')*)'\s*,\s*(name)\)\s*", re.IGNORECASE)


def parse_terms(text: str) -> list[tuple[str, str, str]]:
    """`(field in lower case, eq | ne | has, value)` of an `and` of comparisons; 400 for anything else."""
    found: list[tuple[str, str, str]] = []
    for part in re.split(r"\band\b(?=(?:[^']*'[^']*')*[^']*$)", text) if text.strip() else []:
        term, inside = _TERM.fullmatch(part), _SUBSTRING.fullmatch(part)
        if term:
            found.append((term[1].lower(), term[2].lower(), term[3].replace("''", "'")))
        elif inside:
            found.append((inside[2].lower(), "has", inside[1].replace("''", "'")))
        else:
            raise invalid_filter(text)
    return found


def invalid_filter(text: str) -> AzureError:
    """400 InvalidFilterInQueryString."""
    message = f"Invalid $filter '{text}' specified in the query string."
    return AzureError(status=400, code="InvalidFilterInQueryString", message=message)


def filter_documents(call: Call, documents: Sequence[Document]) -> Sequence[Document]:
    """The documents that the call's `$filter` and `$top` leave."""
    text = call.query.get("$filter", "")
    wanted = {(field, how): value for field, how, value in parse_terms(text)}
    left = [document for document in documents if all(_holds(document, *key, value) for key, value in wanted.items())]
    tag = wanted.pop(("tagname", "eq"), None)
    value = wanted.pop(("tagvalue", "eq"), None)
    if tag is not None or value is not None:
        left = [document for document in left if _has_tag(document, tag, value)]
    top = call.query.get("$top", "")
    if top and not re.fullmatch(r"[1-9]\d{0,8}", top, re.ASCII):
        message = f"The value '{top}' of the query parameter '$top' is invalid: a positive integer is expected."
        raise AzureError(status=400, code="InvalidTopInQueryString", message=message)
    return left[: int(top)] if top else left


def _holds(document: Document, field: str, how: str, value: str) -> bool:
    if field in {"tagname", "tagvalue"}:
        return True
    there = _field(document, field).lower()
    if how == "has":
        return value.lower() in there
    return (there == value.lower()) == (how == "eq")


def _field(document: Document, field: str) -> str:
    if field == "resourcetype":
        return str(document["type"])
    if field == "resourcegroup":
        return str(document["id"]).split("/")[4]
    if field in {"name", "location", "kind"}:
        return str(document.get(field, ""))
    raise invalid_filter(field)


def _has_tag(document: Document, name: str | None, value: str | None) -> bool:
    """Tag names compare without case, values with."""
    tags: dict[str, str] = document.get("tags") or {}
    return any(
        (name is None or key.lower() == name.lower()) and (value is None or found == value)
        for key, found in tags.items()
    )


def tag_counts(subscription: str, documents: Sequence[Document]) -> list[Document]:
    """Every tag with its values, as `tagNames` lists them."""
    values: dict[str, Counter[str]] = {}
    for document in documents:
        tags: dict[str, str] = document.get("tags") or {}
        for name, value in tags.items():
            values.setdefault(name, Counter())[value] += 1
    return [_tag_count(f"{subscription}/tagNames/{name}", name, values[name]) for name in sorted(values)]


def _tag_count(where: str, name: str, values: Counter[str]) -> Document:
    def total(value: int) -> Document:
        return {"type": "Total", "value": value}

    shown = [
        {"id": f"{where}/tagValues/{value}", "tagValue": value, "count": total(number)}
        for value, number in values.items()
    ]
    return {"id": where, "tagName": name, "count": total(values.total()), "values": shown}
