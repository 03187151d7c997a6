"""Passes a request on to a server on loopback and its answer back as it comes, piece by piece.

The event loop goes on meanwhile: the server may well ask the local Azure something before it answers.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import h11

from localazure.app import wire
from localazure.app.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from localazure.app.call import Upstream

_PIECE_BYTES = 1 << 16
_LONGEST_HEAD = 1 << 17
# Between two neighbours only: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_HOP_BY_HOP = frozenset({
    b"connection", b"expect", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip
_NOT_PASSED = _HOP_BY_HOP | {b"authorization", b"content-length"}


async def forward_request(
    request: wire.Request, upstream: Upstream, receive: wire.Receive, send: wire.Send, headers: Mapping[str, str]
) -> int:
    """Answer a request with what the upstream answers; its status, 0 if the client left before there was one.

    headers: of our own, for the reply that stands in for a silent upstream.
    """
    passing = asyncio.ensure_future(_pass(request, upstream, send))
    leaving = asyncio.ensure_future(receive())  # the request is read already: returns when the connection is down
    await asyncio.wait((passing, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if not passing.done():
        passing.cancel()
        with suppress(asyncio.CancelledError):
            await passing
        return 0
    status = passing.result()
    if status is None:
        await wire.send_reply(send, upstream.silent, headers)
        return upstream.silent.status
    return status


async def _pass(request: wire.Request, upstream: Upstream, send: wire.Send) -> int | None:
    """The status that was passed on; None if nothing was sent, since the upstream was silent."""
    status: int | None = None
    try:
        async for event in _events(request, upstream):
            if isinstance(event, h11.Response):
                status = event.status_code
                await send({"type": "http.response.start", "status": status, "headers": _kept(event.headers)})
            elif isinstance(event, h11.Data):
                await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
            elif isinstance(event, h11.EndOfMessage):
                await send({"type": "http.response.body", "body": b""})
    except (OSError, h11.RemoteProtocolError):
        return status  # who reads a body that breaks off sees it break off: uvicorn closes the connection
    return status


async def _events(request: wire.Request, upstream: Upstream) -> AsyncIterator[h11.Event]:
    """What the upstream says, until its answer is whole."""
    async with upstream.turn or nullcontext():
        async for event in _said(request, upstream):
            yield event


async def _said(request: wire.Request, upstream: Upstream) -> AsyncIterator[h11.Event]:
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port, ssl=upstream.context)
    try:
        speaker = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        for event in _asked(request, upstream):
            writer.write(speaker.send(event) or b"")
        await writer.drain()
        event = None
        while not isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            event = speaker.next_event()
            if event is h11.NEED_DATA:
                speaker.receive_data(await reader.read(_PIECE_BYTES))
            elif isinstance(event, h11.Event):
                yield event
    finally:
        writer.close()


def _asked(request: wire.Request, upstream: Upstream) -> Iterable[h11.Event]:
    given = {name.lower(): value for name, value in upstream.headers.items()}
    passed = {name: value for name, value in request.headers.items() if name not in given}
    headers = _kept(((name.encode("latin-1"), value.encode("latin-1")) for name, value in passed.items()), _NOT_PASSED)
    revealed = ((name, value.reveal() if isinstance(value, Secret) else value) for name, value in given.items())
    headers += [(name.encode(), value.encode("latin-1")) for name, value in revealed]
    if request.body or request.method in {"POST", "PUT", "PATCH"}:
        headers.append((b"content-length", str(len(request.body)).encode()))
    yield h11.Request(method=request.method, target=upstream.target or request.target, headers=headers)
    if request.body:
        yield h11.Data(data=request.body)
    yield h11.EndOfMessage()


def _kept(headers: Iterable[tuple[bytes, bytes]], dropped: frozenset[bytes] = _HOP_BY_HOP) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in dropped]
