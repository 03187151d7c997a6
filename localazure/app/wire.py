"""Between ASGI and the nouns: a request is read whole, a Reply sent whole or as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
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

    target: path and query as they came. Its repr has nothing in which a secret travels; no pickle.
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
    """The client hung up before its request was whole."""


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The request of an ASGI call."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(
        method=scope["method"],
        host=headers.get("host", "").rsplit(":", 1)[0].lower(),
        path=scope["path"],
        query={name.lower(): value for name, value in query},
        headers=headers,
        body=await _body(receive),
        target=_target(scope),
    )


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_truncated(send: Send, reply: Reply, headers: Mapping[str, str]) -> None:
    """Promise the whole of a reply and send the first half of it; of a body that is streamed, nothing."""
    content, kind = encode_body(None if isinstance(reply.body, Iterator) else reply.body)
    promised = {"content-length": str(len(content) or 1), **({"content-type": kind} if kind else {})}
    merged = {name.lower(): value for name, value in (*headers.items(), *reply.headers.items())} | promised
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in merged.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
    await asyncio.sleep(0.01)  # what was sent goes out before the connection does


async def send_reply(send: Send, reply: Reply, headers: Mapping[str, str]) -> None:
    """Send a reply; `headers` are added where it has none of the name. Who streams gives the Content-Length."""
    streamed = cast("Iterator[bytes]", reply.body) if isinstance(reply.body, Iterator) else None
    whole: Any = None if streamed else cast("Any", reply.body)
    content, kind = encode_body(whole)
    merged = {name.lower(): value for name, value in headers.items()}
    if kind:
        merged["content-type"] = kind
    if reply.status not in NO_LENGTH and streamed is None:
        merged["content-length"] = str(len(content))
    merged |= {name.lower(): value for name, value in reply.headers.items()}
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in merged.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    for piece in streamed or ():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)  # others get their turn, and a client that hung up is noticed
    await send({"type": "http.response.body", "body": content})


def encode_body(body: Any) -> tuple[bytes, str]:
    """The bytes of a body, and their content type when we choose it."""
    if body is None:
        return b"", ""
    if isinstance(body, bytes | bytearray):
        return bytes(body), "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), "application/json; charset=utf-8"
