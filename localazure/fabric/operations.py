"""Fabric's long-running operations: 202 with a Location, then the state, and the result of those that have one.

https://learn.microsoft.com/rest/api/fabric/articles/long-running-operation
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.fabric import api

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_TABLE = "fabric_operations"
_ANYBODY = "whoever knows the operation's id"
# How often a client polls; the service's own Retry-After is 30.
_POLL = {"x-ms-retry-after-ms": "50"}
SERVICE = api.fabric_service("operations", "/v1/operations/.*")


def begin_operation(call: Call, seconds: float) -> Reply:
    """Begin an operation that takes that long. Returns 202 with its id and the Location to poll."""
    now, key = call.tenant.clock.timestamp(), call.tenant.clock.new_id()
    call.tenant.store.put(_TABLE, key, {"id": key, "began": now, "ends": now + seconds})
    headers = {"Location": f"https://{api.HOST}/v1/operations/{key}", "x-ms-operation-id": key, **_POLL}
    return Reply(status=202, headers=headers)


@SERVICE.route("GET", "/v1/operations/{operation}", action=None, why=_ANYBODY)
def get_state(call: Call) -> Reply:
    """Show how far an operation is."""
    operation, now = _require_operation(call), call.tenant.clock.timestamp()
    is_done = now >= operation["ends"]
    body: Document = {
        "status": "Succeeded" if is_done else "Running",
        "createdTimeUtc": _format_time(operation["began"]),
        "lastUpdatedTimeUtc": _format_time(min(now, operation["ends"])),
        "percentComplete": 100 if is_done else 25,
    }
    if is_done and (code := str(api.settings_for_tests(call.tenant)["operation_error"])):
        body |= {"status": "Failed", "error": {"errorCode": code, "message": "The operation has failed."}}
    return Reply(body=body, headers={"x-ms-operation-id": operation["id"], **({} if is_done else _POLL)})


@SERVICE.route("GET", "/v1/operations/{operation}/result", action=None, why=_ANYBODY)
def refuse_result(call: Call) -> Reply:
    """Raise 400: no operation here has a result, as what returns something does so at once."""
    _require_operation(call)
    raise AzureError(status=400, code="OperationHasNoResult", message="The operation has no result.")


def _require_operation(call: Call) -> Document:
    operation = call.tenant.store.get(_TABLE, call.params["operation"].lower())
    if operation is None:
        raise AzureError(status=404, code="OperationNotFound", message="The requested operation was not found.")
    return operation


def _format_time(epoch_seconds: float) -> str:
    return f"{datetime.fromtimestamp(epoch_seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
