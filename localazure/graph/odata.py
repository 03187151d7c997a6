"""The part of OData that Graph's clients send: $filter, $select, $orderby, $top, $count, $skiptoken.

Strings compare without case, as Graph does. https://learn.microsoft.com/graph/filter-query-parameter
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from localazure.app.call import AzureError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.store import Document

    Test = Callable[[Any], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:]|[A-Za-z0-9_@.$+\-:]+(?:/[A-Za-z0-9_@.$]+)*)")
_FUNCTIONS = frozenset({"startswith", "endswith", "contains"})
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "in"})
_ADVANCED = re.compile(r"\b(ne|not|endsWith)\b", re.IGNORECASE)
# https://learn.microsoft.com/graph/search-query-parameter#using-search-on-directory-object-collections
_CLAUSE = re.compile(r'"(\w+):([^"]*)"')
_SEARCH = re.compile(r'"\w+:[^"]+"(\s+(AND|OR)\s+"\w+:[^"]+")*')
_EXPANDED = re.compile(r"(\w+)(?:\(([^)]*)\))?")
DEFAULT_PAGE = 100
LARGEST_PAGE = 999


def bad(message: str, code: str = "BadRequest") -> AzureError:
    """Graph's 400."""
    return AzureError(status=400, code=code, message=message)


class Filter:
    """A $filter, parsed by descent: or, and, not, comparison, function, any-lambda."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0
        self._bound: dict[str, Any] = {}
        self._root = self._either()
        if self._at != len(self._tokens):
            raise self._bad()

    def matches(self, document: Document) -> bool:
        """Whether a document passes."""
        return self._root({"": document})

    def _split(self, text: str) -> list[str]:
        tokens: list[str] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._bad()
            tokens += _parts(found[1])
            position = found.end()
        return tokens

    def _bad(self) -> AzureError:
        return bad(f"Invalid filter clause: Syntax error in '{self._text}'.", "Request_UnsupportedQuery")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, *wanted: str) -> str:
        token = self._peek()
        if not token or (wanted and token.lower() not in wanted):
            raise self._bad()
        self._at += 1
        return token

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek().lower() == "or":
            self._next()
            tests.append(self._both())
        return lambda scope: any(test(scope) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek().lower() == "and":
            self._next()
            tests.append(self._one())
        return lambda scope: all(test(scope) for test in tests)

    def _one(self) -> Test:
        token = self._next()
        if token.lower() == "not":
            inner = self._one()
            return lambda scope: not inner(scope)
        if token == "(":  # noqa: S105 - a bracket
            inner = self._either()
            self._next(")")
            return inner
        if token.lower() in _FUNCTIONS:
            return self._function(token.lower())
        if token.lower().endswith("/any"):
            return self._any(token[: -len("/any")])
        return self._comparison(token)

    def _function(self, name: str) -> Test:
        self._next("(")
        path = self._next()
        self._next(",")
        wanted = str(_value(self._next())).casefold()
        self._next(")")
        method = {"startswith": str.startswith, "endswith": str.endswith, "contains": str.__contains__}[name]
        return lambda scope: any(method(str(found).casefold(), wanted) for found in [_read(scope, path)] if found)

    def _any(self, path: str) -> Test:
        self._next("(")
        if self._peek() == ")":
            self._next()
            return lambda scope: bool(_read(scope, path))
        name = self._next()
        self._next(":")
        inner = self._either()
        self._next(")")
        return lambda scope: any(inner({**scope, name: item}) for item in _read(scope, path) or ())

    def _comparison(self, path: str) -> Test:
        operator = self._next(*_COMPARISONS).lower()
        if operator == "in":
            values = {_folded(value) for value in self._list()}
            return lambda scope: _folded(_read(scope, path)) in values
        wanted = _folded(_value(self._next()))
        return lambda scope: _compare(operator, _folded(_read(scope, path)), wanted)

    def _list(self) -> list[Any]:
        self._next("(")
        values = [_value(self._next())]
        while self._next(",", ")") == ",":
            values.append(_value(self._next()))
        return values


def _parts(token: str) -> list[str]:
    """`t:t` comes as one word, since dates hold colons: take the lambda's name off."""
    found = re.fullmatch(r"([A-Za-z_]\w*):(.*)", token)
    return [part for part in (found[1], ":", found[2]) if part] if found else [token]


def _value(token: str) -> Any:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return {"true": True, "false": False, "null": None}.get(token.lower(), token)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _compare(operator: str, found: Any, wanted: Any) -> bool:
    if operator in {"eq", "ne"}:
        return (found == wanted) is (operator == "eq")
    if found is None or wanted is None:
        return False
    return {
        "gt": str(found) > str(wanted),
        "ge": str(found) >= str(wanted),
        "lt": str(found) < str(wanted),
        "le": str(found) <= str(wanted),
    }[operator]


def _read(scope: Any, path: str) -> Any:
    """The value at `a/b`, from a lambda's variable or from the document; a name the document lacks is a 400."""
    first, *rest = path.split("/")
    if first in scope and first:
        value = scope[first]
    elif first in scope[""]:
        value = scope[""][first]
    else:
        raise bad(f"Invalid filter clause: Could not find a property named '{first}'.", "Request_UnsupportedQuery")
    for name in rest:
        value = cast("Document", value).get(name) if isinstance(value, dict) else None
    return value


