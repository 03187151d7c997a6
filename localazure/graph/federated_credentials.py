"""Federated credentials of applications in Graph: kept and shown; the local Entra reaches no other issuer.

https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.graph import objects, odata
from localazure.graph.access import bad, missing, need_read, need_write
from localazure.graph.routes import graph_service, on_objects

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = graph_service(
    "graph federated", r"/(applications|servicePrincipals)(/[^/]+|\(.*\))/federatedIdentityCredentials(/.*|\(.*\))?"
)
_MEMBERS = ("name", "issuer", "subject", "audiences", "description")
_MOST = 20
_NAMED = re.compile(r"name\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)
_KEPT = "_federated"
_BELOW = "/federatedIdentityCredentials"


@on_objects(SERVICE, "GET", _BELOW)
def list_federated(call: Call, table: str) -> Reply:
    """Of an object."""
    need_read(call)
    return Reply(body=odata.page(call, "federatedIdentityCredentials", _of(objects.get(call, table))))


@on_objects(SERVICE, "GET", _BELOW + "/$count")
def count_federated(call: Call, table: str) -> Reply:
    """How many."""
    need_read(call)
    return odata.count(call, _of(objects.get(call, table)))


@on_objects(SERVICE, "GET", _BELOW + "/{credential}")
@on_objects(SERVICE, "GET", _BELOW + "({named})")
def get_federated(call: Call, table: str) -> Reply:
    """One, by id or name."""
    need_read(call)
    return _shown(call, _one(call, objects.get(call, table)))


@on_objects(SERVICE, "POST", _BELOW)
def create_federated(call: Call, table: str) -> Reply:
    """201; names are unique, and so are issuer and subject together."""
    found = objects.get(call, table)
    need_write(call, found)
    return _shown(call, _made(call, table, found, call.json()), 201)


def _made(call: Call, table: str, found: Document, body: dict[str, Any]) -> Document:
    made = {"id": call.world.clock.new_id(), **dict.fromkeys(_MEMBERS), **_given(body)}
    for name in ("name", "issuer", "subject", "audiences"):
        if not made[name]:
            raise bad(f"A value is required for property '{name}' of resource 'FederatedIdentityCredential'.")
    _check_beside(made, _of(found))
    _keep(call, table, found, [*_of(found), made])
    return made


@on_objects(SERVICE, "PATCH", _BELOW + "/{credential}")
@on_objects(SERVICE, "PATCH", _BELOW + "({named})")
def update_federated(call: Call, table: str) -> Reply:
    """204; the name stays. By name and with `Prefer: create-if-missing` 201 for one that was not there.

    https://learn.microsoft.com/graph/api/federatedidentitycredential-upsert
    """
    found = objects.get(call, table)
    need_write(call, found)
    missing_yet = "named" in call.params and not any(_is(one, _wanted(call)) for one in _of(found))
    if missing_yet and objects.prefers(call, "create-if-missing"):
        return _shown(call, _made(call, table, found, call.json() | {"name": _wanted(call)}), 201)
    old, given = _one(call, found), _given(call.json())
    if given.get("name", old["name"]) != old["name"]:
        raise bad("The property 'name' of a federated identity credential cannot be changed.")
    others = [one for one in _of(found) if one["id"] != old["id"]]
    _check_beside(old | given, others)
    _keep(call, table, found, [*others, old | given])
    return Reply(status=204)


@on_objects(SERVICE, "DELETE", _BELOW + "/{credential}")
@on_objects(SERVICE, "DELETE", _BELOW + "({named})")
def delete_federated(call: Call, table: str) -> Reply:
    """204."""
    found = objects.get(call, table)
    need_write(call, found)
    old = _one(call, found)
    _keep(call, table, found, [one for one in _of(found) if one["id"] != old["id"]])
    return Reply(status=204)


def _of(found: Document) -> list[Document]:
    return list(found.get(_KEPT, ()))


def _one(call: Call, found: Document) -> Document:
    for one in _of(found):
        if _is(one, _wanted(call)):
            return one
    raise missing(_wanted(call))


def _is(one: Document, wanted: str) -> bool:
    return wanted.lower() in {one["id"], str(one["name"]).lower()}


def _wanted(call: Call) -> str:
    """The id or name in `/{credential}`, or the name in `(name='…')`."""
    if "credential" in call.params:
        return call.params["credential"]
    name = _NAMED.fullmatch(call.params["named"])
    if name is None:
        raise bad(f"Resource not found for the segment '({call.params['named']})'.", "BadRequest")
    return name[1].replace("''", "'")


def _given(body: dict[str, Any]) -> Document:
    given = {name: body[name] for name in _MEMBERS if name in body}
    audiences = given.get("audiences", [])
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):  # pyright: ignore[reportUnknownVariableType] - JSON
        raise bad("Invalid value specified for property 'audiences' of resource 'FederatedIdentityCredential'.")
    for name in set(given) - {"audiences"}:
        if given[name] is not None and not isinstance(given[name], str):
            raise bad(f"Invalid value specified for property '{name}' of resource 'FederatedIdentityCredential'.")
    return given


def _check_beside(wanted: Document, others: list[Document]) -> None:
    if len(others) >= _MOST:
        raise bad("The maximum number of federated identity credentials on an object is 20.")
    for one in others:
        if one["name"] == wanted["name"]:
            raise bad(
                "FederatedIdentityCredential with the same name already exists.",
                "Request_MultipleObjectsWithSameKeyValue",
            )
        if (one["issuer"], one["subject"]) == (wanted["issuer"], wanted["subject"]):
            raise bad("FederatedIdentityCredential with the same issuer and subject already exists.")


def _keep(call: Call, table: str, found: Document, credentials: list[Document]) -> None:
    call.world.store.put(table, found["id"], found | {_KEPT: credentials})


def _shown(call: Call, one: Document, status: int = 200) -> Reply:
    entity = odata.context(call, "federatedIdentityCredentials/$entity")
    return Reply(status=status, body={"@odata.context": entity, **odata.select(call, one)})
