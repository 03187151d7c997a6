"""Reads requests from ASGI, head and body apart, and sends replies to it, whole or as a stream."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from localazure.app.call import Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NO_LENGTH = frozenset({204, 304})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request; header and query names are lower case, `path` is decoded, `host` has no port.

    target: path and query, not decoded. Its repr leaves out whatever can hold a secret; it cannot be pickled.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    target: str = field(default="", repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a request may hold secrets and cannot be pickled")


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete."""


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read the request of an ASGI call. Raises ClientDisconnected."""
    body, _ = await read_body(receive)
    return replace(read_head(scope), body=body)


def read_head(scope: Scope) -> Request:
    """Return the request of an ASGI call without its body."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(
        method=scope["method"],
        host=headers.get("host", "").rsplit(":", 1)[0].lower(),
        path=scope["path"],
        query={name.lower(): value for name, value in query},
        headers=headers,
        body=b"",
        target=_raw_target(scope),
    )


def _raw_target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")


async def read_body(receive: Receive, begin: bytes = b"", *, pause_after: float = math.inf) -> tuple[bytes, bool]:
    """Read the body, or until more than `pause_after` bytes of it have come. Raises ClientDisconnected.

    begin: what was read before. Returns all bytes read, and whether the body is complete.
    """
    chunks, size = [begin], len(begin)
    while size <= pause_after:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if not message.get("more_body"):
            return b"".join(chunks), True
    return b"".join(chunks), False


async def send_truncated(send: Send, reply: Reply, headers: Mapping[str, str]) -> None:
    """Send a reply with the full Content-Length but only half of its body; nothing of a streamed body."""
    content, kind = encode_body(None if isinstance(reply.body, Iterator) else reply.body)
    entity_headers = {"content-length": str(len(content) or 1), **({"content-type": kind} if kind else {})}
    merged = {name.lower(): value for name, value in (*headers.items(), *reply.headers.items())} | entity_headers
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in merged.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
    await asyncio.sleep(0.01)  # so that what was sent goes out before the connection is closed


async def send_reply(send: Send, reply: Reply, default_headers: Mapping[str, str]) -> None:
    """Send a reply, with the default headers that it has not itself. A streamed reply sets its own Content-Length."""
    streamed = cast("Iterator[bytes]", reply.body) if isinstance(reply.body, Iterator) else None
    whole: Any = None if streamed else cast("Any", reply.body)
    content, kind = encode_body(whole)
    merged = {name.lower(): value for name, value in default_headers.items()}
    if kind:
        merged["content-type"] = kind
    if reply.status not in NO_LENGTH and streamed is None:
        merged["content-length"] = str(len(content))
    merged |= {name.lower(): value for name, value in reply.headers.items()}
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in merged.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    for chunk in streamed or ():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await asyncio.sleep(0)  # lets other tasks run, and notices a client that disconnected
    await send({"type": "http.response.body", "body": content})


def encode_body(body: Any) -> tuple[bytes, str]:
    """Return the bytes of a reply's body and its default content type; empty for None."""
    if body is None:
        return b"", ""
    if isinstance(body, bytes | bytearray):
        return bytes(body), "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), "application/json; charset=utf-8"
