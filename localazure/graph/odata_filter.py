"""`$filter` expressions of Graph, parsed and applied to documents. Strings compare without case, as in Graph.

https://learn.microsoft.com/graph/filter-query-parameter
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from localazure.graph.access import bad_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import AzureError
    from localazure.app.store import Document

    Predicate = Callable[[Any], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:]|[A-Za-z0-9_@.$+\-:]+(?:/[A-Za-z0-9_@.$]+)*)")
_FUNCTIONS = frozenset({"startswith", "endswith", "contains"})
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "in"})
_MAX_DEPTH = 100  # of brackets and `not`; deeper ones would exhaust Python's stack


class Filter:
    """A $filter expression, parsed by recursive descent: or, and, not, comparison, function, any-lambda.

    A malformed expression raises 400 Request_UnsupportedQuery.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize(text)
        self._index = self._depth = 0
        self._root = self._parse_or()
        if self._index != len(self._tokens):
            raise self._syntax_error()

    def matches(self, document: Document) -> bool:
        """Whether a document passes the filter. 400 for a property that the document does not have."""
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
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            message = "Invalid filter clause: Recursion depth exceeded allowed limit."
            raise bad_request(message, "Request_UnsupportedQuery")
        term = self._parse_nested_term()
        self._depth -= 1
        return term

    def _parse_nested_term(self) -> Predicate:
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
            values = {folded(value) for value in self._parse_list()}
            return lambda scope: folded(_value_at(scope, path)) in values
        operand = folded(_literal(self._take()))
        return lambda scope: _compare(operator, folded(_value_at(scope, path)), operand)

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


def folded(value: Any) -> Any:
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
