"""Long operations of ARM: a write answers at once, what it does comes true after a moment, a poll tells when.

An operation is `{"id", "due", "kind", "target", …}` in table `operations`. `settle` does what is due; every ARM call
settles first, so that nothing runs in the background but what a real program takes its time for.
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Call, Reply
from localazure.app.resource_manager import resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from localazure.app.store import Document
    from localazure.app.world import World

    Completion = Future[Callable[[World], None]]

TABLE = "operations"
_SECONDS = 0.1  # real ones take seconds to minutes
_KEPT_SECONDS = 3600.0

# How often a client shall ask. azure-core takes "Retry-After: 0" as no answer and waits its default 30 s.
_POLL = {"x-ms-retry-after-ms": "50"}


def _succeed(world: World, operation: Document) -> None:
    found = resources.find(world, operation["target"])
    if found is not None:
        found["properties"]["provisioningState"] = "Succeeded"
        resources.put(world, found)


def _delete(world: World, operation: Document) -> None:
    resources.delete(world, operation["target"])


# What an operation does when it is due, by its kind; services add theirs. One that takes its time goes on in a thread
# and gives a future: of what is to be noted when it is done. `begun` in an operation whose future nobody holds any more
# says that the process ended meanwhile.
actions: dict[str, Callable[[World, Document], Completion | None]] = {"succeed": _succeed, "delete": _delete}
_under_way: dict[str, Completion] = {}


def begin(world: World, kind: str, target: str, *, shows: str = "") -> Document:
    """Start an operation on a resource id; `shows` is the resource that a finished poll answers with."""
    key, due = world.clock.new_id(), world.clock.timestamp() + _SECONDS
    operation = {"id": key, "kind": kind, "target": target, "shows": shows, "due": due, "done": False}
    return world.store.put(TABLE, key, operation)


def run_due(world: World) -> None:
    """Do what is due (not while reads are stale: what they give must not be written back)."""
    if world.store.reads_past:
        return
    now = world.clock.timestamp()
    for key, operation in world.store.rows(TABLE):
        if not operation["done"] and operation["due"] <= now:
            _go_on(world, operation)
        elif operation["due"] + _KEPT_SECONDS < now:
            world.store.remove(TABLE, key)


def _go_on(world: World, operation: Document) -> None:
    key = str(operation["id"])
    later = _under_way.pop(key, None) or actions[operation["kind"]](world, operation)
    if later is not None and not later.done():
        _under_way[key] = later
        world.store.put(TABLE, key, {**operation, "begun": True})
        return
    world.store.put(TABLE, key, {**operation, "done": True})
    if later is not None:
        later.result()(world)


def accepted(call: Call, operation: Document, path: str, *, body: Document | None = None) -> Reply:
    """202 with the Location to poll: `path` is the collection under which the operation's id stands."""
    return Reply(status=202, body=body, headers={"Location": _url(call, path, operation), **_POLL})


def accepted_async(call: Call, operation: Document, path: str, *, status: int, body: Document) -> Reply:
    """The same with Azure-AsyncOperation, as providers answer that show the resource meanwhile."""
    return Reply(status=status, body=body, headers={"Azure-AsyncOperation": _url(call, path, operation), **_POLL})


def poll(call: Call, operation_id: str) -> Reply:
    """What a Location answers: 202 while it runs, then 200 with what the operation shows."""
    operation = _find(call.world, operation_id)
    if not operation["done"]:
        version = call.query.get("api-version", "")
        here = f"https://{call.host}{call.path}?api-version={version}"
        return Reply(status=202, headers={"Location": here, **_POLL})
    shown = resources.find(call.world, operation["shows"]) if operation["shows"] else None
    return Reply(status=200, body=resources.response_body(shown) if shown else None)


def poll_async(call: Call, operation_id: str) -> Reply:
    """What an Azure-AsyncOperation answers: always 200, with a status."""
    operation = _find(call.world, operation_id)
    status = "Succeeded" if operation["done"] else "InProgress"
    body = {"id": call.path, "name": operation["id"], "status": status}
    return Reply(status=200, body=body, headers={} if operation["done"] else _POLL)


def _find(world: World, operation_id: str) -> Document:
    run_due(world)
    operation = world.store.get(TABLE, operation_id.lower())
    if operation is None:
        message = f"The operation '{operation_id}' could not be found."
        raise AzureError(status=404, code="OperationNotFound", message=message)
    return operation


def _url(call: Call, path: str, operation: Document) -> str:
    return f"https://{call.host}{path}/{operation['id']}?api-version={call.query.get('api-version', '')}"
