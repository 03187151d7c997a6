"""Applications and service principals as Graph reads and changes them: found by any key, made, patched, deleted.

https://learn.microsoft.com/graph/api/resources/application and …/serviceprincipal
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from localazure.app.call import AzureError
from localazure.entra import directory
from localazure.graph.access import bad, missing, need_create, need_write, no_application, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

RETENTION = timedelta(days=30)
LONGEST_NAME = 256
KINDS = {"application": directory.APPLICATIONS, "serviceprincipal": directory.PRINCIPALS}
_KEY = re.compile(r"(\w+)\s*=\s*'((?:[^']|'')*)'")
_READ_ONLY = frozenset({"id", "appId", "createdDateTime", "deletedDateTime", "publisherDomain", "servicePrincipalType"})


def find(call: Call, table: str) -> Document | None:
    """The object that the path names: `/{id}` or `({key}='…')`."""
    if "id" in call.params:
        return call.world.store.get(table, call.params["id"].lower())
    name, value = key_of(call)
    rows = (document for _, document in call.world.store.rows(table))
    return next((d for d in rows if str(d.get(name) or "").lower() == value.lower()), None)


def prefers(call: Call, wanted: str) -> bool:
    """Whether the header Prefer names it."""
    return wanted in {item.strip().lower() for item in call.headers.get("prefer", "").split(",")}


def key_of(call: Call) -> tuple[str, str]:
    """The alternate key of the path."""
    found = _KEY.fullmatch(call.params["key"])
    known = {"appid": "appId", "uniquename": "uniqueName"}
    if found is None or found[1].lower() not in known:
        raise bad(f"Resource not found for the segment '({call.params['key']})'.", "BadRequest")
    return known[found[1].lower()], found[2].replace("''", "'")


def get(call: Call, table: str) -> Document:
    """The same; 404 if there is none."""
    found = find(call, table)
    if found is None:
        raise missing(call.params.get("id") or key_of(call)[1])
    return found


def typed(table: str, document: Document) -> Document:
    """An object as an answer shows it where others of other types may stand beside it."""
    kind = "application" if table == directory.APPLICATIONS else "servicePrincipal"
    return {"@odata.type": f"#microsoft.graph.{kind}", **directory.shown(document)}


def owners(world: World, document: Document) -> list[Document]:
    """The principals that own an object, typed; who was deleted meanwhile is none."""
    found = (directory.principal(world, owner) for owner in document["_owners"])
    return [typed(directory.PRINCIPALS, owner) for owner in found if owner is not None]


def create_application(call: Call, body: dict[str, Any], unique_name: str | None = None) -> Document:
    """A new application that the caller owns."""
    need_create(call)
    name = body.get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise bad("A value is required for property 'displayName' of resource 'Application'.")
    made = directory.new_application(call.world, name)
    unique_name = unique_name or body.get("uniqueName")
    if unique_name and any(d.get("uniqueName") == unique_name for d in _all_applications(call.world)):
        raise taken("uniqueName")
    made |= {"uniqueName": unique_name, "_owners": [call.who.object_id]}
    _merge(call, made, {key: value for key, value in body.items() if key != "uniqueName"})
    return call.world.store.put(directory.APPLICATIONS, made["id"], made)


def create_principal(call: Call, body: dict[str, Any]) -> Document:
    """A service principal for an application of the tenant."""
    need_create(call)
    app_id = str(body.get("appId") or "").lower()
    app = directory.application_of(call.world, app_id)
    if app is None:
        raise no_application(app_id)
    need_write(call, app)
    if directory.principal_of(call.world, app_id) is not None:
        raise AzureError(
            status=409,
            code="Request_MultipleObjectsWithSameKeyValue",
            message="The service principal cannot be created, updated, or restored because the service principal name "
            f"{app_id} is already in use.",
        )
    made = directory.new_principal(call.world, app_id, app["displayName"])
    made |= {"signInAudience": app["signInAudience"], "_owners": [call.who.object_id]}
    made["servicePrincipalNames"] = [*app["identifierUris"], app_id]
    fixed = {"appId", "displayName"}
    if str(body.get("servicePrincipalType")).lower() == "application":  # what it is anyway; Ansible spells it so
        fixed.add("servicePrincipalType")
    _merge(call, made, {key: value for key, value in body.items() if key not in fixed})
    return call.world.store.put(directory.PRINCIPALS, made["id"], made)


def change(call: Call, table: str, document: Document, body: dict[str, Any]) -> None:
    """PATCH: what the body names changes, all else stays."""
    need_write(call, document)
    _merge(call, document, body)
    call.world.store.put(table, document["id"], document)
    principal = directory.principal_of(call.world, document["appId"])
    if table == directory.APPLICATIONS and principal is not None:
        names = {"displayName": document["displayName"], "appDisplayName": document["displayName"]}
        principal |= names | {"servicePrincipalNames": [*document["identifierUris"], document["appId"]]}
        call.world.store.put(directory.PRINCIPALS, principal["id"], principal)


def _merge(call: Call, document: Document, body: dict[str, Any]) -> None:
    for name, value in body.items():
        if name.startswith("@odata") or name.endswith("@odata.bind"):
            continue
        if name not in document or name.startswith("_"):
            raise bad(f"Invalid property '{name}'.")
        if (name in _READ_ONLY or name == "uniqueName") and value != document[name]:
            raise bad(f"Property '{name}' is read-only and cannot be set.")
        both = isinstance(value, dict) and isinstance(document[name], dict)
        document[name] = {**document[name], **value} if both else _checked(call, document, name, value)


def _checked(call: Call, document: Document, name: str, value: Any) -> Any:
    if name == "displayName" and not (isinstance(value, str) and 0 < len(value) <= LONGEST_NAME):
        raise bad("Invalid value specified for property 'displayName' of resource 'Application'.")
    if name == "passwordCredentials":
        kept = {given.get("keyId") for given in cast("list[Document]", value or [])}
        if kept - {each["keyId"] for each in document[name]}:
            raise bad("New password credentials must be generated with service actions.")
        return [each for each in document[name] if each["keyId"] in kept]
    if name in {"tags", "identifierUris"} and not are_texts(value):
        raise bad(f"Invalid value specified for property '{name}'.")
    if name == "identifierUris":
        others = [d for d in directory.applications(call.world) if d["id"] != document["id"]]
        if any(set(value) & set(other["identifierUris"]) for other in others):
            raise taken("identifierUris")
    return value


def are_texts(value: Any) -> TypeGuard[list[str]]:
    """Whether it is a list of strings."""
    return isinstance(value, list) and all(isinstance(each, str) for each in cast("list[Any]", value))


def delete(call: Call, table: str, document: Document) -> None:
    """Soft delete; an application takes its service principal with it."""
    need_write(call, document)
    if document.get("servicePrincipalType") == "ManagedIdentity":
        raise bad("The service principal of a managed identity is deleted with the identity.")
    if table == directory.APPLICATIONS:
        principal = directory.principal_of(call.world, document["appId"])
        if principal is not None:
            _bury(call.world, directory.PRINCIPALS, principal)
    _bury(call.world, table, document)


def _bury(world: World, table: str, document: Document) -> None:
    world.store.remove(table, document["id"])
    gone = document | {"deletedDateTime": directory.instant(world.clock.now()), "_table": table}
    if table == directory.PRINCIPALS:
        app = directory.application_of(world, document["appId"]) or {}
        gone["_owners"] = sorted({*document["_owners"], *app.get("_owners", [])})
    world.store.put(directory.DELETED, document["id"], gone)


def deleted(world: World, table: str | None = None) -> Iterator[Document]:
    """What can be restored; after 30 days it is gone for good."""
    for _, document in world.store.rows(directory.DELETED):
        until = datetime.fromisoformat(document["deletedDateTime"]) + RETENTION
        if until > world.clock.now() and table in {None, document["_table"]}:
            yield document


def find_deleted(call: Call) -> Document:
    """The soft-deleted object of the path."""
    wanted = call.params["id"].lower()
    found = next((document for document in deleted(call.world) if document["id"] == wanted), None)
    if found is None:
        raise missing(call.params["id"])
    return found


def restore(call: Call, document: Document) -> Document:
    """Bring one object back, and only that: an application's principal stays deleted."""
    need_write(call, document)
    table, world = document["_table"], call.world
    if table == directory.PRINCIPALS:
        if directory.application_of(world, document["appId"]) is None:
            raise no_application(document["appId"])
        if directory.principal_of(world, document["appId"]) is not None:
            raise taken("appId")
    world.store.remove(directory.DELETED, document["id"])
    back: Document = {key: value for key, value in document.items() if key != "_table"}
    back["deletedDateTime"] = None
    return world.store.put(table, back["id"], back)


def _all_applications(world: World) -> Iterator[Document]:
    yield from directory.applications(world)
    yield from deleted(world, directory.APPLICATIONS)
