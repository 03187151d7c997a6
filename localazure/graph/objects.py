"""Applications and service principals in Graph: find by any key, create, update, soft-delete, restore.

https://learn.microsoft.com/graph/api/resources/application and …/serviceprincipal
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from localazure.app.call import AzureError
from localazure.entra import directory
from localazure.graph import passwords
from localazure.graph.access import (
    bad_request,
    duplicate_value,
    no_backing_application,
    not_found,
    require_may_create,
    require_may_write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

RETENTION = timedelta(days=30)
MAX_NAME_LENGTH = 256
TABLES_BY_TYPE = {"application": directory.APPLICATIONS, "serviceprincipal": directory.PRINCIPALS}
_ALTERNATE_KEY = re.compile(r"(\w+)\s*=\s*'((?:[^']|'')*)'")
_READ_ONLY = frozenset({"id", "appId", "createdDateTime", "deletedDateTime", "publisherDomain", "servicePrincipalType"})


def find(call: Call, table: str) -> Document | None:
    """The object that the path names, by `/{id}` or by alternate key `({key}='…')`; None if there is none."""
    if "id" in call.params:
        return call.tenant.store.get(table, call.params["id"].lower())
    name, value = alternate_key_and_value(call)
    rows = (document for _, document in call.tenant.store.rows(table))
    return next((document for document in rows if str(document.get(name) or "").lower() == value.lower()), None)


def prefers(call: Call, preference: str) -> bool:
    """Whether the header Prefer has this preference."""
    return preference in {item.strip().lower() for item in call.headers.get("prefer", "").split(",")}


def alternate_key_and_value(call: Call) -> tuple[str, str]:
    """The alternate key of the path, as property and value; 400 for a property that is no key."""
    match = _ALTERNATE_KEY.fullmatch(call.params["key"])
    properties = {"appid": "appId", "uniquename": "uniqueName"}
    if match is None or match[1].lower() not in properties:
        raise bad_request(f"Resource not found for the segment '({call.params['key']})'.", "BadRequest")
    return properties[match[1].lower()], match[2].replace("''", "'")


def get(call: Call, table: str) -> Document:
    """The object that the path names; 404 if there is none."""
    document = find(call, table)
    if document is None:
        raise not_found(call.params.get("id") or alternate_key_and_value(call)[1])
    return document


def with_type(table: str, document: Document) -> Document:
    """An object with its `@odata.type`, for answers that mix types."""
    type_name = "application" if table == directory.APPLICATIONS else "servicePrincipal"
    return {"@odata.type": f"#microsoft.graph.{type_name}", **directory.without_hidden(document)}


def owners(tenant: Tenant, document: Document) -> list[Document]:
    """The service principals that own an object, each with its type. Deleted owners are left out."""
    principals = (directory.find_principal(tenant, owner) for owner in document["_owners"])
    return [with_type(directory.PRINCIPALS, owner) for owner in principals if owner is not None]


def create_application(call: Call, body: dict[str, Any], unique_name: str | None = None) -> Document:
    """Create an application that the caller owns; 400 if its unique name is taken. Returns it as in the answer.

    The control endpoint's setting `graph` may have `unowned_upserts`: what is created by its unique name has no owner
    then, as https://github.com/Azure/bicep/issues/14868 reports.
    """
    require_may_create(call)
    name = body.get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
    application = directory.new_application(call.tenant, name)
    unique_name = unique_name or body.get("uniqueName")
    if unique_name and any(other.get("uniqueName") == unique_name for other in _applications_and_deleted(call.tenant)):
        raise duplicate_value("uniqueName")
    setting, by_key = call.tenant.store.get("settings", "graph") or {}, "key" in call.params
    owner_ids = [] if by_key and setting.get("unowned_upserts") else _initial_owner_ids(call, body)
    application |= {"uniqueName": unique_name, "_owners": owner_ids}
    apart = {"uniqueName"} if by_key else {"uniqueName", "passwordCredentials"}
    _apply_changes(call, application, {key: value for key, value in body.items() if key not in apart})
    first = [] if by_key else passwords.add_first_passwords(call, application, body.get("passwordCredentials") or [])
    stored = call.tenant.store.put(directory.APPLICATIONS, application["id"], application)
    return {**stored, "passwordCredentials": first}


def create_principal(call: Call, body: dict[str, Any]) -> Document:
    """Create a service principal of an application of the tenant; 409 if it has one already.

    400 if the application does not exist, 403 if the caller may not change it.
    """
    require_may_create(call)
    app_id = str(body.get("appId") or "").lower()
    application = directory.find_application_by_app_id(call.tenant, app_id)
    if application is None:
        raise no_backing_application(app_id)
    require_may_write(call, application)
    if directory.find_principal_by_app_id(call.tenant, app_id) is not None:
        raise AzureError(
            status=409,
            code="Request_MultipleObjectsWithSameKeyValue",
            message="The service principal cannot be created, updated, or restored because the service principal name "
            f"{app_id} is already in use.",
        )
    principal = directory.new_principal(call.tenant, app_id, application["displayName"])
    principal |= {"signInAudience": application["signInAudience"], "_owners": _initial_owner_ids(call, body)}
    principal |= _properties_from_application(application)
    fixed = {"appId", "displayName"}
    if str(body.get("servicePrincipalType")).lower() == "application":  # what it is anyway; Ansible spells it so
        fixed.add("servicePrincipalType")
    _apply_changes(call, principal, {key: value for key, value in body.items() if key not in fixed})
    return call.tenant.store.put(directory.PRINCIPALS, principal["id"], principal)


def update(call: Call, table: str, document: Document, body: dict[str, Any]) -> None:
    """Apply a PATCH: properties in the body change, others stay. A service principal follows its application."""
    require_may_write(call, document)
    _apply_changes(call, document, body)
    call.tenant.store.put(table, document["id"], document)
    principal = directory.find_principal_by_app_id(call.tenant, document["appId"])
    if table == directory.APPLICATIONS and principal is not None:
        names = {"displayName": document["displayName"], "appDisplayName": document["displayName"]}
        principal |= names | _properties_from_application(document)
        call.tenant.store.put(directory.PRINCIPALS, principal["id"], principal)


def _properties_from_application(application: Document) -> Document:
    """What a service principal shows of its application: names, roles and permissions that the application exposes.

    https://learn.microsoft.com/graph/api/resources/serviceprincipal#properties
    """
    return {
        "servicePrincipalNames": [*application["identifierUris"], application["appId"]],
        "appRoles": application["appRoles"] or [],
        "oauth2PermissionScopes": application["api"]["oauth2PermissionScopes"],
    }


def _apply_changes(call: Call, document: Document, body: dict[str, Any]) -> None:
    """Set the properties of a body in a document; 400 for unknown and read-only ones."""
    for name, value in body.items():
        if name.startswith("@odata") or name.endswith("@odata.bind"):
            continue
        if name not in document or name.startswith("_"):
            raise bad_request(f"Invalid property '{name}'.")
        if (name in _READ_ONLY or name == "uniqueName") and value != document[name]:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        document[name] = _merged(document[name], _validated(call, document, name, value))


def _merged(current: object, change: object) -> Any:
    """A property after a change: of a complex one, the members in the change are replaced, at any depth."""
    if not isinstance(current, dict) or not isinstance(change, dict):
        return change
    old, new = cast("Document", current), cast("Document", change)
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}


def _initial_owner_ids(call: Call, body: dict[str, Any]) -> list[str]:
    """The caller, and the owners to whom a new object is bound; 404 for one that does not exist."""
    references: Any = body.get("owners@odata.bind") or []
    if not is_string_list(references):
        raise bad_request("Invalid value specified for property 'owners@odata.bind'.")
    owner_ids = [reference.rstrip("/").rpartition("/")[2].lower() for reference in references]
    for owner_id in owner_ids:
        if directory.find_principal(call.tenant, owner_id) is None:
            raise not_found(owner_id)
    return list(dict.fromkeys([call.authenticated_caller.object_id, *owner_ids]))


def _validated(call: Call, document: Document, name: str, value: Any) -> Any:
    """The value of a property as it is stored; 400 if Graph does not allow it."""
    if name == "displayName" and not (isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH):
        raise bad_request("Invalid value specified for property 'displayName' of resource 'Application'.")
    if name == "passwordCredentials":
        kept_key_ids = {credential.get("keyId") for credential in cast("list[Document]", value or [])}
        if kept_key_ids - {credential["keyId"] for credential in document[name]}:
            raise bad_request(passwords.ONLY_ACTIONS)
        return [credential for credential in document[name] if credential["keyId"] in kept_key_ids]
    if name == "api" and not _is_object(value):
        raise bad_request("Invalid value specified for property 'api'.")
    if name in {"tags", "identifierUris"} and not is_string_list(value):
        raise bad_request(f"Invalid value specified for property '{name}'.")
    if name == "identifierUris":
        others = [
            application
            for application in directory.list_applications(call.tenant)
            if application["id"] != document["id"]
        ]
        if any(set(value) & set(other["identifierUris"]) for other in others):
            raise duplicate_value("identifierUris")
    return value


def _is_object(value: Any) -> TypeGuard[Document]:
    return isinstance(value, dict)


def is_string_list(value: Any) -> TypeGuard[list[str]]:
    """Whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))


