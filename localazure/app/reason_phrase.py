"""HTTP whose status line may say more than the status: storage puts the error's sentence there.

ASGI has no place for it, so an answer tells the connection, which writes it over uvicorn's own phrase.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

_UNSAFE = re.compile(rb"[^\x20-\x7e]+")


class ReasonPhraseProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP; the scope's `state["phrase"]` takes the phrase of the answer that comes next."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Stand between uvicorn and its transport."""
        between = _Between(transport)
        self.app_state["phrase"] = between.say
        super().connection_made(cast("Any", between))


class _Between:
    """A transport that changes the one line."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._phrase = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def say(self, phrase: str) -> None:
        """What the next status line says."""
        self._phrase = _UNSAFE.sub(b" ", phrase.encode("ascii", "replace"))

    def write(self, data: bytes) -> None:
        """As it is, but for the line that begins an answer for which there is a phrase."""
        if self._phrase:
            line, end, rest = data.partition(b"\r\n")
            version, status, _ = line.split(b" ", 2)
            data, self._phrase = b" ".join((version, status, self._phrase)) + end + rest, b""
        self._transport.write(data)
