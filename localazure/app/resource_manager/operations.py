"""ARM's asynchronous operations: a write responds at once, takes effect after a moment, and a poll shows when.

An operation is `{"id", "began", "due", "kind", "target", …}` in table `operations`. How long it takes is the setting
`seconds` of `PUT /settings/operations` at the control endpoint. Every ARM call first runs those that are
due, so nothing runs in the background but the work of real programs.
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from localazure.app.call import AzureError, Call, Reply
from localazure.app.resource_manager import resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

    Completion = Future[Callable[[Tenant], None]]

TABLE = "operations"
_SECONDS = 0.1  # real ones take seconds to minutes
_KEPT_SECONDS = 3600.0

# How often a client polls. azure-core ignores "Retry-After: 0" and waits its default of 30 s.
POLL = {"x-ms-retry-after-ms": "50"}


def _mark_target_succeeded(tenant: Tenant, operation: Document) -> None:
    resource = resources.find(tenant, operation["target"])
    if resource is not None:
        resource["properties"]["provisioningState"] = "Succeeded"
        resources.put(tenant, resource)


def _delete_target(tenant: Tenant, operation: Document) -> None:
    resources.delete_at_and_below(tenant, operation["target"])


# What an operation does when it is due, by its kind; services add theirs. One that waits for a real program returns a
# future of a function that writes the result into the tenant. An operation with `begun` but without a future was
# interrupted by the end of the process.
actions: dict[str, Callable[[Tenant, Document], Completion | None]] = {
    "succeed": _mark_target_succeeded,
    "delete": _delete_target,
}
_running: dict[str, Completion] = {}


def begin(tenant: Tenant, kind: str, target: str, *, shows: str = "") -> Document:
    """Begin an operation on a resource. Returns it.

    kind: of `actions`. target: the resource's id. shows: the id of the resource that a poll returns once it is done.
    """
    key, now = tenant.clock.new_id(), tenant.clock.timestamp()
    due = now + float((tenant.store.get("settings", "operations") or {}).get("seconds", _SECONDS))
    operation = {"id": key, "kind": kind, "target": target, "shows": shows, "began": now, "due": due, "done": False}
    return tenant.store.put(TABLE, key, operation)


def run_due(tenant: Tenant) -> None:
    """Run the operations that are due: on the present state, however old what the call reads is."""
    now = tenant.clock.timestamp()
    with tenant.store.reading_present():
        for key, operation in tenant.store.rows(TABLE):
            if not operation["done"] and operation["due"] <= now:
                _start_or_complete(tenant, operation)
            elif operation["due"] + _KEPT_SECONDS < now:
                tenant.store.remove(TABLE, key)


def _start_or_complete(tenant: Tenant, operation: Document) -> None:
    """Start an operation, or complete it if its future is done."""
    key = str(operation["id"])
    completion = _running.pop(key, None) or actions[operation["kind"]](tenant, operation)
    if completion is not None and not completion.done():
        _running[key] = completion
        tenant.store.put(TABLE, key, {**operation, "begun": True})
        return
    tenant.store.put(TABLE, key, {**operation, "done": True})
    if completion is not None:
        completion.result()(tenant)


def accepted_reply(call: Call, operation: Document, path: str, *, query: str = "") -> Reply:
    """Return 202 with the Location to poll: the operation's id below `path`, and what its query begins with."""
    version = call.query.get("api-version", "")
    location = f"https://{call.host}{path}/{operation['id']}?{query}api-version={version}"
    return Reply(status=202, headers={"Location": location, **POLL})


def answer_location_poll(call: Call, operation_id: str) -> Reply:
    """Answer a poll of a Location: 202 while the operation runs, then 200 with the resource that it shows."""
    operation = _require_operation(call.tenant, operation_id)
    if not operation["done"]:
        location = f"https://{call.host}{call.path}?{urlencode(call.query)}"
        return Reply(status=202, headers={"Location": location, **POLL})
    resource = resources.find(call.tenant, operation["shows"]) if operation["shows"] else None
    return Reply(status=200, body=resources.response_body(resource) if resource else None)


def began_and_due(tenant: Tenant, operation_id: str) -> tuple[datetime, datetime]:
    """Return when an operation began and when it is due. Raises 404."""
    operation = _require_operation(tenant, operation_id)
    return datetime.fromtimestamp(operation["began"], UTC), datetime.fromtimestamp(operation["due"], UTC)


def target_resource_id(tenant: Tenant, operation_id: str) -> str:
    """Return the id of the resource of an operation. Raises 404."""
    return str(_require_operation(tenant, operation_id)["target"])


def answer_async_poll(call: Call, operation_id: str) -> Reply:
    """Answer a poll of an Azure-AsyncOperation: 200 with the status InProgress or Succeeded."""
    operation = _require_operation(call.tenant, operation_id)
    status = "Succeeded" if operation["done"] else "InProgress"
    body = {"id": call.path, "name": operation["id"], "status": status}
    return Reply(status=200, body=body, headers={} if operation["done"] else POLL)


def _require_operation(tenant: Tenant, operation_id: str) -> Document:
    run_due(tenant)
    operation = tenant.store.get(TABLE, operation_id.lower())
    if operation is None:
        message = f"The operation '{operation_id}' could not be found."
        raise AzureError(status=404, code="OperationNotFound", message=message)
    return operation
