"""Owners of applications and service principals in Graph, and what a principal owns: both ends of one edge.

https://learn.microsoft.com/graph/api/application-list-owners
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.service import Service
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory
from localazure.graph import access, objects, odata
from localazure.graph.access import bad, missing, need_read, need_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = Service(
    name="graph owners",
    hosts=(access.HOST,),
    path=r"/(v1\.0|beta)/(applications|servicePrincipals)(/[^/]+|\(.*\))/own(ers|edObjects)(/.*)?",
    audiences=(f"https://{access.HOST}", access.APP_ID),
    render=access.render,
    unauthenticated=access.unauthenticated,
    unknown=access.unknown,
    one_slash=True,
)
_WHY = "Graph has permissions and owners instead of RBAC: graph_access decides"
_SETS = {"applications": directory.APPLICATIONS, "servicePrincipals": directory.PRINCIPALS}
_CASTS = ("/microsoft.graph.{kind}", "/graph.{kind}")  # the second is the alias, which msgraph-sdk uses
_TYPE = "Microsoft.DirectoryServices.ServicePrincipal"


def _on(method: str, path: str, table: str, handler: Callable[[Call, str], Reply]) -> None:
    def bound(call: Call) -> Reply:
        return handler(call, table)

    SERVICE.route(method, path, action=None, why=_WHY)(bound)


def _each(method: str, suffix: str) -> Callable[[Callable[[Call, str], Reply]], Callable[[Call, str], Reply]]:
    """A route of both sets, by id and by alternate key; the handler gets the table, too."""

    def register(handler: Callable[[Call, str], Reply]) -> Callable[[Call, str], Reply]:
        for name, table in _SETS.items():
            for key in ("/{id}", "({key})"):
                _on(method, f"/{{version}}/{name}{key}{suffix}", table, handler)
        return handler

    return register


@_each("GET", "/owners")
@_each("GET", "/owners" + _CASTS[0])
@_each("GET", "/owners" + _CASTS[1])
def list_owners(call: Call, table: str) -> Reply:
    """The principals that own the object; with a cast those of the type alone."""
    return _listed(call, _owners(call, table))


@_each("GET", "/owners/$count")
@_each("GET", "/owners" + _CASTS[0] + "/$count")
@_each("GET", "/owners" + _CASTS[1] + "/$count")
def count_owners(call: Call, table: str) -> Reply:
    """How many."""
    return odata.count(call, _cast(call, _owners(call, table)))


@_each("GET", "/owners/$ref")
def list_references(call: Call, table: str) -> Reply:
    """Their addresses instead of them."""
    at = f"https://{call.host}/v2/{TENANT_ID}/directoryObjects"
    value = [{"@odata.id": f"{at}/{owner['id']}/{_TYPE}"} for owner in _owners(call, table)]
    return Reply(body={"@odata.context": odata.context(call, "Collection($ref)"), "value": value})


@_each("POST", "/owners/$ref")
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


@_each("DELETE", "/owners/{owner}/$ref")
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
    rows = [(each, found) for each in _SETS.values() for _, found in call.world.store.rows(each)]
    return _listed(call, [objects.typed(each, found) for each, found in rows if owner in found["_owners"]])


for _key in ("/{id}", "({key})"):
    for _suffix in ("", *_CASTS):
        _on("GET", f"/{{version}}/servicePrincipals{_key}/ownedObjects{_suffix}", directory.PRINCIPALS, list_owned)


def _owners(call: Call, table: str) -> list[Document]:
    need_read(call)
    return objects.owners(call.world, objects.get(call, table))


def _listed(call: Call, found: list[Document]) -> Reply:
    kind = call.params.get("kind")
    return Reply(body=odata.page(call, f"{kind}s" if kind else "directoryObjects", _cast(call, found)))


def _cast(call: Call, found: list[Document]) -> list[Document]:
    wanted = call.params.get("kind", "").lower()
    return [one for one in found if not wanted or one["@odata.type"].rpartition(".")[2].lower() == wanted]
