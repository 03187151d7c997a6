"""Owners of applications and service principals in Graph, and what a principal owns: both ends of one edge.

https://learn.microsoft.com/graph/api/application-list-owners
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad, missing, need_read, need_write
from localazure.graph.routes import SETS, for_table, graph_service, on, on_objects

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = graph_service("graph owners", r"/(applications|servicePrincipals)(/[^/]+|\(.*\))/own(ers|edObjects)(/.*)?")
_CAST = "/microsoft.graph.{kind}"
_TYPE = "Microsoft.DirectoryServices.ServicePrincipal"


@on_objects(SERVICE, "GET", "/owners")
@on_objects(SERVICE, "GET", "/owners" + _CAST)
def list_owners(call: Call, table: str) -> Reply:
    """The principals that own the object; with a cast those of the type alone."""
    return _listed(call, _owners(call, table))


@on_objects(SERVICE, "GET", "/owners/$count")
@on_objects(SERVICE, "GET", "/owners" + _CAST + "/$count")
def count_owners(call: Call, table: str) -> Reply:
    """How many."""
    return odata.count(call, _cast(call, _owners(call, table)))


@on_objects(SERVICE, "GET", "/owners/$ref")
def list_references(call: Call, table: str) -> Reply:
    """Their addresses instead of them."""
    at = f"https://{call.host}/v2/{TENANT_ID}/directoryObjects"
    value = [{"@odata.id": f"{at}/{owner['id']}/{_TYPE}"} for owner in _owners(call, table)]
    return Reply(body={"@odata.context": odata.context(call, "Collection($ref)"), "value": value})


@on_objects(SERVICE, "POST", "/owners/$ref")
def add_owner(call: Call, table: str) -> Reply:
    """204; the body names a directory object."""
    found = objects.get(call, table)
    need_write(call, found)
    owner = str(call.json().get("@odata.id", "")).rsplit("/", 1)[-1].lower()
    if directory.principal(call.world, owner) is None:
        raise missing(owner)
    if owner in found["_owners"]:
        raise bad("One or more added object references already exist for the following modified properties: 'owners'.")
    call.world.store.put(table, found["id"], found | {"_owners": [*found["_owners"], owner]})
    return Reply(status=204)


@on_objects(SERVICE, "DELETE", "/owners/{owner}/$ref")
def remove_owner(call: Call, table: str) -> Reply:
    """204."""
    found, owner = objects.get(call, table), call.params["owner"].lower()
    need_write(call, found)
    if owner not in found["_owners"]:
        raise missing(owner)
    kept = [each for each in found["_owners"] if each != owner]
    call.world.store.put(table, found["id"], found | {"_owners": kept})
    return Reply(status=204)


def list_owned(call: Call, table: str) -> Reply:
    """What a principal owns."""
    need_read(call)
    owner = objects.get(call, table)["id"]
    rows = [(each, found) for each in SETS for _, found in call.world.store.rows(each)]
    return _listed(call, [objects.typed(each, found) for each, found in rows if owner in found["_owners"]])


for _key in ("/{id}", "({key})"):
    for _suffix in ("", _CAST):
        _path = f"/servicePrincipals{_key}/ownedObjects{_suffix}"
        on(SERVICE, "GET", _path)(for_table(list_owned, directory.PRINCIPALS))


def _owners(call: Call, table: str) -> list[Document]:
    need_read(call)
    return objects.owners(call.world, objects.get(call, table))


def _listed(call: Call, found: list[Document]) -> Reply:
    kind = call.params.get("kind")
    return Reply(body=odata.page(call, f"{kind}s" if kind else "directoryObjects", _cast(call, found)))


def _cast(call: Call, found: list[Document]) -> list[Document]:
    wanted = call.params.get("kind", "").lower()
    return [one for one in found if not wanted or one["@odata.type"].rpartition(".")[2].lower() == wanted]
