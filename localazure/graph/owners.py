"""Owners of applications and service principals in Graph.

https://learn.microsoft.com/graph/api/application-list-owners
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad_request, not_found, require_may_read, require_may_write
from localazure.graph.routes import graph_service, route_objects

if TYPE_CHECKING:
    from localazure.app.call import Call

SERVICE = graph_service("graph owners", r"/(applications|servicePrincipals)(/[^/]+|\(.*\))/owners(/.*)?")


@route_objects(SERVICE, "GET", "/owners")
def list_owners(call: Call, table: str) -> Reply:
    """List the owners of an object."""
    require_may_read(call)
    owners = objects.owners(call.tenant, objects.get(call, table))
    return Reply(body=odata.page_body(call, "directoryObjects", owners))


@route_objects(SERVICE, "POST", "/owners/$ref")
def add_owner(call: Call, table: str) -> Reply:
    """Add an owner: 204. The body refers to a directory object."""
    document = objects.get(call, table)
    require_may_write(call, document)
    owner = str(call.json().get("@odata.id", "")).rsplit("/", 1)[-1].lower()
    if directory.find_principal(call.tenant, owner) is None:
        raise not_found(owner)
    if owner in document["_owners"]:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    call.tenant.store.put(table, document["id"], document | {"_owners": [*document["_owners"], owner]})
    return Reply(status=204)


@route_objects(SERVICE, "DELETE", "/owners/{owner}/$ref")
def remove_owner(call: Call, table: str) -> Reply:
    """Remove an owner: 204."""
    document, owner = objects.get(call, table), call.params["owner"].lower()
    require_may_write(call, document)
    if owner not in document["_owners"]:
        raise not_found(owner)
    remaining = [owner_id for owner_id in document["_owners"] if owner_id != owner]
    call.tenant.store.put(table, document["id"], document | {"_owners": remaining})
    return Reply(status=204)
