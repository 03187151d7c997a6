"""Graph's policies on what applications may use: the tenant's on client secrets, none of an application's own.

https://learn.microsoft.com/graph/api/resources/tenantappmanagementpolicy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.local import graph_access, graph_passwords, odata
from provisioner.local.call import Reply
from provisioner.local.graph_access import denied, need_read
from provisioner.local.service import Service

if TYPE_CHECKING:
    from provisioner.local.call import Call

SERVICE = Service(
    name="graph policies",
    hosts=(graph_access.HOST,),
    path=r"/(v1\.0|beta)/(policies/defaultAppManagementPolicy|applications(/[^/]+|\(.*\))/appManagementPolicies)",
    audiences=(f"https://{graph_access.HOST}", graph_access.APP_ID),
    render=graph_access.render,
    unauthenticated=graph_access.unauthenticated,
    unknown=graph_access.unknown,
    one_slash=True,
)
_WHY = "Graph has permissions instead of RBAC"
_DEFAULT = "/{version}/policies/defaultAppManagementPolicy"
_WRITE = "Policy.ReadWrite.ApplicationConfiguration"
_READ = frozenset({_WRITE, "Policy.Read.ApplicationConfiguration", "Policy.Read.All"})


@SERVICE.route("GET", _DEFAULT, action=None, why=_WHY)
def get_default(call: Call) -> Reply:
    """The tenant's policy."""
    if not graph_access.roles(call) & _READ:
        raise denied()
    where = odata.context(call, "policies/defaultAppManagementPolicy/$entity")
    return Reply(body={"@odata.context": where, **graph_passwords.policy(call.world)})


@SERVICE.route("PATCH", _DEFAULT, action=None, why=_WHY)
def update_default(call: Call) -> Reply:
    """204; what is given replaces what is there."""
    if _WRITE not in graph_access.roles(call):
        raise denied()
    graph_passwords.set_policy(call.world, call.json())
    return Reply(status=204)


@SERVICE.route("GET", "/{version}/applications/{id}/appManagementPolicies", action=None, why=_WHY)
@SERVICE.route("GET", "/{version}/applications({key})/appManagementPolicies", action=None, why=_WHY)
def list_own(call: Call) -> Reply:
    """No application has one of its own."""
    need_read(call)
    return Reply(body={"@odata.context": odata.context(call, "appManagementPolicies"), "value": []})
