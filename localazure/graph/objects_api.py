"""Microsoft Graph v1.0: applications, service principals, their passwords, deleted items; other sets are minimal.

Permissions are checked in `graph/access.py`; deleting is soft. https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import access, expand, objects, odata, passwords
from localazure.graph.access import bad_request, check_may_create, check_may_read, check_may_write, not_found
from localazure.graph.routes import SET_NAMES, graph_service, route, route_objects, route_sets

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

_DOMAIN_NAME = "provisioner.onmicrosoft.com"
_APP_ROLES = {
    "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30": "Application.Read.All",
    "18a4783c-866b-4cc7-a460-3d5e5662c884": "Application.ReadWrite.OwnedBy",
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "7ab1d382-f21e-4acd-a863-ba3e13f7da61": "Directory.Read.All",
}


def _seed_graph_principal(world: World) -> None:
    """Store Graph's own service principal, whose app roles are the permissions that others are granted."""
    principal = directory.new_principal(world, access.APP_ID, "Microsoft Graph")
    roles = [
        {"id": key, "value": value, "displayName": value, "description": value, "isEnabled": True,
         "allowedMemberTypes": ["Application"], "origin": "Application"}
        for key, value in _APP_ROLES.items()
    ]  # fmt: skip
    principal |= {"appRoles": roles, "servicePrincipalNames": [access.APP_ID, f"https://{access.HOST}"]}
    world.store.put(directory.PRINCIPALS, principal["id"], principal)


SERVICE = graph_service("graph", "(/.*)?", seed=_seed_graph_principal)


def _entity_response(call: Call, table: str, document: Document, status: int = 200) -> Reply:
    """One application or service principal as an answer, with $expand and $select applied."""
    entity = odata.context_url(call, f"{SET_NAMES[table]}/$entity")
    body = expand.with_expansions(call, table, document)
    return Reply(status=status, body={"@odata.context": entity, **odata.selected(call, body)})


def _typed_entity(call: Call, table: str, document: Document) -> Document:
    """An object with its type, reduced to the members that $select names."""
    return odata.selected(call, objects.with_type(table, document))


@route_sets(SERVICE, "GET")
def list_objects(call: Call, table: str) -> Reply:
    """A page of applications or service principals."""
    check_may_read(call)
    documents = [expand.with_expansions(call, table, document) for _, document in call.world.store.rows(table)]
    return Reply(body=odata.page_body(call, SET_NAMES[table], documents))


@route_sets(SERVICE, "GET", "/$count")
def count_objects(call: Call, table: str) -> Reply:
    """Count applications or service principals; Graph requires the header ConsistencyLevel for it."""
    check_may_read(call)
    return odata.count_response(
        call, [directory.without_hidden(document) for _, document in call.world.store.rows(table)]
    )


@route_sets(SERVICE, "POST")
def create_object(call: Call, table: str) -> Reply:
    """Create an application or service principal: 201. The caller becomes its owner."""
    if table == directory.APPLICATIONS:
        return _entity_response(call, table, objects.create_application(call, call.json()), 201)
    return _entity_response(call, table, objects.create_principal(call, call.json()), 201)


@route_objects(SERVICE, "GET")
def get_object(call: Call, table: str) -> Reply:
    """One application or service principal, by id or alternate key."""
    check_may_read(call)
    return _entity_response(call, table, objects.get(call, table))


@route_objects(SERVICE, "PATCH")
def update_object(call: Call, table: str) -> Reply:
    """Update an object: 204. By alternate key and with `Prefer: create-if-missing`, create it if absent: 201."""
    check_may_create(call)
    document = objects.find(call, table)
    if document is not None:
        objects.update(call, table, document, call.json())
        return Reply(status=204)
    if "key" not in call.params or not objects.prefers(call, "create-if-missing"):
        raise not_found(call.params.get("id") or objects.alternate_key(call)[1])
    return _entity_response(call, table, _create_by_key(call, table), 201)


def _create_by_key(call: Call, table: str) -> Document:
    """Create the object of an alternate key; 404 for a key that cannot create one."""
    name, value = objects.alternate_key(call)
    if table == directory.PRINCIPALS and name == "appId":
        return objects.create_principal(call, call.json() | {"appId": value})
    if table == directory.APPLICATIONS and name == "uniqueName":
        return objects.create_application(call, call.json(), value)
    raise not_found(value)


@route_objects(SERVICE, "DELETE")
def delete_object(call: Call, table: str) -> Reply:
    """Soft-delete an object: 204. It can be restored for 30 days."""
    check_may_create(call)
    objects.delete(call, table, objects.get(call, table))
    return Reply(status=204)


