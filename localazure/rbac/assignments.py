"""Stores role assignments, and deletes them together with the resource that is their scope.

https://learn.microsoft.com/azure/role-based-access-control/role-assignments
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.resource_manager import resources
from localazure.rbac import access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.Authorization/roleAssignments"
_FLAT = {"id", "name", "type"}


def store_key(scope: str, assignment_name: str) -> str:
    """Return the id of an assignment in lower case, which is its key in the store."""
    return f"{scope.rstrip('/')}/providers/{TYPE}/{assignment_name}".lower()


def find(tenant: Tenant, scope: str, name: str) -> Document | None:
    """Return the assignment with this name at the scope, or None."""
    return tenant.store.get(access.ASSIGNMENTS, store_key(scope, name))


def list_all(tenant: Tenant) -> Iterator[Document]:
    """Iterate over all assignments."""
    return (document for _, document in tenant.store.rows(access.ASSIGNMENTS))


def list_below(tenant: Tenant, scope: str) -> Iterator[Document]:
    """Iterate over the assignments at scopes below this one, without the scope itself."""
    prefix = scope.rstrip("/").lower() + "/"
    return (document for document in list_all(tenant) if str(document["scope"]).lower().startswith(prefix))


def put(tenant: Tenant, document: Document) -> Document:
    """Store an assignment under its id. Returns it."""
    return tenant.store.put(access.ASSIGNMENTS, str(document["id"]).lower(), document)


def delete(tenant: Tenant, document: Document) -> None:
    """Delete an assignment; it takes effect with the next call."""
    tenant.store.remove(access.ASSIGNMENTS, str(document["id"]).lower())


def response_body(document: Document) -> Document:
    """Return the assignment as a response shows it, with most members below `properties`."""
    properties = {name: value for name, value in document.items() if name not in _FLAT}
    return {"properties": properties, **{name: document[name] for name in ("id", "type", "name")}}


def delete_at_and_below(tenant: Tenant, scope: str) -> None:
    """Delete the assignments at a scope and below it."""
    prefix = scope.rstrip("/").lower()
    for document in list(list_all(tenant)):
        if f"{document['scope']}/".lower().startswith(f"{prefix}/"):
            delete(tenant, document)


resources.on_delete["*"] = lambda tenant, document: delete_at_and_below(tenant, str(document["id"]))
