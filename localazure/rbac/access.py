"""Azure RBAC: decides from role definitions and assignments whether a principal may do an action, on both planes.

A definition is `{"id": guid, "roleName", "roleType", "description", "permissions": [{"actions", "notActions",
"dataActions", "notDataActions"}], "assignableScopes"}`; an assignment is `{"id", "name", "scope", "principalId",
"principalType", "roleDefinitionId", "description", "condition", …}`. Both are in the store (tables
`role_definitions`, `role_assignments`), so custom and built-in roles work alike. As in Azure, an action is allowed if
an assignment at the scope or above has a permission whose actions match and whose notActions do not; an assignment with
a condition, which is not evaluated here, allows nothing.
https://learn.microsoft.com/azure/role-based-access-control/overview
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.service import authorization_failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

DEFINITIONS = "role_definitions"
ASSIGNMENTS = "role_assignments"


def is_principal_allowed(tenant: Tenant, principal_id: str, action: str, scope: str, *, data: bool = False) -> bool:
    """Return whether a principal may do an action at a scope: a resource id, or one below it such as a container's."""
    with tenant.store.reading_as_of(tenant.clock.timestamp() - tenant.faults.grant_lag_seconds):
        return any(
            _grants(permission, action, data=data) for permission in list_permissions(tenant, principal_id, scope)
        )


def list_permissions(tenant: Tenant, principal_id: str, scope: str, *, conditional: bool = False) -> Iterator[Document]:
    """Iterate over the permissions of a principal's assignments at the scope and above.

    conditional: of assignments with a condition, too.
    """
    for assignment in list_assignments_reaching(tenant, scope):
        if assignment["principalId"] == principal_id and (conditional or not assignment.get("condition")):
            guid = str(assignment["roleDefinitionId"]).rsplit("/", 1)[-1].lower()
            definition = tenant.store.get(DEFINITIONS, guid)
            role_permissions = (definition or {}).get("permissions", [])
            yield from (permission for permission in role_permissions if not permission.get("condition"))


def list_assignments_reaching(tenant: Tenant, scope: str) -> Iterator[Document]:
    """Iterate over the assignments at the scope and above."""
    lowered = scope.rstrip("/").lower() + "/"
    for _, assignment in tenant.store.rows(ASSIGNMENTS):
        if lowered.startswith(str(assignment["scope"]).rstrip("/").lower() + "/"):
            yield assignment


def is_caller_allowed(call: Call, action: str, scope: str) -> bool:
    """Return whether the caller's roles allow a control-plane action at a scope."""
    return is_principal_allowed(call.tenant, call.authenticated_caller.object_id, action, scope)


def require(call: Call, action: str, scope: str) -> None:
    """Raise 403 AuthorizationFailed unless the caller's roles allow a control-plane action at a scope."""
    if not is_caller_allowed(call, action, scope):
        raise authorization_failed(call, action, scope)


def _grants(permission: Document, action: str, *, data: bool) -> bool:
    allowed, denied = ("dataActions", "notDataActions") if data else ("actions", "notActions")
    return _matches_any(permission.get(allowed, ()), action) and not _matches_any(permission.get(denied, ()), action)


def _matches_any(patterns: list[str], action: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns)
