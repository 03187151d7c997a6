"""Microsoft Graph v1.0: applications, service principals, their passwords, deleted items; the rest minimal.

Permissions are decided in `graph_access`; deleting is soft. https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import access, expand, objects, odata, passwords
from localazure.graph.access import bad, missing, need_create, need_read, need_write
from localazure.graph.routes import SETS, graph_service, on, on_objects, on_sets

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

_DOMAIN = "provisioner.onmicrosoft.com"
_ROLES = {
    "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30": "Application.Read.All",
    "18a4783c-866b-4cc7-a460-3d5e5662c884": "Application.ReadWrite.OwnedBy",
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "7ab1d382-f21e-4acd-a863-ba3e13f7da61": "Directory.Read.All",
}


def _seed(world: World) -> None:
    """Graph's own principal, which others look up to grant its roles."""
    made = directory.new_principal(world, access.APP_ID, "Microsoft Graph")
    roles = [
        {"id": key, "value": value, "displayName": value, "description": value, "isEnabled": True,
         "allowedMemberTypes": ["Application"], "origin": "Application"}
        for key, value in _ROLES.items()
    ]  # fmt: skip
    made |= {"appRoles": roles, "servicePrincipalNames": [access.APP_ID, f"https://{access.HOST}"]}
    world.store.put(directory.PRINCIPALS, made["id"], made)


SERVICE = graph_service("graph", "(/.*)?", seed=_seed)


def _shown(call: Call, table: str, document: Document, status: int = 200) -> Reply:
    entity = odata.context(call, f"{SETS[table]}/$entity")
    shown = expand.expanded(call, table, document)
    return Reply(status=status, body={"@odata.context": entity, **odata.select(call, shown)})


def _typed(call: Call, table: str, document: Document) -> Document:
    return odata.select(call, objects.typed(table, document))


@on_sets(SERVICE, "GET")
def list_all(call: Call, table: str) -> Reply:
    """A page of applications or service principals."""
    need_read(call)
    found = [expand.expanded(call, table, document) for _, document in call.world.store.rows(table)]
    return Reply(body=odata.page(call, SETS[table], found))


@on_sets(SERVICE, "GET", "/$count")
def count_all(call: Call, table: str) -> Reply:
    """How many; Graph wants ConsistencyLevel for it."""
    need_read(call)
    return odata.count(call, [directory.shown(document) for _, document in call.world.store.rows(table)])


@on_sets(SERVICE, "POST")
def create(call: Call, table: str) -> Reply:
    """201 with the object; the caller becomes its owner."""
    if table == directory.APPLICATIONS:
        return _shown(call, table, objects.create_application(call, call.json()), 201)
    return _shown(call, table, objects.create_principal(call, call.json()), 201)


@on_objects(SERVICE, "GET")
def get(call: Call, table: str) -> Reply:
    """One object."""
    need_read(call)
    return _shown(call, table, objects.get(call, table))


@on_objects(SERVICE, "PATCH")
def update(call: Call, table: str) -> Reply:
    """204; with `Prefer: create-if-missing` and an alternate key 201 for one that was not there."""
    need_create(call)
    found = objects.find(call, table)
    if found is not None:
        objects.change(call, table, found, call.json())
        return Reply(status=204)
    if "key" not in call.params or not objects.prefers(call, "create-if-missing"):
        raise missing(call.params.get("id") or objects.key_of(call)[1])
    return _shown(call, table, _made_by_key(call, table), 201)


def _made_by_key(call: Call, table: str) -> Document:
    name, value = objects.key_of(call)
    if table == directory.PRINCIPALS and name == "appId":
        return objects.create_principal(call, call.json() | {"appId": value})
    if table == directory.APPLICATIONS and name == "uniqueName":
        return objects.create_application(call, call.json(), value)
    raise missing(value)


@on_objects(SERVICE, "DELETE")
def delete(call: Call, table: str) -> Reply:
    """204; the object can be restored for 30 days."""
    need_create(call)
    objects.delete(call, table, objects.get(call, table))
    return Reply(status=204)


