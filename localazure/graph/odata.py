"""The part of OData that Graph's clients send: $filter, $search, $select, $expand, $orderby, $top, $count, $skiptoken.

Strings compare without case, as in Graph. https://learn.microsoft.com/graph/filter-query-parameter
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from localazure.app.call import Reply
from localazure.graph.access import bad_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import AzureError, Call
    from localazure.app.store import Document

    Predicate = Callable[[Any], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:]|[A-Za-z0-9_@.$+\-:]+(?:/[A-Za-z0-9_@.$]+)*)")
_FUNCTIONS = frozenset({"startswith", "endswith", "contains"})
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "in"})
_ADVANCED_OPERATOR = re.compile(r"\b(ne|not|endsWith)\b", re.IGNORECASE)
# https://learn.microsoft.com/graph/search-query-parameter#using-search-on-directory-object-collections
_SEARCH_CLAUSE = re.compile(r'"(\w+):([^"]*)"')
_SEARCH = re.compile(r'"\w+:[^"]+"(\s+(AND|OR)\s+"\w+:[^"]+")*')
_EXPANSION = re.compile(r"(\w+)(?:\(([^)]*)\))?")
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 999


class Filter:
    """A $filter expression, parsed by recursive descent: or, and, not, comparison, function, any-lambda.

    A malformed expression raises 400 Request_UnsupportedQuery.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize(text)
        self._index = 0
        self._root = self._parse_or()
        if self._index != len(self._tokens):
            raise self._syntax_error()

    def matches(self, document: Document) -> bool:
        """Whether a document passes the filter."""
        return self._root({"": document})

    def _tokenize(self, text: str) -> list[str]:
        tokens: list[str] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._syntax_error()
            tokens += _split_lambda_variable(match[1])
            position = match.end()
        return tokens

    def _syntax_error(self) -> AzureError:
        return bad_request(f"Invalid filter clause: Syntax error in '{self._text}'.", "Request_UnsupportedQuery")

    def _peek(self) -> str:
        return self._tokens[self._index] if self._index < len(self._tokens) else ""

    def _take(self, *expected: str) -> str:
        token = self._peek()
        if not token or (expected and token.lower() not in expected):
            raise self._syntax_error()
        self._index += 1
        return token

    def _parse_or(self) -> Predicate:
        tests = [self._parse_and()]
        while self._peek().lower() == "or":
            self._take()
            tests.append(self._parse_and())
        return lambda scope: any(test(scope) for test in tests)

    def _parse_and(self) -> Predicate:
        tests = [self._parse_term()]
        while self._peek().lower() == "and":
            self._take()
            tests.append(self._parse_term())
        return lambda scope: all(test(scope) for test in tests)

    def _parse_term(self) -> Predicate:
        token = self._take()
        if token.lower() == "not":
            inner = self._parse_term()
            return lambda scope: not inner(scope)
        if token == "(":  # noqa: S105 - a bracket
            inner = self._parse_or()
            self._take(")")
            return inner
        if token.lower() in _FUNCTIONS:
            return self._parse_function(token.lower())
        if token.lower().endswith("/any"):
            return self._parse_any(token[: -len("/any")])
        return self._parse_comparison(token)

    def _parse_function(self, name: str) -> Predicate:
        self._take("(")
        path = self._take()
        self._take(",")
        operand = str(_literal(self._take())).casefold()
        self._take(")")
        method = {"startswith": str.startswith, "endswith": str.endswith, "contains": str.__contains__}[name]
        return lambda scope: any(method(str(value).casefold(), operand) for value in [_value_at(scope, path)] if value)

    def _parse_any(self, path: str) -> Predicate:
        self._take("(")
        if self._peek() == ")":
            self._take()
            return lambda scope: bool(_value_at(scope, path))
        name = self._take()
        self._take(":")
        inner = self._parse_or()
        self._take(")")
        return lambda scope: any(inner({**scope, name: item}) for item in _value_at(scope, path) or ())

    def _parse_comparison(self, path: str) -> Predicate:
        operator = self._take(*_COMPARISONS).lower()
        if operator == "in":
            values = {_folded(value) for value in self._parse_list()}
            return lambda scope: _folded(_value_at(scope, path)) in values
        operand = _folded(_literal(self._take()))
        return lambda scope: _compare(operator, _folded(_value_at(scope, path)), operand)

    def _parse_list(self) -> list[Any]:
        self._take("(")
        values = [_literal(self._take())]
        while self._take(",", ")") == ",":
            values.append(_literal(self._take()))
        return values


