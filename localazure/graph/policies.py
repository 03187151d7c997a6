"""Graph's policies on what applications may use: the tenant's on client secrets, none of an application's own.

https://learn.microsoft.com/graph/api/resources/tenantappmanagementpolicy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.graph import access, odata, passwords
from localazure.graph.access import denied, need_read
from localazure.graph.routes import graph_service

if TYPE_CHECKING:
    from localazure.app.call import Call

SERVICE = graph_service(
    "graph policies", r"/(policies/defaultAppManagementPolicy|applications(/[^/]+|\(.*\))/appManagementPolicies)"
)
_WHY = "Graph has permissions instead of RBAC"
_DEFAULT = "/{version}/policies/defaultAppManagementPolicy"
_WRITE = "Policy.ReadWrite.ApplicationConfiguration"
_READ = frozenset({_WRITE, "Policy.Read.ApplicationConfiguration", "Policy.Read.All"})


@SERVICE.route("GET", _DEFAULT, action=None, why=_WHY)
def get_default(call: Call) -> Reply:
    """The tenant's policy."""
    if not access.roles(call) & _READ:
        raise denied()
    where = odata.context(call, "policies/defaultAppManagementPolicy/$entity")
    return Reply(body={"@odata.context": where, **passwords.policy(call.world)})


@SERVICE.route("PATCH", _DEFAULT, action=None, why=_WHY)
def update_default(call: Call) -> Reply:
    """204; what is given replaces what is there."""
    if _WRITE not in access.roles(call):
        raise denied()
    passwords.set_policy(call.world, call.json())
    return Reply(status=204)


@SERVICE.route("GET", "/{version}/applications/{id}/appManagementPolicies", action=None, why=_WHY)
@SERVICE.route("GET", "/{version}/applications({key})/appManagementPolicies", action=None, why=_WHY)
def list_own(call: Call) -> Reply:
    """No application has one of its own."""
    need_read(call)
    return Reply(body={"@odata.context": odata.context(call, "appManagementPolicies"), "value": []})