def soft_delete_object(call: Call, table: str, document: Document) -> None:
    """Soft-delete an object; an application takes its service principal with it."""
    require_may_write(call, document)
    if document.get("servicePrincipalType") == "ManagedIdentity":
        raise bad_request("The service principal of a managed identity is deleted with the identity.")
    if table == directory.APPLICATIONS:
        principal = directory.find_principal_by_app_id(call.tenant, document["appId"])
        if principal is not None:
            _move_to_deleted_items(call.tenant, directory.PRINCIPALS, principal)
    _move_to_deleted_items(call.tenant, table, document)


def _move_to_deleted_items(tenant: Tenant, table: str, document: Document) -> None:
    """Move an object into the deleted items, a service principal with the owners of its application."""
    tenant.store.remove(table, document["id"])
    deleted = document | {"deletedDateTime": directory.format_date(tenant.clock.now()), "_table": table}
    if table == directory.PRINCIPALS:
        application = directory.find_application_by_app_id(tenant, document["appId"]) or {}
        deleted["_owners"] = sorted({*document["_owners"], *application.get("_owners", [])})
    tenant.store.put(directory.DELETED, document["id"], deleted)


def list_deleted(tenant: Tenant, table: str | None = None) -> Iterator[Document]:
    """List the soft-deleted objects that can still be restored: those younger than 30 days."""
    for _, document in tenant.store.rows(directory.DELETED):
        purge_time = datetime.fromisoformat(document["deletedDateTime"]) + RETENTION
        if purge_time > tenant.clock.now() and table in {None, document["_table"]}:
            yield document


def get_deleted(call: Call) -> Document:
    """The soft-deleted object that the path names; 404 otherwise."""
    object_id = call.params["id"].lower()
    deleted = next((document for document in list_deleted(call.tenant) if document["id"] == object_id), None)
    if deleted is None:
        raise not_found(call.params["id"])
    return deleted


def restore(call: Call, document: Document) -> Document:
    """Restore one soft-deleted object. An application's service principal stays deleted."""
    require_may_write(call, document)
    table, tenant = document["_table"], call.tenant
    if table == directory.PRINCIPALS:
        if directory.find_application_by_app_id(tenant, document["appId"]) is None:
            raise no_backing_application(document["appId"])
        if directory.find_principal_by_app_id(tenant, document["appId"]) is not None:
            raise duplicate_value("appId")
    tenant.store.remove(directory.DELETED, document["id"])
    restored: Document = {key: value for key, value in document.items() if key != "_table"}
    restored["deletedDateTime"] = None
    return tenant.store.put(table, restored["id"], restored)


def _applications_and_deleted(tenant: Tenant) -> Iterator[Document]:
    yield from directory.list_applications(tenant)
    yield from list_deleted(tenant, directory.APPLICATIONS)
