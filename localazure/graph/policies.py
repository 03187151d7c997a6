"""Graph's policies on what applications may use: the tenant's on client secrets; applications have none of their own.

https://learn.microsoft.com/graph/api/resources/tenantappmanagementpolicy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.graph import access, odata, passwords
from localazure.graph.access import forbidden, require_may_read
from localazure.graph.routes import graph_service

if TYPE_CHECKING:
    from localazure.app.call import Call

SERVICE = graph_service(
    "graph policies", r"/(policies/defaultAppManagementPolicy|applications(/[^/]+|\(.*\))/appManagementPolicies)"
)
_WHY = "Graph has permissions instead of RBAC"
_DEFAULT_POLICY = "/{version}/policies/defaultAppManagementPolicy"
_WRITE_PERMISSION = "Policy.ReadWrite.ApplicationConfiguration"
_READ_PERMISSIONS = frozenset({_WRITE_PERMISSION, "Policy.Read.ApplicationConfiguration", "Policy.Read.All"})


@SERVICE.route("GET", _DEFAULT_POLICY, action=None, why=_WHY)
def get_default_policy(call: Call) -> Reply:
    """The tenant's policy on credentials of applications."""
    if not access.caller_permissions(call) & _READ_PERMISSIONS:
        raise forbidden()
    context = odata.context_url(call, "policies/defaultAppManagementPolicy/$entity")
    return Reply(body={"@odata.context": context, **passwords.tenant_policy(call.tenant)})


@SERVICE.route("PATCH", _DEFAULT_POLICY, action=None, why=_WHY)
def update_default_policy(call: Call) -> Reply:
    """Replace members of the tenant's policy: 204."""
    if _WRITE_PERMISSION not in access.caller_permissions(call):
        raise forbidden()
    passwords.update_tenant_policy(call.tenant, call.json())
    return Reply(status=204)


@SERVICE.route("GET", "/{version}/applications/{id}/appManagementPolicies", action=None, why=_WHY)
@SERVICE.route("GET", "/{version}/applications({key})/appManagementPolicies", action=None, why=_WHY)
def answer_no_application_policies(call: Call) -> Reply:
    """An empty list: no application has a policy of its own."""
    require_may_read(call)
    return Reply(body={"@odata.context": odata.context_url(call, "appManagementPolicies"), "value": []})
