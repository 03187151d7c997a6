"""The ARM resources of the local Azure, by resource id (compared without case).

Every ARM service keeps its resources here, so that groups can list and delete them and data planes can find the
resource behind a host name. A document is the resource as GET returns it; what GET must not show stands in `_hidden`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localazure.app.store import Document
    from localazure.app.world import World

TABLE = "resources"

# What else goes when a resource goes (soft delete, blobs), by its type, or `*` for what hangs on any (role
# assignments): called with the world and the document.
on_delete: dict[str, Callable[[World, Document], None]] = {}


def find(world: World, resource_id: str) -> Document | None:
    """The resource with this id."""
    return world.store.get(TABLE, resource_id.rstrip("/").lower())


def put(world: World, document: Document) -> Document:
    """Write a resource under its own `id`, and when it was created and changed."""
    key, now = str(document["id"]).lower(), f"{world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    created = (world.store.get(TABLE, key) or {}).get("_created_time", now)
    return world.store.put(TABLE, key, {**document, "_created_time": created, "_changed_time": now})


def list_below(world: World, scope: str) -> Iterator[Document]:
    """Every resource below a scope, the scope itself not."""
    return (document for _, document in world.store.rows(TABLE, scope.rstrip("/").lower() + "/"))


def list_of_type(world: World, resource_type: str, scope: str = "") -> Iterator[Document]:
    """Resources of a type such as `Microsoft.KeyVault/vaults`, everywhere or below a scope."""
    wanted = resource_type.lower()
    return (document for document in list_below(world, scope) if str(document.get("type", "")).lower() == wanted)


def find_by_name(world: World, resource_type: str, name: str) -> Document | None:
    """The resource behind a globally unique name (vault, storage account)."""
    found = (d for d in list_of_type(world, resource_type) if str(d["name"]).lower() == name.lower())
    return next(found, None)


def delete(world: World, resource_id: str) -> bool:
    """Delete a resource, first all that lies below it, deepest first, each with its type's `on_delete`."""
    document = find(world, resource_id)
    if document is None:
        return False
    for below in sorted(list_below(world, resource_id), key=lambda d: -str(d["id"]).count("/")):
        _delete_one(world, below)
    _delete_one(world, document)
    return True


def _delete_one(world: World, document: Document) -> None:
    for kind in (str(document["type"]).lower(), "*"):
        if kind in on_delete:
            on_delete[kind](world, document)
    world.store.remove(TABLE, str(document["id"]).lower())


def response_body(document: Document) -> dict[str, Any]:
    """The resource as an answer shows it."""
    return {key: value for key, value in document.items() if not key.startswith("_")}
