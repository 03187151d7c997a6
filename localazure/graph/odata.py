"""The part of OData that Graph's clients send: $filter, $search, $select, $expand, $orderby, $top, $count, $skiptoken.

https://learn.microsoft.com/graph/query-parameters
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from localazure.graph.access import bad_request
from localazure.graph.odata_filter import Filter, folded

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_ADVANCED_OPERATOR = re.compile(r"\b(ne|not|endsWith)\b", re.IGNORECASE)
# https://learn.microsoft.com/graph/search-query-parameter#using-search-on-directory-object-collections
_SEARCH_CLAUSE = re.compile(r'"(\w+):([^"]*)"')
_SEARCH = re.compile(r'"\w+:[^"]+"(\s+(AND|OR)\s+"\w+:[^"]+")*')
_EXPANSION = re.compile(r"(\w+)(?:\(([^)]*)\))?")
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 999


def page_body(call: Call, name: str, documents: list[Document]) -> dict[str, Any]:
    """One page of documents with $search, $filter, $orderby, $top and $skiptoken applied.

    `name` is the set, for `@odata.context`.
    """
    matching = _ordered(call, _matching_search_and_filter(call, documents))
    size, start = _page_size(call), _first_index(call)
    body: dict[str, Any] = {"@odata.context": context_url(call, name)}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = len(matching)
    if start + size < len(matching):
        query = {key: value for key, value in call.query.items() if key != "$skiptoken"} | {
            "$skiptoken": str(start + size)
        }
        body["@odata.nextLink"] = f"https://{call.host}{call.path}?{urlencode(query)}"
    body["value"] = [selected_members(call, document) for document in matching[start : start + size]]
    return body


def selected_members(call: Call, document: Document) -> Document:
    """The members that $select names, or all."""
    names = _split_names(call.query.get("$select", ""))
    return only_members(document, names | set(requested_expansions(call)) if names else names)


def only_members(document: Document, names: set[str]) -> Document:
    """The members with these lower-case names; all members if there are no names."""
    if not names or "*" in names:
        return document
    return {key: value for key, value in document.items() if key.lower() in names or key.startswith("@odata")}


def requested_expansions(call: Call) -> dict[str, set[str]]:
    """The relationships that $expand names, in lower case, each with its $select (empty: all members).

    The syntax is `owners($select=id),…`.
    """
    matches = _EXPANSION.finditer(call.query.get("$expand", ""))
    selects = {match[1].lower(): re.search(r"\$select=([^;)]*)", match[2] or "", re.IGNORECASE) for match in matches}
    return {name: _split_names(select[1]) if select else set() for name, select in selects.items()}


def _split_names(text: str) -> set[str]:
    """The comma-separated names, in lower case."""
    return {name.strip().lower() for name in text.split(",") if name.strip()}


def context_url(call: Call, name: str) -> str:
    """The `@odata.context` of a set, or of one object if the name ends with `/$entity`."""
    base, entity, _ = name.partition("/$entity")
    selection = call.query.get("$select", "")
    version = call.path.split("/")[1]
    return f"https://{call.host}/{version}/$metadata#{base}{f'({selection})' if selection else ''}{entity}"


def _matching_search(call: Call, documents: list[Document]) -> list[Document]:
    """The documents that match `$search="displayName:x" OR "description:y"`: a value or a word in it begins so."""
    text = call.query.get("$search", "").strip()
    if not text:
        return documents
    if call.headers.get("consistencylevel", "").lower() != "eventual":
        message = "Request with $search query parameter only works through MSGraph with a special request header: "
        raise bad_request(message + "'ConsistencyLevel: eventual'", "Request_UnsupportedQuery")
    if not _SEARCH.fullmatch(text):
        raise bad_request(f"Syntax error: character '\"' is not valid at position 0 in '{text}'.", "BadRequest")
    groups = re.split(r"\s+OR\s+(?=\")", text)
    clauses_by_group = [_SEARCH_CLAUSE.findall(group) for group in groups]
    return [
        document
        for document in documents
        if any(all(_has_word_with_prefix(document, *clause) for clause in group) for group in clauses_by_group)
    ]


def _has_word_with_prefix(document: Document, property_name: str, prefix: str) -> bool:
    """Whether the property's value, or a word in it, begins with the prefix."""
    text = str(
        next((value for key, value in document.items() if key.lower() == property_name.lower()), None) or ""
    ).casefold()
    prefix = prefix.casefold()
    return text.startswith(prefix) or any(word.startswith(prefix) for word in re.split(r"[\W_]+", text))


def _matching_search_and_filter(call: Call, documents: list[Document]) -> list[Document]:
    """The documents that match $search and $filter."""
    documents = _matching_search(call, documents)
    text = call.query.get("$filter", "").strip()
    if not text:
        return documents
    if _ADVANCED_OPERATOR.search(re.sub(r"'(?:[^']|'')*'", "''", text)):
        _require_advanced_query_header(call)
    expression = Filter(text)
    return [document for document in documents if expression.matches(document)]


def _require_advanced_query_header(call: Call) -> None:
    """400 for an advanced query without its header and $count.

    https://learn.microsoft.com/graph/aad-advanced-queries
    """
    eventual = call.headers.get("consistencylevel", "").lower() == "eventual"
    if not (eventual and call.query.get("$count", "").lower() == "true"):
        raise bad_request(
            "Operator or function is not supported without the header 'ConsistencyLevel: eventual' and $count=true.",
            "Request_UnsupportedQuery",
        )


def _ordered(call: Call, documents: list[Document]) -> list[Document]:
    """The documents in the order of $orderby."""
    name, _, direction = call.query.get("$orderby", "").strip().partition(" ")
    if not name:
        return documents
    backwards = direction.strip().lower() == "desc"
    return sorted(documents, key=lambda document: str(folded(document.get(name)) or ""), reverse=backwards)


def _page_size(call: Call) -> int:
    """The page size in $top, 100 by default; 400 outside 1 to 999."""
    text = call.query.get("$top", str(DEFAULT_PAGE_SIZE))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= MAX_PAGE_SIZE:
        raise bad_request(
            f"Invalid page size specified: '{text}'. Must be between 1 and {MAX_PAGE_SIZE} inclusive.", "BadRequest"
        )
    return int(text)


def _first_index(call: Call) -> int:
    """The index in $skiptoken of the page's first document."""
    text = call.query.get("$skiptoken", "0")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise bad_request("Skip token is not valid.", "Directory_ExpiredPageToken")
    return int(text)
