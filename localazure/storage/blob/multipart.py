"""The multipart/mixed body of a storage batch: split into requests, joined from responses.

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

_MAX_REQUESTS = 256
_BOUNDARY = re.compile(r"multipart/mixed\s*;\s*boundary=\"?([^\";]+)\"?", re.IGNORECASE)


def split_requests(call: Call) -> Iterator[tuple[str, Call]]:
    """Content-ID and call of each request in a batch; 400 for a body that is no batch."""
    match = _BOUNDARY.match(call.headers.get("content-type", ""))
    if match is None:
        raise _invalid("InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
    text = call.body.decode("utf-8", "replace").replace("\r\n", "\n")
    sections = f"\n{text}".split(f"\n--{match[1]}")[1:]
    requests = [section.strip("\n") for section in sections if not section.startswith("--")]
    if not requests or len(requests) > _MAX_REQUESTS:
        raise _invalid("InvalidInput", "One of the request inputs is not valid.")
    return (_parse_request(call, section) for section in requests)


def _parse_request(call: Call, section: str) -> tuple[str, Call]:
    """The Content-ID and the call in one section."""
    head, _, request = section.partition("\n\n")
    request_line, *header_lines = request.strip("\n").split("\n\n")[0].split("\n")
    match = re.fullmatch(r"(\w+) (\S+) HTTP/1\.[01]", request_line.strip())
    if match is None:
        raise _invalid("InvalidInput", "One of the request inputs is not valid.")
    target = urlsplit(match[2])
    query = {name.lower(): value for name, value in parse_qsl(target.query, keep_blank_values=True)}
    headers = _parse_headers(header_lines)
    if not headers.get("authorization", "").lower().startswith("sharedkey"):  # a key signs what the part itself has
        headers = {"x-ms-version": call.headers.get("x-ms-version", ""), **headers}
    inner = replace(call, method=match[1], path=unquote(target.path), query=query, headers=headers, body=b"", params={})
    return _parse_headers(head.split("\n")).get("content-id", ""), inner


def _parse_headers(lines: Iterable[str]) -> dict[str, str]:
    """Header lines by lower-case name."""
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def join_responses(replies: Iterable[tuple[str, Reply]], boundary: str) -> bytes:
    """The body of a batch's answer: one section for each response, in the order of the requests."""
    text = b""
    for content_id, reply in replies:
        content_id_line = f"Content-ID: {content_id}\r\n" if content_id else ""
        head = f"--{boundary}\r\nContent-Type: application/http\r\n{content_id_line}\r\n"
        status = f"HTTP/1.1 {reply.status} {reply.reason_phrase or HTTPStatus(reply.status).phrase}\r\n"
        body = reply.body if isinstance(reply.body, bytes) else b""
        headers = {**reply.headers, **({"Content-Length": str(len(body))} if body else {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        text += f"{head}{status}{lines}\r\n".encode() + body + b"\r\n"
    return text + f"--{boundary}--\r\n".encode()


def _invalid(code: str, message: str) -> AzureError:
    return AzureError(status=400, code=code, message=message)
