"""JSON batching of Graph: up to 20 requests in one, each answered as if it had come alone.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from localazure.app import service
from localazure.app.call import AzureError, Reply
from localazure.graph import access
from localazure.graph.access import bad
from localazure.graph.routes import graph_service

if TYPE_CHECKING:
    from localazure.app.call import Call

    Request = dict[str, Any]

SERVICE = graph_service("graph batch", r"/\$batch/?")
_MOST = 20


@SERVICE.route("POST", "/{version}/$batch", action=None, why="each request inside is decided by its own service")
def run(call: Call) -> Reply:
    """200 with every answer; a request whose predecessor failed is not tried and is a 424."""
    requests: object = call.json().get("requests")
    listed = cast("list[Any]", requests) if isinstance(requests, list) else []
    if not listed or not all(_is_request(one) for one in listed):
        raise bad("Invalid batch payload format.", "BadRequest")
    if len(listed) > _MOST:
        raise bad(f"Number of batch request steps exceeds the maximum value of {_MOST}.", "MaximumValueExceeded")
    if len({one["id"] for one in listed}) < len(listed):
        raise bad("Request Id has to be unique in a batch.", "BadRequest")
    answers: dict[str, Request] = {}
    for one in listed:
        answers[one["id"]] = _answer(call, one, answers)
    return Reply(body={"responses": list(answers.values())})


def _is_request(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    found = cast("Request", one)
    shapes = isinstance(found.get("headers") or {}, dict) and isinstance(found.get("dependsOn") or [], list)
    return shapes and all(isinstance(found.get(name), str) and found[name] for name in ("id", "method", "url"))


def _answer(call: Call, one: Request, before: dict[str, Request]) -> Request:
    needs = cast("list[Any]", one.get("dependsOn") or [])
    if any(before.get(str(need), {"status": 424})["status"] >= 400 for need in needs):
        message = "This request depends on another one that failed."
        reply = access.render(call, AzureError(status=424, code="FailedDependency", message=message))
    else:
        reply = _run(_inner(call, one))
    body = {"body": reply.body} if reply.body is not None else {}
    headers = {**reply.headers, **({"Content-Type": "application/json"} if body else {})}
    return {"id": one["id"], "status": reply.status, "headers": headers, **body}


def _inner(call: Call, one: Request) -> Call:
    try:
        target = urlsplit(str(one["url"]))
    except ValueError:  # half an IPv6 address, say
        raise bad("Invalid URL format specified in the batch request.", "BadRequest") from None
    sent = {str(name).lower(): str(value) for name, value in cast("Request", one.get("headers") or {}).items()}
    body = json.dumps(one["body"]).encode() if one.get("body") is not None else b""
    return replace(
        call,
        method=str(one["method"]).upper(),
        path=f"/{call.params['version']}/{unquote(target.path).strip('/')}",
        query={name.lower(): value for name, value in parse_qsl(target.query, keep_blank_values=True)},
        headers={**sent, "authorization": call.headers.get("authorization", "")},
        body=body,
        params={},
    )


def _run(call: Call) -> Reply:
    """By the first route of Graph's services that takes the call."""
    try:
        others = (found for found in import_module(str(__package__)).SERVICES if found is not SERVICE)
        reply = service.handle(others, call)
        if reply is not None:
            return reply
    except AzureError as error:
        return access.render(call, error)
    return access.render(call, access.unknown(call))
