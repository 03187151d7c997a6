"""JSON batching of Graph: up to 20 requests in one, each answered as if it had been sent alone.

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
from localazure.graph.access import bad_request
from localazure.graph.routes import graph_service

if TYPE_CHECKING:
    from localazure.app.call import Call

    Request = dict[str, Any]

SERVICE = graph_service("graph batch", r"/\$batch/?")
_MAX_REQUESTS = 20


@SERVICE.route("POST", "/{version}/$batch", action=None, why="each request inside is decided by its own service")
def run_batch(call: Call) -> Reply:
    """200 with every response. A request that depends on a failed one is not run and answers 424."""
    requests: object = call.json().get("requests")
    items = cast("list[Any]", requests) if isinstance(requests, list) else []
    if not items or not all(_is_request(request) for request in items):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(items) > _MAX_REQUESTS:
        raise bad_request(
            f"Number of batch request steps exceeds the maximum value of {_MAX_REQUESTS}.", "MaximumValueExceeded"
        )
    if len({request["id"] for request in items}) < len(items):
        raise bad_request("Request Id has to be unique in a batch.", "BadRequest")
    responses: dict[str, Request] = {}
    for request in items:
        responses[request["id"]] = _response_item(call, request, responses)
    return Reply(body={"responses": list(responses.values())})


def _is_request(item: object) -> bool:
    """Whether an item of the batch has the shape of a request, with id, method and URL."""
    if not isinstance(item, dict):
        return False
    request = cast("Request", item)
    has_valid_types = isinstance(request.get("headers") or {}, dict) and isinstance(
        request.get("dependsOn") or [], list
    )
    return has_valid_types and all(
        isinstance(request.get(name), str) and request[name] for name in ("id", "method", "url")
    )


def _response_item(call: Call, request: Request, earlier: dict[str, Request]) -> Request:
    """The response to one item of the batch."""
    depends_on = cast("list[Any]", request.get("dependsOn") or [])
    if any(earlier.get(str(request_id), {"status": 424})["status"] >= 400 for request_id in depends_on):
        message = "This request depends on another one that failed."
        reply = access.render(call, AzureError(status=424, code="FailedDependency", message=message))
    else:
        reply = _dispatch(_inner_call(call, request))
    body = {"body": reply.body} if reply.body is not None else {}
    headers = {**reply.headers, **({"Content-Type": "application/json"} if body else {})}
    return {"id": request["id"], "status": reply.status, "headers": headers, **body}


def _inner_call(call: Call, request: Request) -> Call:
    """One item of the batch as a call of its own, with the token of the batch."""
    try:
        target = urlsplit(str(request["url"]))
    except ValueError:  # half an IPv6 address, say
        raise bad_request("Invalid URL format specified in the batch request.", "BadRequest") from None
    headers = {str(name).lower(): str(value) for name, value in cast("Request", request.get("headers") or {}).items()}
    body = json.dumps(request["body"]).encode() if request.get("body") is not None else b""
    return replace(
        call,
        method=str(request["method"]).upper(),
        path=f"/{call.params['version']}/{unquote(target.path).strip('/')}",
        query={name.lower(): value for name, value in parse_qsl(target.query, keep_blank_values=True)},
        headers={**headers, "authorization": call.headers.get("authorization", "")},
        body=body,
        params={},
    )


def _dispatch(call: Call) -> Reply:
    """The answer of the first Graph service with a route for the call; errors as Graph renders them."""
    try:
        services = (candidate for candidate in import_module(str(__package__)).SERVICES if candidate is not SERVICE)
        reply = service.reply_of_inner_call(services, call)
        if reply is not None:
            return reply
    except AzureError as error:
        return access.render(call, error)
    return access.render(call, access.unknown_segment(call))
