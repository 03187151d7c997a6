"""Many requests in one: the multipart/mixed body of a storage batch, taken apart and put together again.

https://learn.microsoft.com/rest/api/storageservices/blob-batch
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from localazure.app.call import Call, Reply

_MOST = 256
_BOUNDARY = re.compile(r"multipart/mixed\s*;\s*boundary=\"?([^\";]+)\"?", re.IGNORECASE)


def parts(call: Call) -> Iterator[tuple[str, Call]]:
    """The Content-ID and the call of each part; 400 for a body that is no batch."""
    found = _BOUNDARY.match(call.headers.get("content-type", ""))
    if found is None:
        raise _invalid("InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
    text = call.body.decode("utf-8", "replace").replace("\r\n", "\n")
    pieces = f"\n{text}".split(f"\n--{found[1]}")[1:]
    wanted = [piece.strip("\n") for piece in pieces if not piece.startswith("--")]
    if not wanted or len(wanted) > _MOST:
        raise _invalid("InvalidInput", "One of the request inputs is not valid.")
    return (_part(call, piece) for piece in wanted)


def _part(call: Call, piece: str) -> tuple[str, Call]:
    head, _, request = piece.partition("\n\n")
    line, *lines = request.strip("\n").split("\n\n")[0].split("\n")
    found = re.fullmatch(r"(\w+) (\S+) HTTP/1\.[01]", line.strip())
    if found is None:
        raise _invalid("InvalidInput", "One of the request inputs is not valid.")
    target = urlsplit(found[2])
    query = {name.lower(): value for name, value in parse_qsl(target.query, keep_blank_values=True)}
    sent = _headers(lines)
    if not sent.get("authorization", "").lower().startswith("sharedkey"):  # a key signs what the part itself has
        sent = {"x-ms-version": call.headers.get("x-ms-version", ""), **sent}
    inner = replace(call, method=found[1], path=unquote(target.path), query=query, headers=sent, body=b"", params={})
    return _headers(head.split("\n")).get("content-id", ""), inner


def _headers(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def joined(replies: Iterable[tuple[str, Reply]], boundary: str) -> bytes:
    """The answer to a batch: one part for each reply, in the order of the parts."""
    text = b""
    for content_id, reply in replies:
        named = f"Content-ID: {content_id}\r\n" if content_id else ""
        head = f"--{boundary}\r\nContent-Type: application/http\r\n{named}\r\n"
        status = f"HTTP/1.1 {reply.status} {reply.phrase or HTTPStatus(reply.status).phrase}\r\n"
        body = reply.body if isinstance(reply.body, bytes) else b""
        shown = {**reply.headers, **({"Content-Length": str(len(body))} if body else {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
        text += f"{head}{status}{lines}\r\n".encode() + body + b"\r\n"
    return text + f"--{boundary}--\r\n".encode()


def _invalid(code: str, message: str) -> AzureError:
    return AzureError(status=400, code=code, message=message)