@on_objects(SERVICE, "POST", "/addPassword")
@on_objects(SERVICE, "POST", "/microsoft.graph.addPassword")
def add_password(call: Call, table: str) -> Reply:
    """200 with the only showing of the text."""
    need_create(call)
    made = passwords.add(call, table, objects.get(call, table))
    return Reply(body={"@odata.context": odata.context(call, "microsoft.graph.passwordCredential"), **made})


@on_objects(SERVICE, "POST", "/removePassword")
@on_objects(SERVICE, "POST", "/microsoft.graph.removePassword")
def remove_password(call: Call, table: str) -> Reply:
    """204."""
    need_create(call)
    passwords.remove(call, table, objects.get(call, table))
    return Reply(status=204)


@on_objects(SERVICE, "GET", "/appRoleAssignedTo")
@on_objects(SERVICE, "GET", "/oauth2PermissionGrants")
@on_objects(SERVICE, "GET", "/memberOf")
@on_objects(SERVICE, "GET", "/transitiveMemberOf")
@on_objects(SERVICE, "GET", "/createdObjects")
@on_objects(SERVICE, "GET", "/delegatedPermissionClassifications")
@on_objects(SERVICE, "GET", "/extensionProperties")
@on_objects(SERVICE, "GET", "/homeRealmDiscoveryPolicies")
@on_objects(SERVICE, "GET", "/tokenIssuancePolicies")
@on_objects(SERVICE, "GET", "/tokenLifetimePolicies")
def list_nothing(call: Call, table: str) -> Reply:
    """What the local Azure has none of."""
    need_read(call)
    objects.get(call, table)
    return Reply(body={"@odata.context": odata.context(call, call.path.rsplit("/", 1)[-1]), "value": []})


@on_objects(SERVICE, "POST", "/checkMemberGroups")
@on_objects(SERVICE, "POST", "/checkMemberObjects")
@on_objects(SERVICE, "POST", "/getMemberGroups")
@on_objects(SERVICE, "POST", "/getMemberObjects")
def list_memberships(call: Call, table: str) -> Reply:
    """Nobody is a member of anything here."""
    need_read(call)
    objects.get(call, table)
    return Reply(body={"@odata.context": odata.context(call, "Collection(Edm.String)"), "value": []})


@on_objects(SERVICE, "GET", "/appRoleAssignments")
def list_app_role_assignments(call: Call, table: str) -> Reply:
    """The Graph permissions of a principal."""
    need_read(call)
    found = objects.get(call, table)
    resource = directory.principal_of(call.world, access.APP_ID) or {}
    value = [
        {"id": f"{found['id']}-{key}", "appRoleId": key, "principalId": found["id"], "resourceId": resource.get("id"),
         "principalDisplayName": found["displayName"], "principalType": "ServicePrincipal",
         "resourceDisplayName": "Microsoft Graph", "createdDateTime": found["createdDateTime"]}
        for key, role in _ROLES.items() if role in found.get("_graph_roles", ())
    ]  # fmt: skip
    return Reply(body={"@odata.context": odata.context(call, "appRoleAssignments"), "value": value})


@on(SERVICE, "GET", "/directory/deletedItems/microsoft.graph.{kind}")
def list_deleted(call: Call) -> Reply:
    """What can be restored, of one type."""
    need_read(call)
    table = objects.KINDS.get(call.params["kind"].lower())
    return Reply(body=odata.page(call, SETS.get(table or "", "directoryObjects"), _deleted(call)))


@on(SERVICE, "GET", "/directory/deletedItems/microsoft.graph.{kind}/$count")
def count_deleted(call: Call) -> Reply:
    """How many of one type."""
    need_read(call)
    return odata.count(call, _deleted(call))


def _deleted(call: Call) -> list[Document]:
    table = objects.KINDS.get(call.params["kind"].lower())
    found = objects.deleted(call.world, table) if table else ()
    return [directory.shown(document) for document in found]


@on(SERVICE, "GET", "/directory/deletedItems/{id}")
@on(SERVICE, "GET", "/directory/deletedItems/{id}/microsoft.graph.{kind}")
def get_deleted(call: Call) -> Reply:
    """One of them; a cast to another type finds nothing."""
    need_read(call)
    found = objects.find_deleted(call)
    if "kind" in call.params and objects.KINDS.get(call.params["kind"].lower()) != found["_table"]:
        raise missing(call.params["id"])
    body = _typed(call, found["_table"], found)
    return Reply(body={"@odata.context": odata.context(call, "directoryObjects/$entity"), **body})


