"""App role assignments: which app roles of a resource, such as Graph's permissions, a service principal has.

https://learn.microsoft.com/graph/api/resources/approleassignment
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import access, objects, odata
from localazure.graph.access import bad_request, not_found, require_may_assign_roles, require_may_read
from localazure.graph.routes import bind_table, graph_service, route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.graph.routes import TableHandler

_TABLE = "app_role_assignments"
_DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"  # "may use the resource", which every resource has
_MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"  # the tenant of Microsoft's own applications
# https://learn.microsoft.com/graph/permissions-reference
_PERMISSIONS = {
    "06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
    "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30": "Application.Read.All",
    "18a4783c-866b-4cc7-a460-3d5e5662c884": "Application.ReadWrite.OwnedBy",
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "7ab1d382-f21e-4acd-a863-ba3e13f7da61": "Directory.Read.All",
}


def _seed_graph_principal(tenant: Tenant) -> None:
    """Store Graph's own service principal, whose app roles are the permissions that others are granted."""
    principal = directory.new_principal(tenant, access.APP_ID, "Microsoft Graph")
    roles = [
        {"id": key, "value": value, "displayName": value, "description": value, "isEnabled": True,
         "allowedMemberTypes": ["Application"], "origin": "Application"}
        for key, value in _PERMISSIONS.items()
    ]  # fmt: skip
    principal |= {"appRoles": roles, "servicePrincipalNames": [access.APP_ID, f"https://{access.HOST}"]}
    principal["appOwnerOrganizationId"] = _MICROSOFT
    tenant.store.put(directory.PRINCIPALS, principal["id"], principal)


_PATHS = r"/servicePrincipals(/[^/]+|\(.*\))/appRole(Assignments|AssignedTo)(/.*)?"
SERVICE = graph_service("graph app roles", _PATHS, seed=_seed_graph_principal)


def _route(method: str, suffix: str = "") -> Callable[[TableHandler], TableHandler]:
    """Register a route of both relationships; the handler gets the property that names the path's principal."""

    def register(handler: TableHandler) -> TableHandler:
        for relationship, id_property in (("appRoleAssignments", "principalId"), ("appRoleAssignedTo", "resourceId")):
            for key in ("/{id}", "({key})"):
                path = f"/servicePrincipals{key}/{relationship}{suffix}"
                route(SERVICE, method, path)(bind_table(handler, id_property))
        return handler

    return register


@_route("GET")
def list_assignments(call: Call, id_property: str) -> Reply:
    """List the app roles that a service principal has, or that it has given to others."""
    require_may_read(call)
    return Reply(body=odata.page_body(call, "appRoleAssignments", list(_assignments_of(call, id_property))))


@_route("POST")
def create_assignment(call: Call, id_property: str) -> Reply:
    """Assign an app role: 201. Ownership does not suffice for it."""
    require_may_assign_roles(call)
    body = {name: str(call.json().get(name) or "").lower() for name in ("principalId", "resourceId", "appRoleId")}
    principal = directory.find_principal(call.tenant, body["principalId"])
    resource = directory.find_principal(call.tenant, body["resourceId"])
    if principal is None or resource is None or objects.get(call, directory.PRINCIPALS)["id"] != body[id_property]:
        raise bad_request("Not a valid reference update.")
    if body["appRoleId"] not in {_DEFAULT_ROLE, *(role["id"] for role in resource["appRoles"])}:
        raise bad_request("Permission being assigned was not found on application")
    assignment = _new_assignment(principal, resource, body["appRoleId"], call.tenant)
    if any(assignment["id"] == other["id"] for other in _all_assignments(call.tenant)):
        raise bad_request("Permission being assigned already exists on the object")
    if resource["appId"] == access.APP_ID and body["appRoleId"] in _PERMISSIONS:
        _set_permissions(call.tenant, principal, [*principal["_graph_roles"], _PERMISSIONS[body["appRoleId"]]])
    else:
        call.tenant.store.put(_TABLE, assignment["id"], assignment)
    context = odata.context_url(call, "appRoleAssignments/$entity")
    headers = {"Location": _location(call, id_property, assignment)}
    return Reply(status=201, body={"@odata.context": context, **assignment}, headers=headers)


