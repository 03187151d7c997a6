"""The ARM resources of the local Azure, by resource id (compared without case).

Every ARM service stores its resources here, so that groups can list and delete them and data planes can find the
resource behind a host name. A document is the resource as GET shows it; members that begin with `_` are not shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TABLE = "resources"

# What else to do when a resource is deleted (soft delete, blobs), by its type in lower case, or `*` for any type (role
# assignments): called with the tenant and the document.
on_delete: dict[str, Callable[[Tenant, Document], None]] = {}


def find(tenant: Tenant, resource_id: str) -> Document | None:
    """Return the resource with this id, or None."""
    return tenant.store.get(TABLE, resource_id.rstrip("/").lower())


def put(tenant: Tenant, document: Document) -> Document:
    """Store a resource under its `id`, with the times of its creation and last change. Returns it."""
    key, now = str(document["id"]).lower(), f"{tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    created = (tenant.store.get(TABLE, key) or {}).get("_created_time", now)
    return tenant.store.put(TABLE, key, {**document, "_created_time": created, "_changed_time": now})


def list_below(tenant: Tenant, scope: str) -> Iterator[Document]:
    """Iterate over the resources below a scope, without the scope itself."""
    return (document for _, document in tenant.store.rows(TABLE, scope.rstrip("/").lower() + "/"))


def list_of_type(tenant: Tenant, resource_type: str, scope: str = "") -> Iterator[Document]:
    """Iterate over resources of a type such as `Microsoft.KeyVault/vaults`, everywhere or below a scope."""
    lowered = resource_type.lower()
    return (document for document in list_below(tenant, scope) if str(document.get("type", "")).lower() == lowered)


def find_by_name(tenant: Tenant, resource_type: str, name: str) -> Document | None:
    """Return the resource with a globally unique name, such as a vault or storage account, or None."""
    documents = list_of_type(tenant, resource_type)
    return next((document for document in documents if str(document["name"]).lower() == name.lower()), None)


def delete_at_and_below(tenant: Tenant, resource_id: str) -> bool:
    """Delete a resource and those below it, deepest first, with their `on_delete`. Returns whether it existed."""
    document = find(tenant, resource_id)
    if document is None:
        return False
    for below in sorted(list_below(tenant, resource_id), key=lambda d: -str(d["id"]).count("/")):
        _delete_one(tenant, below)
    _delete_one(tenant, document)
    return True


def _delete_one(tenant: Tenant, document: Document) -> None:
    for kind in (str(document["type"]).lower(), "*"):
        if kind in on_delete:
            on_delete[kind](tenant, document)
    tenant.store.remove(TABLE, str(document["id"]).lower())


def response_body(document: Document) -> dict[str, Any]:
    """Return the resource as a response shows it: without the members that begin with `_`."""
    return {key: value for key, value in document.items() if not key.startswith("_")}
