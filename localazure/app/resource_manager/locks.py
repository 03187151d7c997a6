"""Management locks: which scopes are locked, and the refusal of a call that would change what is locked.

https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.resource_manager import scopes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TABLE = "management_locks"  # not among the resources: lists of those do not show locks
TYPE = "Microsoft.Authorization/locks"
READ_ONLY, CAN_NOT_DELETE = "ReadOnly", "CanNotDelete"
_SEPARATOR = f"/providers/{TYPE}/".lower()


def scope_of(lock: Document) -> str:
    """Return the scope that a lock is on."""
    return str(lock["id"])[: str(lock["id"]).lower().rindex(_SEPARATOR)]


def list_reaching(tenant: Tenant, scope: str) -> Iterator[Document]:
    """Iterate over the locks on a scope and on those above it."""
    inner = f"{scope.rstrip('/')}/".lower()
    return (lock for lock in _all_locks(tenant) if inner.startswith(f"{scope_of(lock)}/".lower()))


def list_within(tenant: Tenant, scope: str) -> Iterator[Document]:
    """Iterate over the locks on a scope and on those below it."""
    outer = f"{scope.rstrip('/')}/".lower()
    return (lock for lock in _all_locks(tenant) if f"{scope_of(lock)}/".lower().startswith(outer))


def refuse_locked_change(call: Call) -> None:
    """Raise 409 ScopeLocked for a call that deletes or changes what is locked, or deletes a scope with a lock in it."""
    if call.method in {"GET", "HEAD"} or f"{call.path}/".lower().find(_SEPARATOR) >= 0:
        return
    scope = scopes.scope_in_path(call.path.rstrip("/"))
    deletes = call.method == "DELETE"
    locked = [lock for lock in list_reaching(call.tenant, scope) if deletes or _level(lock) == READ_ONLY]
    if deletes:
        locked += [lock for lock in list_within(call.tenant, scope) if lock not in locked]
    if not locked:
        return
    listed = ",".join(dict.fromkeys(map(scope_of, locked)))
    message = (
        f"The scope '{scope}' cannot perform {'delete' if deletes else 'write'} operation because following scope(s) "
        f"are locked: '{listed}'. Please remove the lock and try again."
    )
    raise AzureError(status=409, code="ScopeLocked", message=message)


def _level(lock: Document) -> str:
    return str(lock["properties"]["level"])


def _all_locks(tenant: Tenant) -> Iterator[Document]:
    return (lock for _, lock in tenant.store.rows(TABLE))