@_route("GET", "/{assignment}")
def get_assignment(call: Call, id_property: str) -> Reply:
    """One app role assignment."""
    require_may_read(call)
    context = odata.context_url(call, "appRoleAssignments/$entity")
    return Reply(body={"@odata.context": context, **_require_assignment(call, id_property)})


@_route("DELETE", "/{assignment}")
def delete_assignment(call: Call, id_property: str) -> Reply:
    """Take an app role away: 204."""
    require_may_assign_roles(call)
    assignment = _require_assignment(call, id_property)
    principal = directory.find_principal(call.tenant, assignment["principalId"])
    if not call.tenant.store.remove(_TABLE, assignment["id"]) and principal is not None:
        permission = _PERMISSIONS[assignment["appRoleId"]]
        _set_permissions(call.tenant, principal, [role for role in principal["_graph_roles"] if role != permission])
    return Reply(status=204)


def _location(call: Call, id_property: str, assignment: Document) -> str:
    """The URL of a new assignment.

    No recording of this header was found. It is what the documentation shows as the `@odata.id` of a new assignment;
    that of an application is what az recorded as its Location.
    https://learn.microsoft.com/powershell/module/microsoft.graph.applications/new-mgserviceprincipalapproleassignment
    """
    relationship = {"principalId": "appRoleAssignments", "resourceId": "appRoleAssignedTo"}[id_property]
    owner = f"directoryObjects/$/Microsoft.DirectoryServices.ServicePrincipal('{assignment[id_property]}')"
    return f"https://{call.host}/v2/{TENANT_ID}/{owner}/{relationship}/{assignment['id']}"


def _set_permissions(tenant: Tenant, principal: Document, permissions: list[str]) -> None:
    """Set the Graph permissions of a principal, which stand in the tokens that it gets from then on."""
    tenant.store.put(directory.PRINCIPALS, principal["id"], {**principal, "_graph_roles": permissions})


def _require_assignment(call: Call, id_property: str) -> Document:
    """The assignment in the path; 404 if the principal in the path has no such assignment."""
    for assignment in _assignments_of(call, id_property):
        if assignment["id"] == call.params["assignment"].lower():
            return assignment
    raise not_found(call.params["assignment"])


def _assignments_of(call: Call, id_property: str) -> Iterator[Document]:
    """The assignments in which the service principal of the path is the principal, or the resource."""
    object_id = objects.get(call, directory.PRINCIPALS)["id"]
    return (assignment for assignment in _all_assignments(call.tenant) if assignment[id_property] == object_id)


def _all_assignments(tenant: Tenant) -> Iterator[Document]:
    """All assignments of principals and resources that still exist."""
    principals = {document["id"]: document for _, document in tenant.store.rows(directory.PRINCIPALS)}
    graph = next((one for one in principals.values() if one["appId"] == access.APP_ID), None)
    ids = {permission: role_id for role_id, permission in _PERMISSIONS.items()}
    for principal in principals.values():
        for permission in principal.get("_graph_roles", ()):
            if graph is not None and permission in ids:
                created = {"createdDateTime": principal["createdDateTime"]}
                yield _new_assignment(principal, graph, ids[permission], tenant) | created
    for _, assignment in tenant.store.rows(_TABLE):
        if assignment["principalId"] in principals and assignment["resourceId"] in principals:
            yield assignment


def _new_assignment(principal: Document, resource: Document, role_id: str, tenant: Tenant) -> Document:
    """An assignment as Graph shows it; its id follows from principal, resource and role."""
    return {
        "id": f"{principal['id']}-{resource['id']}-{role_id}",
        "deletedDateTime": None,
        "appRoleId": role_id,
        "createdDateTime": directory.format_date(tenant.clock.now()),
        "principalDisplayName": principal["displayName"],
        "principalId": principal["id"],
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource["id"],
    }
