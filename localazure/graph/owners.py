"""Owners of applications and service principals in Graph, and the objects that a principal owns.

https://learn.microsoft.com/graph/api/application-list-owners
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad_request, check_may_read, check_may_write, not_found
from localazure.graph.routes import SET_NAMES, bind_table, graph_service, route, route_objects

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = graph_service("graph owners", r"/(applications|servicePrincipals)(/[^/]+|\(.*\))/own(ers|edObjects)(/.*)?")
_CAST = "/microsoft.graph.{kind}"
_PRINCIPAL_TYPE = "Microsoft.DirectoryServices.ServicePrincipal"


@route_objects(SERVICE, "GET", "/owners")
@route_objects(SERVICE, "GET", "/owners" + _CAST)
def list_owners(call: Call, table: str) -> Reply:
    """List the owners of an object; with a cast in the path, those of that type only."""
    return _page_of_type(call, _readable_owners(call, table))


@route_objects(SERVICE, "GET", "/owners/$count")
@route_objects(SERVICE, "GET", "/owners" + _CAST + "/$count")
def count_owners(call: Call, table: str) -> Reply:
    """Count the owners of an object."""
    return odata.count_response(call, _of_type(call, _readable_owners(call, table)))


@route_objects(SERVICE, "GET", "/owners/$ref")
def list_references(call: Call, table: str) -> Reply:
    """List the owners of an object as references to them."""
    objects_url = f"https://{call.host}/v2/{TENANT_ID}/directoryObjects"
    value = [{"@odata.id": f"{objects_url}/{owner['id']}/{_PRINCIPAL_TYPE}"} for owner in _readable_owners(call, table)]
    return Reply(body={"@odata.context": odata.context_url(call, "Collection($ref)"), "value": value})


@route_objects(SERVICE, "POST", "/owners/$ref")
def add_owner(call: Call, table: str) -> Reply:
    """Add an owner: 204. The body refers to a directory object."""
    document = objects.get(call, table)
    check_may_write(call, document)
    owner = str(call.json().get("@odata.id", "")).rsplit("/", 1)[-1].lower()
    if directory.find_principal(call.world, owner) is None:
        raise not_found(owner)
    if owner in document["_owners"]:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    call.world.store.put(table, document["id"], document | {"_owners": [*document["_owners"], owner]})
    return Reply(status=204)


@route_objects(SERVICE, "DELETE", "/owners/{owner}/$ref")
def remove_owner(call: Call, table: str) -> Reply:
    """Remove an owner: 204."""
    document, owner = objects.get(call, table), call.params["owner"].lower()
    check_may_write(call, document)
    if owner not in document["_owners"]:
        raise not_found(owner)
    remaining = [owner_id for owner_id in document["_owners"] if owner_id != owner]
    call.world.store.put(table, document["id"], document | {"_owners": remaining})
    return Reply(status=204)


def list_owned(call: Call, table: str) -> Reply:
    """List the objects that a service principal owns."""
    check_may_read(call)
    owner = objects.get(call, table)["id"]
    rows = [(set_table, document) for set_table in SET_NAMES for _, document in call.world.store.rows(set_table)]
    return _page_of_type(
        call, [objects.with_type(set_table, document) for set_table, document in rows if owner in document["_owners"]]
    )


for _key in ("/{id}", "({key})"):
    for _suffix in ("", _CAST):
        _path = f"/servicePrincipals{_key}/ownedObjects{_suffix}"
        route(SERVICE, "GET", _path)(bind_table(list_owned, directory.PRINCIPALS))


def _readable_owners(call: Call, table: str) -> list[Document]:
    """The owners of the object in the path, for a caller who may read it."""
    check_may_read(call)
    return objects.owners(call.world, objects.get(call, table))


def _page_of_type(call: Call, documents: list[Document]) -> Reply:
    """A page of the documents of the type in the path."""
    type_name = call.params.get("kind")
    return Reply(
        body=odata.page_body(call, f"{type_name}s" if type_name else "directoryObjects", _of_type(call, documents))
    )


def _of_type(call: Call, documents: list[Document]) -> list[Document]:
    """The documents of the type in the path; all of them if it has none."""
    type_name = call.params.get("kind", "").lower()
    return [
        document
        for document in documents
        if not type_name or document["@odata.type"].rpartition(".")[2].lower() == type_name
    ]
