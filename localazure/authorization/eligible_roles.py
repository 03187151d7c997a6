"""The roles that a principal may activate in Privileged Identity Management. Nothing here activates one.

https://learn.microsoft.com/rest/api/authorization/role-eligibility-schedule-instances
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.app.resource_manager import filters
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION
from localazure.authorization import scope_paths
from localazure.rbac import access, assignments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_TYPE = "Microsoft.Authorization/RoleEligibilityScheduleInstances"  # the spelling of answers
_LIST = scope_paths.AUTHORIZATION + "roleEligibilityScheduleInstances"
SERVICE = arm_service("eligible roles", f".*/providers/{_TYPE}/?", ("2020-10-01",))


@SERVICE.route("GET", _LIST, action=f"{assignments.TYPE}/read")
def list_eligible_roles(call: Call) -> Reply:
    """List the caller's eligible roles at, above and below the scope; of the filters only `asTarget()`.

    An administrator makes users and groups eligible in Azure, but no applications, and all callers here are such. So
    there is no request for it: the control endpoint's setting `eligible_roles` has, by object id, a list of `role` (a
    GUID) and `scope`. Which right the list takes:
    https://learn.microsoft.com/rest/api/authorization/privileged-role-eligibility-rest-sample
    """
    text, scope = call.query.get("$filter", ""), scope_paths.scope_of(call)
    if text.strip().lower() != "astarget()":
        raise filters.invalid_filter(text)
    return Reply(body={"value": list(_instances(call.tenant, call.authenticated_caller.object_id, scope))})


def _instances(tenant: Tenant, principal_id: str, scope: str) -> Iterator[Document]:
    setting: dict[str, list[dict[str, str]]] = tenant.store.get("settings", "eligible_roles") or {}
    for eligible in setting.get(principal_id, []):
        definition = tenant.store.get(access.DEFINITIONS, eligible["role"])
        if definition is not None and (_is_within(eligible["scope"], scope) or _is_within(scope, eligible["scope"])):
            yield _instance(principal_id, eligible["scope"], definition)


def _is_within(inner_scope: str, outer_scope: str) -> bool:
    return f"{inner_scope.rstrip('/').lower()}/".startswith(f"{outer_scope.rstrip('/').lower()}/")


def _instance(principal_id: str, scope: str, definition: Document) -> Document:
    role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{definition['id']}"
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope} {role} {principal_id}"))
    expanded: dict[str, Any] = {
        "scope": {"id": scope, "displayName": scope.rpartition("/")[2]},
        "roleDefinition": {"id": role, "displayName": definition["roleName"], "type": definition["roleType"]},
        "principal": {"id": principal_id, "type": "ServicePrincipal"},
    }
    properties: dict[str, Any] = {
        "scope": scope,
        "roleDefinitionId": role,
        "principalId": principal_id,
        "principalType": "ServicePrincipal",
        "status": "Provisioned",
        "memberType": "Direct",
        "expandedProperties": expanded,
    }
    return {"properties": properties, "name": name, "id": f"{scope}/providers/{_TYPE}/{name}", "type": _TYPE}