def page(call: Call, name: str, documents: list[Document]) -> dict[str, Any]:
    """The page that the query asks for; `name` is the set, for @odata.context."""
    found = _ordered(call, _filtered(call, documents))
    size, start = _size(call), _start(call)
    body: dict[str, Any] = {"@odata.context": context(call, name)}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = len(found)
    if start + size < len(found):
        query = {key: value for key, value in call.query.items() if key != "$skiptoken"} | {
            "$skiptoken": str(start + size)
        }
        body["@odata.nextLink"] = f"https://{call.host}{call.path}?{urlencode(query)}"
    body["value"] = [select(call, document) for document in found[start : start + size]]
    return body


def select(call: Call, document: Document) -> Document:
    """The members that $select names, or all."""
    wanted = _names(call.query.get("$select", ""))
    return chosen(document, wanted | set(expansions(call)) if wanted else wanted)


def chosen(document: Document, wanted: set[str]) -> Document:
    """The members of these names, in lower case; all where none is named."""
    if not wanted or "*" in wanted:
        return document
    return {key: value for key, value in document.items() if key.lower() in wanted or key.startswith("@odata")}


def expansions(call: Call) -> dict[str, set[str]]:
    """What $expand names, in lower case: `owners($select=id),…` and the members that each is to have (none: all)."""
    found = _EXPANDED.finditer(call.query.get("$expand", ""))
    inner = {one[1].lower(): re.search(r"\$select=([^;)]*)", one[2] or "", re.IGNORECASE) for one in found}
    return {name: _names(members[1]) if members else set() for name, members in inner.items()}


def _names(text: str) -> set[str]:
    return {name.strip().lower() for name in text.split(",") if name.strip()}


def count(call: Call, documents: list[Document]) -> Reply:
    """How many pass the filter, as text; Graph wants ConsistencyLevel for it."""
    if call.headers.get("consistencylevel", "").lower() != "eventual":
        raise bad("$count is not currently supported.", "Request_BadRequest")
    return Reply(body=str(len(_filtered(call, documents))))


def context(call: Call, name: str) -> str:
    """The @odata.context of a set, or of one object when the name ends with `/$entity`."""
    base, entity, _ = name.partition("/$entity")
    chosen = call.query.get("$select", "")
    version = call.path.split("/")[1]
    return f"https://{call.host}/{version}/$metadata#{base}{f'({chosen})' if chosen else ''}{entity}"


def _searched(call: Call, documents: list[Document]) -> list[Document]:
    """`$search="displayName:x" OR "description:y"`: values that begin with it, or have a word that does."""
    text = call.query.get("$search", "").strip()
    if not text:
        return documents
    if call.headers.get("consistencylevel", "").lower() != "eventual":
        message = "Request with $search query parameter only works through MSGraph with a special request header: "
        raise bad(message + "'ConsistencyLevel: eventual'", "Request_UnsupportedQuery")
    if not _SEARCH.fullmatch(text):
        raise bad(f"Syntax error: character '\"' is not valid at position 0 in '{text}'.")
    groups = re.split(r"\s+OR\s+(?=\")", text)
    wanted = [_CLAUSE.findall(group) for group in groups]
    return [one for one in documents if any(all(_has_word(one, *clause) for clause in group) for group in wanted)]


def _has_word(document: Document, name: str, wanted: str) -> bool:
    found = str(next((value for key, value in document.items() if key.lower() == name.lower()), None) or "").casefold()
    wanted = wanted.casefold()
    return found.startswith(wanted) or any(word.startswith(wanted) for word in re.split(r"[\W_]+", found))


def _filtered(call: Call, documents: list[Document]) -> list[Document]:
    documents = _searched(call, documents)
    text = call.query.get("$filter", "").strip()
    if not text:
        return documents
    if _ADVANCED.search(re.sub(r"'(?:[^']|'')*'", "''", text)):
        _need_advanced(call)
    wanted = Filter(text)
    return [document for document in documents if wanted.matches(document)]


def _need_advanced(call: Call) -> None:
    """Refuse what Graph does for advanced queries only: https://learn.microsoft.com/graph/aad-advanced-queries."""
    eventual = call.headers.get("consistencylevel", "").lower() == "eventual"
    if not (eventual and call.query.get("$count", "").lower() == "true"):
        raise bad(
            "Operator or function is not supported without the header 'ConsistencyLevel: eventual' and $count=true.",
            "Request_UnsupportedQuery",
        )


def _ordered(call: Call, documents: list[Document]) -> list[Document]:
    name, _, direction = call.query.get("$orderby", "").strip().partition(" ")
    if not name:
        return documents
    backwards = direction.strip().lower() == "desc"
    return sorted(documents, key=lambda document: str(_folded(document.get(name)) or ""), reverse=backwards)


def _size(call: Call) -> int:
    text = call.query.get("$top", str(DEFAULT_PAGE))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= LARGEST_PAGE:
        raise bad(f"Invalid page size specified: '{text}'. Must be between 1 and {LARGEST_PAGE} inclusive.")
    return int(text)


def _start(call: Call) -> int:
    text = call.query.get("$skiptoken", "0")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise bad("Skip token is not valid.", "Directory_ExpiredPageToken")
    return int(text)
