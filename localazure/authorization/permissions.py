"""What the caller may do at a scope.

https://learn.microsoft.com/rest/api/authorization/permissions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.resource_manager import scopes
from localazure.app.resource_manager.services import arm_service
from localazure.authorization import scope_paths
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call

_HERE = scope_paths.AUTHORIZATION
SERVICE = arm_service("permissions", ".*/providers/Microsoft.Authorization/permissions/?", ("2015-07-01", "2022-04-01"))


@SERVICE.route("GET", f"{_HERE}permissions", action=None, why="everybody may ask what they may do")
def list_permissions(call: Call) -> Reply:
    """List the caller's permissions at the scope: one entry per assignment at the scope or above it.

    An entry does not say that its assignment has a condition.
    """
    scopes.require_own_subscription(call.path)
    scope_paths.require_scope_exists(call, scope_paths.scope_of(call))
    caller, scope = call.authenticated_caller.object_id, scope_paths.scope_of(call)
    permissions = access.list_permissions(call.tenant, caller, scope, conditional=True)
    return Reply(body={"value": list(permissions)})
