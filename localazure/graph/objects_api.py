"""Microsoft Graph v1.0: applications, service principals, their passwords, deleted items; other sets are minimal.

Permissions are checked in `graph/access.py`; deleting is soft. https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import expand, objects, odata, passwords
from localazure.graph.access import not_found, require_may_create, require_may_read
from localazure.graph.routes import SET_NAMES, graph_service, route_objects, route_sets

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = graph_service("graph", "(/.*)?")


def _entity_response(call: Call, table: str, document: Document, status: int = 200) -> Reply:
    """One application or service principal as an answer, with $expand and $select applied."""
    entity = odata.context_url(call, f"{SET_NAMES[table]}/$entity")
    body = expand.with_expansions(call, table, document)
    type_name = {directory.APPLICATIONS: "Application", directory.PRINCIPALS: "ServicePrincipal"}[table]
    url = (
        f"https://{call.host}/v2/{TENANT_ID}/directoryObjects/{document['id']}/Microsoft.DirectoryServices.{type_name}"
    )
    headers = {"Location": url} if status == 201 else {}
    return Reply(status=status, body={"@odata.context": entity, **odata.selected_members(call, body)}, headers=headers)


@route_sets(SERVICE, "GET")
def list_objects(call: Call, table: str) -> Reply:
    """A page of applications or service principals."""
    require_may_read(call)
    documents = [expand.with_expansions(call, table, document) for _, document in call.tenant.store.rows(table)]
    return Reply(body=odata.page_body(call, SET_NAMES[table], documents))


@route_sets(SERVICE, "POST")
def create_object(call: Call, table: str) -> Reply:
    """Create an application or service principal: 201. The caller becomes its owner."""
    if table == directory.APPLICATIONS:
        return _entity_response(call, table, objects.create_application(call, call.json()), 201)
    return _entity_response(call, table, objects.create_principal(call, call.json()), 201)


@route_objects(SERVICE, "GET")
def get_object(call: Call, table: str) -> Reply:
    """One application or service principal, by id or alternate key."""
    require_may_read(call)
    return _entity_response(call, table, objects.get(call, table))


@route_objects(SERVICE, "PATCH")
def update_object(call: Call, table: str) -> Reply:
    """Update an object: 204. By alternate key and with `Prefer: create-if-missing`, create it if absent: 201."""
    require_may_create(call)
    document = objects.find(call, table)
    if document is not None:
        objects.update(call, table, document, call.json())
        return Reply(status=204)
    if "key" not in call.params or not objects.prefers(call, "create-if-missing"):
        raise not_found(call.params.get("id") or objects.alternate_key_and_value(call)[1])
    return _entity_response(call, table, _create_by_key(call, table), 201)


def _create_by_key(call: Call, table: str) -> Document:
    """Create the object of an alternate key; 404 for a key that cannot create one."""
    name, value = objects.alternate_key_and_value(call)
    if table == directory.PRINCIPALS and name == "appId":
        return objects.create_principal(call, call.json() | {"appId": value})
    if table == directory.APPLICATIONS and name == "uniqueName":
        return objects.create_application(call, call.json(), value)
    raise not_found(value)


@route_objects(SERVICE, "DELETE")
def delete_object(call: Call, table: str) -> Reply:
    """Soft-delete an object: 204. It can be restored for 30 days."""
    require_may_create(call)
    objects.soft_delete_object(call, table, objects.get(call, table))
    return Reply(status=204)


@route_objects(SERVICE, "POST", "/addPassword")
def add_password(call: Call, table: str) -> Reply:
    """Add a password: 200. This is the only answer with its text."""
    require_may_create(call)
    password = passwords.add_password(call, table, objects.get(call, table))
    body = {"@odata.context": odata.context_url(call, "microsoft.graph.passwordCredential"), **password}
    return Reply(body=body, headers={"Location": f"https://{call.host}"})  # recorded so, with status 200


@route_objects(SERVICE, "POST", "/removePassword")
def remove_password(call: Call, table: str) -> Reply:
    """Remove a password: 204."""
    require_may_create(call)
    passwords.remove_password(call, table, objects.get(call, table))
    return Reply(status=204)