def _split_lambda_variable(token: str) -> list[str]:
    """Split `t:t`, which matches as one token because dates contain colons, into variable, colon and operand."""
    match = re.fullmatch(r"([A-Za-z_]\w*):(.*)", token)
    return [part for part in (match[1], ":", match[2]) if part] if match else [token]


def _literal(token: str) -> Any:
    """The value of a literal: a string without its quotes, true, false, null, or the token itself."""
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return {"true": True, "false": False, "null": None}.get(token.lower(), token)


def _folded(value: Any) -> Any:
    """A string in case-folded form; other values as they are."""
    return value.casefold() if isinstance(value, str) else value


def _compare(operator: str, value: Any, operand: Any) -> bool:
    """Whether a comparison holds. Anything compared to null by order is false."""
    if operator in {"eq", "ne"}:
        return (value == operand) is (operator == "eq")
    if value is None or operand is None:
        return False
    return {
        "gt": str(value) > str(operand),
        "ge": str(value) >= str(operand),
        "lt": str(value) < str(operand),
        "le": str(value) <= str(operand),
    }[operator]


def _value_at(scope: Any, path: str) -> Any:
    """The value at `a/b`, of a lambda variable or of the document; 400 for a property that does not exist."""
    first, *rest = path.split("/")
    if first in scope and first:
        value = scope[first]
    elif first in scope[""]:
        value = scope[""][first]
    else:
        raise bad_request(
            f"Invalid filter clause: Could not find a property named '{first}'.", "Request_UnsupportedQuery"
        )
    for name in rest:
        value = cast("Document", value).get(name) if isinstance(value, dict) else None
    return value


def page_body(call: Call, name: str, documents: list[Document]) -> dict[str, Any]:
    """One page of documents with $search, $filter, $orderby, $top and $skiptoken applied.

    `name` is the set, for `@odata.context`.
    """
    matching = _ordered(call, _matching_filter(call, documents))
    size, start = _page_size(call), _first_index(call)
    body: dict[str, Any] = {"@odata.context": context_url(call, name)}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = len(matching)
    if start + size < len(matching):
        query = {key: value for key, value in call.query.items() if key != "$skiptoken"} | {
            "$skiptoken": str(start + size)
        }
        body["@odata.nextLink"] = f"https://{call.host}{call.path}?{urlencode(query)}"
    body["value"] = [selected(call, document) for document in matching[start : start + size]]
    return body


def selected(call: Call, document: Document) -> Document:
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


def count_response(call: Call, documents: list[Document]) -> Reply:
    """How many documents match, as plain text; Graph requires the header ConsistencyLevel for it."""
    if call.headers.get("consistencylevel", "").lower() != "eventual":
        raise bad_request("$count is not currently supported.", "Request_BadRequest")
    return Reply(body=str(len(_matching_filter(call, documents))))


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
        if any(all(_has_word(document, *clause) for clause in group) for group in clauses_by_group)
    ]


def _has_word(document: Document, name: str, prefix: str) -> bool:
    """Whether the property's value, or a word in it, begins with the prefix."""
    text = str(next((value for key, value in document.items() if key.lower() == name.lower()), None) or "").casefold()
    prefix = prefix.casefold()
    return text.startswith(prefix) or any(word.startswith(prefix) for word in re.split(r"[\W_]+", text))


def _matching_filter(call: Call, documents: list[Document]) -> list[Document]:
    """The documents that match $search and $filter."""
    documents = _matching_search(call, documents)
    text = call.query.get("$filter", "").strip()
    if not text:
        return documents
    if _ADVANCED_OPERATOR.search(re.sub(r"'(?:[^']|'')*'", "''", text)):
        _check_advanced_query(call)
    expression = Filter(text)
    return [document for document in documents if expression.matches(document)]


def _check_advanced_query(call: Call) -> None:
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
    return sorted(documents, key=lambda document: str(_folded(document.get(name)) or ""), reverse=backwards)


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
