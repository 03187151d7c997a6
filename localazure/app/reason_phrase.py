"""HTTP with a reason phrase of the service's own in the status line: storage puts the error's message there.

ASGI has no field for it, so the gateway sets it on the connection, which replaces uvicorn's own phrase.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_UNSAFE = re.compile(rb"[^\x20-\x7e]+")


class ReasonPhraseProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP. The scope's `state["set_reason_phrase"]` sets the reason phrase of the next response."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wrap the transport that uvicorn writes to."""
        wrapper = _ReasonPhraseTransport(transport)
        self.app_state["set_reason_phrase"] = wrapper.set_reason_phrase
        super().connection_made(cast("Any", wrapper))


class _ReasonPhraseTransport:
    """A transport that replaces the reason phrase in the status line of a response.

    It sends a response's head and body together: uvicorn writes them one after the other, and a second system call and
    TLS record take longer than most responses.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._phrase = b""
        self._unsent: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def set_reason_phrase(self, phrase: str) -> None:
        """Set the reason phrase of the next status line; other than printable ASCII becomes a space."""
        self._phrase = _UNSAFE.sub(b" ", phrase.encode("ascii", "replace"))

    def write(self, data: bytes) -> None:
        """Write the bytes; if a reason phrase is set, put it into the status line with which they begin."""
        if self._phrase:
            line, end, rest = data.partition(b"\r\n")
            version, status, _ = line.split(b" ", 2)
            data, self._phrase = b" ".join((version, status, self._phrase)) + end + rest, b""
        self._unsent.append(data)
        if len(self._unsent) > 1:
            self._send()
        else:
            asyncio.get_running_loop().call_soon(self._send)  # in case no body follows at once

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent:
            self._transport.writelines(unsent)
