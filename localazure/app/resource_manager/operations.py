"""ARM's asynchronous operations: a write responds at once, takes effect after a moment, and a poll shows when.

An operation is `{"id", "due", "kind", "target", …}` in table `operations`. Every ARM call first runs those that are
due, so nothing runs in the background but the work of real programs.
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

# How often a client polls. azure-core ignores "Retry-After: 0" and waits its default of 30 s.
_POLL = {"x-ms-retry-after-ms": "50"}


def _succeed(world: World, operation: Document) -> None:
    resource = resources.find(world, operation["target"])
    if resource is not None:
        resource["properties"]["provisioningState"] = "Succeeded"
        resources.put(world, resource)


def _delete(world: World, operation: Document) -> None:
    resources.delete(world, operation["target"])


# What an operation does when it is due, by its kind; services add theirs. One that waits for a real program returns a
# future of a function that writes the result into the world. An operation with `begun` but without a future was
# interrupted by the end of the process.
actions: dict[str, Callable[[World, Document], Completion | None]] = {"succeed": _succeed, "delete": _delete}
_running: dict[str, Completion] = {}


def begin(world: World, kind: str, target: str, *, shows: str = "") -> Document:
    """Begin an operation on a resource. Returns it.

    kind: of `actions`. target: the resource's id. shows: the id of the resource that a poll returns once it is done.
    """
    key, due = world.clock.new_id(), world.clock.timestamp() + _SECONDS
    operation = {"id": key, "kind": kind, "target": target, "shows": shows, "due": due, "done": False}
    return world.store.put(TABLE, key, operation)


def run_due(world: World) -> None:
    """Run the operations that are due, unless reads are stale: what they return must not be written back."""
    if world.store.reads_past:
        return
    now = world.clock.timestamp()
    for key, operation in world.store.rows(TABLE):
        if not operation["done"] and operation["due"] <= now:
            _run(world, operation)
        elif operation["due"] + _KEPT_SECONDS < now:
            world.store.remove(TABLE, key)


def _run(world: World, operation: Document) -> None:
    """Start an operation, or complete it if its future is done."""
    key = str(operation["id"])
    completion = _running.pop(key, None) or actions[operation["kind"]](world, operation)
    if completion is not None and not completion.done():
        _running[key] = completion
        world.store.put(TABLE, key, {**operation, "begun": True})
        return
    world.store.put(TABLE, key, {**operation, "done": True})
    if completion is not None:
        completion.result()(world)


def accepted(call: Call, operation: Document, path: str, *, body: Document | None = None) -> Reply:
    """Return 202 with the Location to poll: the operation's id below `path`."""
    return Reply(status=202, body=body, headers={"Location": _poll_url(call, path, operation), **_POLL})


def accepted_async(call: Call, operation: Document, path: str, *, status: int, body: Document) -> Reply:
    """Return a reply with the Azure-AsyncOperation URL to poll, and the resource as it is meanwhile."""
    return Reply(status=status, body=body, headers={"Azure-AsyncOperation": _poll_url(call, path, operation), **_POLL})


def poll(call: Call, operation_id: str) -> Reply:
    """Answer a poll of a Location: 202 while the operation runs, then 200 with the resource that it shows."""
    operation = _require_operation(call.world, operation_id)
    if not operation["done"]:
        version = call.query.get("api-version", "")
        location = f"https://{call.host}{call.path}?api-version={version}"
        return Reply(status=202, headers={"Location": location, **_POLL})
    resource = resources.find(call.world, operation["shows"]) if operation["shows"] else None
    return Reply(status=200, body=resources.response_body(resource) if resource else None)


def poll_async(call: Call, operation_id: str) -> Reply:
    """Answer a poll of an Azure-AsyncOperation: 200 with the status InProgress or Succeeded."""
    operation = _require_operation(call.world, operation_id)
    status = "Succeeded" if operation["done"] else "InProgress"
    body = {"id": call.path, "name": operation["id"], "status": status}
    return Reply(status=200, body=body, headers={} if operation["done"] else _POLL)


def _require_operation(world: World, operation_id: str) -> Document:
    run_due(world)
    operation = world.store.get(TABLE, operation_id.lower())
    if operation is None:
        message = f"The operation '{operation_id}' could not be found."
        raise AzureError(status=404, code="OperationNotFound", message=message)
    return operation


def _poll_url(call: Call, path: str, operation: Document) -> str:
    return f"https://{call.host}{path}/{operation['id']}?api-version={call.query.get('api-version', '')}"