@route_objects(SERVICE, "POST", "/addPassword")
@route_objects(SERVICE, "POST", "/microsoft.graph.addPassword")
def add_password(call: Call, table: str) -> Reply:
    """Add a password: 200. This is the only answer with its text."""
    check_may_create(call)
    password = passwords.add_password(call, table, objects.get(call, table))
    return Reply(body={"@odata.context": odata.context_url(call, "microsoft.graph.passwordCredential"), **password})


@route_objects(SERVICE, "POST", "/removePassword")
@route_objects(SERVICE, "POST", "/microsoft.graph.removePassword")
def remove_password(call: Call, table: str) -> Reply:
    """Remove a password: 204."""
    check_may_create(call)
    passwords.remove_password(call, table, objects.get(call, table))
    return Reply(status=204)


@route_objects(SERVICE, "GET", "/appRoleAssignedTo")
@route_objects(SERVICE, "GET", "/oauth2PermissionGrants")
@route_objects(SERVICE, "GET", "/memberOf")
@route_objects(SERVICE, "GET", "/transitiveMemberOf")
@route_objects(SERVICE, "GET", "/createdObjects")
@route_objects(SERVICE, "GET", "/delegatedPermissionClassifications")
@route_objects(SERVICE, "GET", "/extensionProperties")
@route_objects(SERVICE, "GET", "/homeRealmDiscoveryPolicies")
@route_objects(SERVICE, "GET", "/tokenIssuancePolicies")
@route_objects(SERVICE, "GET", "/tokenLifetimePolicies")
def list_empty_relationship(call: Call, table: str) -> Reply:
    """An empty list: the local Azure has no objects of this relationship."""
    check_may_read(call)
    objects.get(call, table)
    return Reply(body={"@odata.context": odata.context_url(call, call.path.rsplit("/", 1)[-1]), "value": []})


@route_objects(SERVICE, "POST", "/checkMemberGroups")
@route_objects(SERVICE, "POST", "/checkMemberObjects")
@route_objects(SERVICE, "POST", "/getMemberGroups")
@route_objects(SERVICE, "POST", "/getMemberObjects")
def list_memberships(call: Call, table: str) -> Reply:
    """An empty list: the tenant has no groups."""
    check_may_read(call)
    objects.get(call, table)
    return Reply(body={"@odata.context": odata.context_url(call, "Collection(Edm.String)"), "value": []})


@route_objects(SERVICE, "GET", "/appRoleAssignments")
def list_app_role_assignments(call: Call, table: str) -> Reply:
    """List the Graph permissions of a service principal as app role assignments."""
    check_may_read(call)
    principal = objects.get(call, table)
    resource = directory.find_principal_by_app_id(call.world, access.APP_ID) or {}
    value = [
        {"id": f"{principal['id']}-{key}", "appRoleId": key, "principalId": principal["id"],
         "resourceId": resource.get("id"), "principalDisplayName": principal["displayName"],
         "principalType": "ServicePrincipal", "resourceDisplayName": "Microsoft Graph",
         "createdDateTime": principal["createdDateTime"]}
        for key, role in _APP_ROLES.items() if role in principal.get("_graph_roles", ())
    ]  # fmt: skip
    return Reply(body={"@odata.context": odata.context_url(call, "appRoleAssignments"), "value": value})


@route(SERVICE, "GET", "/directory/deletedItems/microsoft.graph.{kind}")
def list_deleted(call: Call) -> Reply:
    """List the soft-deleted objects of one type that can be restored."""
    check_may_read(call)
    table = objects.TABLES_BY_TYPE.get(call.params["kind"].lower())
    return Reply(body=odata.page_body(call, SET_NAMES.get(table or "", "directoryObjects"), _deleted_of_type(call)))


@route(SERVICE, "GET", "/directory/deletedItems/microsoft.graph.{kind}/$count")
def count_deleted(call: Call) -> Reply:
    """Count the soft-deleted objects of one type."""
    check_may_read(call)
    return odata.count_response(call, _deleted_of_type(call))


def _deleted_of_type(call: Call) -> list[Document]:
    """The soft-deleted objects of the type in the path."""
    table = objects.TABLES_BY_TYPE.get(call.params["kind"].lower())
    documents = objects.list_deleted(call.world, table) if table else ()
    return [directory.without_hidden(document) for document in documents]


@route(SERVICE, "GET", "/directory/deletedItems/{id}")
@route(SERVICE, "GET", "/directory/deletedItems/{id}/microsoft.graph.{kind}")
def get_deleted(call: Call) -> Reply:
    """One soft-deleted object; 404 if the path casts it to another type."""
    check_may_read(call)
    deleted = objects.get_deleted(call)
    if "kind" in call.params and objects.TABLES_BY_TYPE.get(call.params["kind"].lower()) != deleted["_table"]:
        raise not_found(call.params["id"])
    body = _typed_entity(call, deleted["_table"], deleted)
    return Reply(body={"@odata.context": odata.context_url(call, "directoryObjects/$entity"), **body})


