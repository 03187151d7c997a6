"""A text that must not be seen: Secret wraps it from the first line on; only `reveal` gives it out."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

HIDDEN = "(secret)"


@final
class Secret:
    """A value that cannot be printed, formatted, pickled or compared by ==."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment]  # a hash would tell equal secrets apart

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that sends it."""
        return self._text

    def matches(self, other: Secret) -> bool:
        """Whether both hold the same text, in constant time."""
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def begins_with(self, other: Secret) -> bool:
        """Whether the text begins with the other one."""
        return hmac.compare_digest(self._text[: len(other._text)].encode(), other._text.encode())

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared by ==; use matches()")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
