"""Role assignments as documents: their keys, who sees which, and their end with the scope that they were made at.

https://learn.microsoft.com/azure/role-based-access-control/role-assignments
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.resource_manager import resources
from localazure.rbac import access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.store import Document
    from localazure.app.world import World

TYPE = "Microsoft.Authorization/roleAssignments"
_FLAT = {"id", "name", "type"}


def resource_id(scope: str, name: str) -> str:
    """The assignment's id, by which the store keeps it."""
    return f"{scope.rstrip('/')}/providers/{TYPE}/{name}".lower()


def find(world: World, scope: str, name: str) -> Document | None:
    """The assignment of this name at the scope."""
    return world.store.get(access.ASSIGNMENTS, resource_id(scope, name))


def list_all(world: World) -> Iterator[Document]:
    """Every assignment."""
    return (document for _, document in world.store.rows(access.ASSIGNMENTS))


def list_below(world: World, scope: str) -> Iterator[Document]:
    """Assignments at scopes inside this one, the scope itself not."""
    inside = scope.rstrip("/").lower() + "/"
    return (found for found in list_all(world) if str(found["scope"]).lower().startswith(inside))


def put(world: World, document: Document) -> Document:
    """Write an assignment under its id."""
    return world.store.put(access.ASSIGNMENTS, str(document["id"]).lower(), document)


def delete(world: World, document: Document) -> None:
    """Forget an assignment; what it allowed is over with the next call."""
    world.store.remove(access.ASSIGNMENTS, str(document["id"]).lower())


def response_body(document: Document) -> Document:
    """The assignment as an answer shows it."""
    properties = {name: value for name, value in document.items() if name not in _FLAT}
    return {"properties": properties, **{name: document[name] for name in ("id", "type", "name")}}


def delete_at_and_below(world: World, scope: str) -> None:
    """Forget the assignments made at a scope that goes, and inside it."""
    gone = scope.rstrip("/").lower()
    for found in list(list_all(world)):
        if f"{found['scope']}/".lower().startswith(f"{gone}/"):
            delete(world, found)


resources.on_delete["*"] = lambda world, document: delete_at_and_below(world, str(document["id"]))