@route(SERVICE, "POST", "/directory/deletedItems/{id}/restore")
@route(SERVICE, "POST", "/directory/deletedItems/{id}/microsoft.graph.restore")
def restore_deleted(call: Call) -> Reply:
    """Restore a soft-deleted object: 200."""
    check_may_create(call)
    deleted = objects.get_deleted(call)
    body = _typed_entity(call, deleted["_table"], objects.restore(call, deleted))
    return Reply(body={"@odata.context": odata.context_url(call, "directoryObjects/$entity"), **body})


@route(SERVICE, "DELETE", "/directory/deletedItems/{id}")
def purge_deleted(call: Call) -> Reply:
    """Purge a soft-deleted object: 204."""
    check_may_create(call)
    deleted = objects.get_deleted(call)
    check_may_write(call, deleted)
    call.world.store.remove(directory.DELETED, deleted["id"])
    return Reply(status=204)


def _objects_by_id(call: Call, ids: list[str], types: list[str]) -> list[Document]:
    """The objects with these ids; only those of the types, if there are any."""
    tables = [table for type_name, table in objects.TABLES_BY_TYPE.items() if not types or type_name in types]
    rows = ((table, call.world.store.get(table, object_id.lower())) for object_id in ids for table in tables)
    return [_typed_entity(call, table, document) for table, document in rows if document is not None]


@route(SERVICE, "POST", "/directoryObjects/getByIds")
@route(SERVICE, "POST", "/directoryObjects/microsoft.graph.getByIds")
def get_by_ids(call: Call) -> Reply:
    """List the objects with these ids, of any type or of `types`.

    az resolves principals of role assignments with it.
    """
    check_may_read(call)
    body = call.json()
    ids: Any = body.get("ids")
    types: Any = body.get("types") or []
    if not objects.is_string_list(ids) or not objects.is_string_list(types):
        raise bad_request("The request must have a collection of 'ids'.", "BadRequest")
    type_names = [] if "directoryObject" in types else [type_name.lower() for type_name in types]
    return Reply(
        body={
            "@odata.context": odata.context_url(call, "directoryObjects"),
            "value": _objects_by_id(call, ids, type_names),
        }
    )


@route(SERVICE, "GET", "/directoryObjects/{id}")
def get_directory_object(call: Call) -> Reply:
    """One application or service principal by its object id; 404 otherwise."""
    check_may_read(call)
    documents = _objects_by_id(call, [call.params["id"]], [])
    if not documents:
        raise not_found(call.params["id"])
    return Reply(body={"@odata.context": odata.context_url(call, "directoryObjects/$entity"), **documents[0]})


@route(SERVICE, "GET", "/me")
@route(SERVICE, "GET", "/me/{rest:path}")
def refuse_me(_call: Call) -> Reply:
    """400: the callers of the local Azure are applications, and only users have a /me."""
    raise bad_request("/me request is only valid with delegated authentication flow.", "BadRequest")


@route(SERVICE, "GET", "/users")
@route(SERVICE, "GET", "/groups")
def list_users_or_groups(call: Call) -> Reply:
    """An empty list: the tenant has neither users nor groups."""
    check_may_read(call)
    return Reply(body=odata.page_body(call, call.path.rsplit("/", 1)[-1], []))


@route(SERVICE, "GET", "/users/{id}")
@route(SERVICE, "GET", "/groups/{id}")
def get_user_or_group(call: Call) -> Reply:
    """404: the tenant has neither users nor groups."""
    check_may_read(call)
    raise not_found(call.params["id"])


@route(SERVICE, "GET", "/organization")
def list_organization(call: Call) -> Reply:
    """List the one tenant."""
    check_may_read(call)
    domain = {"name": _DOMAIN_NAME, "isDefault": True, "isInitial": True, "type": "Managed", "capabilities": "Email"}
    tenant = {"id": TENANT_ID, "displayName": "provisioner", "tenantType": "AAD", "verifiedDomains": [domain]}
    return Reply(body=odata.page_body(call, "organization", [tenant]))


@route(SERVICE, "GET", "/domains")
def list_domains(call: Call) -> Reply:
    """List the one domain of the tenant."""
    check_may_read(call)
    domain = {
        "id": _DOMAIN_NAME,
        "isDefault": True,
        "isInitial": True,
        "isVerified": True,
        "authenticationType": "Managed",
    }
    return Reply(body=odata.page_body(call, "domains", [domain]))
