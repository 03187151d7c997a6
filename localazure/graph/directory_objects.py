"""Graph's objects of any type: by their ids, and those soft-deleted, which can be restored for 30 days.

https://learn.microsoft.com/graph/api/resources/directoryobject and …/directory
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad_request, not_found, require_may_create, require_may_read, require_may_write
from localazure.graph.routes import SET_NAMES, graph_service, route

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = graph_service("graph directory objects", r"/(directory/deletedItems|directoryObjects)(/.*)?")


def _typed_entity(call: Call, table: str, document: Document) -> Document:
    """An object with its type, reduced to the members that $select names."""
    return odata.selected_members(call, objects.with_type(table, document))


@route(SERVICE, "GET", "/directory/deletedItems/microsoft.graph.{kind}")
def list_deleted(call: Call) -> Reply:
    """List the soft-deleted objects of one type that can be restored."""
    require_may_read(call)
    table = objects.TABLES_BY_TYPE.get(call.params["kind"].lower())
    return Reply(body=odata.page_body(call, SET_NAMES.get(table or "", "directoryObjects"), _deleted_of_type(call)))


def _deleted_of_type(call: Call) -> list[Document]:
    """The soft-deleted objects of the type in the path."""
    table = objects.TABLES_BY_TYPE.get(call.params["kind"].lower())
    documents = objects.list_deleted(call.tenant, table) if table else ()
    return [directory.without_hidden(document) for document in documents]


@route(SERVICE, "GET", "/directory/deletedItems/{id}")
def get_deleted(call: Call) -> Reply:
    """One soft-deleted object."""
    require_may_read(call)
    deleted = objects.get_deleted(call)
    body = _typed_entity(call, deleted["_table"], deleted)
    return Reply(body={"@odata.context": odata.context_url(call, "directoryObjects/$entity"), **body})


@route(SERVICE, "POST", "/directory/deletedItems/{id}/restore")
def restore_deleted(call: Call) -> Reply:
    """Restore a soft-deleted object: 200."""
    require_may_create(call)
    deleted = objects.get_deleted(call)
    body = _typed_entity(call, deleted["_table"], objects.restore(call, deleted))
    return Reply(body={"@odata.context": odata.context_url(call, "directoryObjects/$entity"), **body})


@route(SERVICE, "DELETE", "/directory/deletedItems/{id}")
def purge_deleted(call: Call) -> Reply:
    """Purge a soft-deleted object: 204."""
    require_may_create(call)
    deleted = objects.get_deleted(call)
    require_may_write(call, deleted)
    call.tenant.store.remove(directory.DELETED, deleted["id"])
    return Reply(status=204)


def _objects_by_id(call: Call, ids: list[str], types: list[str]) -> list[Document]:
    """The objects with these ids; only those of the types, if there are any."""
    tables = [table for type_name, table in objects.TABLES_BY_TYPE.items() if not types or type_name in types]
    rows = ((table, call.tenant.store.get(table, object_id.lower())) for object_id in ids for table in tables)
    return [_typed_entity(call, table, document) for table, document in rows if document is not None]


@route(SERVICE, "POST", "/directoryObjects/getByIds")
def get_by_ids(call: Call) -> Reply:
    """List the objects with these ids, of any type or of `types`.

    az resolves principals of role assignments with it.
    """
    require_may_read(call)
    body = call.json()
    ids: Any = body.get("ids")
    types: Any = body.get("types") or []
    if not objects.is_string_list(ids) or not objects.is_string_list(types):
        raise bad_request("The request must have a collection of 'ids'.", "BadRequest")
    type_names = [] if "directoryObject" in types else [type_name.lower() for type_name in types]
    return Reply(
        body={
            "@odata.context": odata.context_url(call, "directoryObjects"),
            "value": _objects_by_id(call, ids, type_names),
        }
    )


@route(SERVICE, "GET", "/directoryObjects/{id}")
def get_directory_object(call: Call) -> Reply:
    """One application or service principal by its object id; 404 otherwise."""
    require_may_read(call)
    documents = _objects_by_id(call, [call.params["id"]], [])
    if not documents:
        raise not_found(call.params["id"])
    return Reply(body={"@odata.context": odata.context_url(call, "directoryObjects/$entity"), **documents[0]})
