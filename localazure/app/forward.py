"""Forwards a request to a server on loopback, and its response to the client, chunk by chunk.

The event loop keeps running meanwhile, since the server may call the local Azure before it responds.
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

_CHUNK_BYTES = 1 << 16
_MAX_HEAD_BYTES = 1 << 17
# Meant for one connection only: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_HOP_BY_HOP = frozenset({
    b"connection", b"expect", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip
_NOT_FORWARDED = _HOP_BY_HOP | {b"authorization", b"content-length"}


async def forward_request(
    request: wire.Request, upstream: Upstream, receive: wire.Receive, send: wire.Send, headers: Mapping[str, str]
) -> int:
    """Forward a request to the upstream. Returns the status sent to the client, 0 if the client disconnected before.

    headers: added to the reply that is sent when the upstream does not answer.
    """
    forwarding = asyncio.ensure_future(_forward_response(request, upstream, send))
    disconnect = asyncio.ensure_future(receive())  # the request is read already: returns when the client disconnects
    await asyncio.wait((forwarding, disconnect), return_when=asyncio.FIRST_COMPLETED)
    disconnect.cancel()
    if not forwarding.done():
        forwarding.cancel()
        with suppress(asyncio.CancelledError):
            await forwarding
        return 0
    status = forwarding.result()
    if status is None:
        await wire.send_reply(send, upstream.unavailable, headers)
        return upstream.unavailable.status
    return status


async def _forward_response(request: wire.Request, upstream: Upstream, send: wire.Send) -> int | None:
    """Send the upstream's response to the client. Returns its status, None if the upstream sent none."""
    status: int | None = None
    try:
        async for event in _exchange_under_lock(request, upstream):
            if isinstance(event, h11.Response):
                status = event.status_code
                await send(
                    {"type": "http.response.start", "status": status, "headers": _without(event.headers, _HOP_BY_HOP)}
                )
            elif isinstance(event, h11.Data):
                await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
            elif isinstance(event, h11.EndOfMessage):
                await send({"type": "http.response.body", "body": b""})
    except (OSError, h11.RemoteProtocolError):
        return status  # uvicorn closes the connection, so the client sees that the body is incomplete
    return status


async def _exchange_under_lock(request: wire.Request, upstream: Upstream) -> AsyncIterator[h11.Event]:
    """Iterate over the events of the upstream's response, holding the upstream's lock, if it has one."""
    async with upstream.lock or nullcontext():
        async for event in _exchange(request, upstream):
            yield event


async def _exchange(request: wire.Request, upstream: Upstream) -> AsyncIterator[h11.Event]:
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port, ssl=upstream.tls_context)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        for event in _request_events(request, upstream):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        event = None
        while not isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK_BYTES))
            elif isinstance(event, h11.Event):
                yield event
    finally:
        writer.close()


def _request_events(request: wire.Request, upstream: Upstream) -> Iterable[h11.Event]:
    """Yield the request as the upstream gets it: its own headers replace the client's of the same name."""
    own = {name.lower(): value for name, value in upstream.headers.items()}
    clients = {name: value for name, value in request.headers.items() if name not in own}
    encoded = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in clients.items())
    headers = _without(encoded, _NOT_FORWARDED)
    revealed = ((name, value.reveal() if isinstance(value, Secret) else value) for name, value in own.items())
    headers += [(name.encode(), value.encode("latin-1")) for name, value in revealed]
    body = request.body if upstream.body is None else upstream.body
    if body or request.method in {"POST", "PUT", "PATCH"}:
        headers.append((b"content-length", str(len(body)).encode()))
    yield h11.Request(method=request.method, target=upstream.target or request.target, headers=headers)
    if body:
        yield h11.Data(data=body)
    yield h11.EndOfMessage()


def _without(headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in names]