@on(SERVICE, "POST", "/directory/deletedItems/{id}/restore")
@on(SERVICE, "POST", "/directory/deletedItems/{id}/microsoft.graph.restore")
def restore(call: Call) -> Reply:
    """200 with the object that is back."""
    need_create(call)
    found = objects.find_deleted(call)
    body = _typed(call, found["_table"], objects.restore(call, found))
    return Reply(body={"@odata.context": odata.context(call, "directoryObjects/$entity"), **body})


@on(SERVICE, "DELETE", "/directory/deletedItems/{id}")
def purge(call: Call) -> Reply:
    """204; gone for good."""
    need_create(call)
    found = objects.find_deleted(call)
    need_write(call, found)
    call.world.store.remove(directory.DELETED, found["id"])
    return Reply(status=204)


def _named(call: Call, ids: list[str], types: list[str]) -> list[Document]:
    """What has these ids; where types are given, of those types only."""
    tables = [table for kind, table in objects.KINDS.items() if not types or kind in types]
    found = ((table, call.world.store.get(table, object_id.lower())) for object_id in ids for table in tables)
    return [_typed(call, table, document) for table, document in found if document is not None]


@on(SERVICE, "POST", "/directoryObjects/getByIds")
@on(SERVICE, "POST", "/directoryObjects/microsoft.graph.getByIds")
def get_by_ids(call: Call) -> Reply:
    """Those of the ids that exist, of any or of the given types; az names the principals of role assignments by it."""
    need_read(call)
    body = call.json()
    ids: Any = body.get("ids")
    types: Any = body.get("types") or []
    if not objects.are_texts(ids) or not objects.are_texts(types):
        raise bad("The request must have a collection of 'ids'.", "BadRequest")
    wanted = [] if "directoryObject" in types else [kind.lower() for kind in types]
    return Reply(body={"@odata.context": odata.context(call, "directoryObjects"), "value": _named(call, ids, wanted)})


@on(SERVICE, "GET", "/directoryObjects/{id}")
def get_object(call: Call) -> Reply:
    """An application or a principal."""
    need_read(call)
    found = _named(call, [call.params["id"]], [])
    if not found:
        raise missing(call.params["id"])
    return Reply(body={"@odata.context": odata.context(call, "directoryObjects/$entity"), **found[0]})


@on(SERVICE, "GET", "/me")
@on(SERVICE, "GET", "/me/{rest:path}")
def get_me(_call: Call) -> Reply:
    """Only people have a /me."""
    raise bad("/me request is only valid with delegated authentication flow.", "BadRequest")


@on(SERVICE, "GET", "/users")
@on(SERVICE, "GET", "/groups")
def list_people(call: Call) -> Reply:
    """The tenant has neither users nor groups."""
    need_read(call)
    return Reply(body=odata.page(call, call.path.rsplit("/", 1)[-1], []))


@on(SERVICE, "GET", "/users/{id}")
@on(SERVICE, "GET", "/groups/{id}")
def get_person(call: Call) -> Reply:
    """So none is found."""
    need_read(call)
    raise missing(call.params["id"])


@on(SERVICE, "GET", "/organization")
def list_organization(call: Call) -> Reply:
    """The tenant."""
    need_read(call)
    domain = {"name": _DOMAIN, "isDefault": True, "isInitial": True, "type": "Managed", "capabilities": "Email"}
    tenant = {"id": TENANT_ID, "displayName": "provisioner", "tenantType": "AAD", "verifiedDomains": [domain]}
    return Reply(body=odata.page(call, "organization", [tenant]))


@on(SERVICE, "GET", "/domains")
def list_domains(call: Call) -> Reply:
    """Its domain."""
    need_read(call)
    domain = {"id": _DOMAIN, "isDefault": True, "isInitial": True, "isVerified": True, "authenticationType": "Managed"}
    return Reply(body=odata.page(call, "domains", [domain]))
