"""Management locks, on a subscription, a resource group or a resource; the refusals are in `resource_manager/locks`.

https://learn.microsoft.com/rest/api/resources/management-locks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters, locks
from localazure.app.resource_manager.services import arm_service
from localazure.authorization import scope_paths

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service("locks", ".*/providers/Microsoft.Authorization/locks(/[^/]+)?/?", ("2016-09-01", "2020-05-01"))
_LIST = scope_paths.AUTHORIZATION + "locks"
_ONE = _LIST + "/{name}"
_LEVELS = {level.lower(): level for level in (locks.CAN_NOT_DELETE, locks.READ_ONLY)}
_MAX_NOTES = 512


@SERVICE.route("GET", _LIST, action=f"{locks.TYPE}/read")
def list_locks(call: Call) -> Reply:
    """List the locks at and below the scope; with `$filter=atScope()` those at the scope only."""
    scope, text = scope_paths.scope_of(call), call.query.get("$filter", "").strip()
    if text and text.lower() != "atscope()":
        raise filters.invalid_filter(text)
    found = list(locks.list_within(call.tenant, scope))
    at_scope = [lock for lock in found if locks.scope_of(lock).lower() == scope.lower()]
    return Reply(body={"value": at_scope if text else found})


@SERVICE.route("GET", _ONE, action=f"{locks.TYPE}/read")
def get_lock(call: Call) -> Reply:
    """One lock; 404 LockNotFound."""
    lock = _find(call)
    if lock is None:
        message = f"The lock '{call.params['name']}' could not be found."
        raise AzureError(status=404, code="LockNotFound", message=message)
    return Reply(body=lock)


@SERVICE.route("PUT", _ONE, action=f"{locks.TYPE}/write")
def set_lock(call: Call) -> Reply:
    """Create a lock: 201, or replace it: 200."""
    scope_paths.require_scope_exists(call, scope_paths.scope_of(call))
    properties = bodies.requested_properties(call.json())
    level, notes = _LEVELS.get(str(properties.get("level")).lower()), properties.get("notes")
    if level is None:
        message = f"The lock level '{properties.get('level')}' is invalid: use 'CanNotDelete' or 'ReadOnly'."
        raise AzureError(status=400, code="InvalidLockLevel", message=message)
    if len(str(notes or "")) > _MAX_NOTES:
        message = f"The notes of a lock have at most {_MAX_NOTES} characters."
        raise AzureError(status=400, code="LockNotesTooLong", message=message)
    status = 201 if _find(call) is None else 200
    lock: Document = {
        "properties": {"level": level} | ({"notes": notes} if notes else {}),
        "id": _lock_id(call),
        "type": locks.TYPE,
        "name": call.params["name"],
    }
    return Reply(status=status, body=call.tenant.store.put(locks.TABLE, _lock_id(call).lower(), lock))


@SERVICE.route("DELETE", _ONE, action=f"{locks.TYPE}/delete")
def delete_lock(call: Call) -> Reply:
    """Delete a lock: 200, or 204 if there was none."""
    return Reply(status=200 if call.tenant.store.remove(locks.TABLE, _lock_id(call).lower()) else 204)


def _find(call: Call) -> Document | None:
    return call.tenant.store.get(locks.TABLE, _lock_id(call).lower())


def _lock_id(call: Call) -> str:
    return f"{scope_paths.scope_of(call)}/providers/{locks.TYPE}/{call.params['name']}"
