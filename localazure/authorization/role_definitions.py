"""Role definitions: the built-in ones, from a data file, and the tenant's custom roles.

https://learn.microsoft.com/rest/api/authorization/role-definitions
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION
from localazure.rbac import access, assignments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.Authorization/roleDefinitions"
SERVICE = arm_service(
    "role definitions",
    ".*/providers/Microsoft.Authorization/roleDefinitions(/.*)?",
    ("2015-07-01", "2018-01-01-preview", "2022-04-01", "2022-05-01-preview"),
)

_LIST = "{scope:path}/providers/Microsoft.Authorization/roleDefinitions"
_ONE = _LIST + "/{name}"
_BUILT_IN_ROLES_FILE = Path(__file__).parent / "role_definitions.json"
_PERMISSION_FIELDS = ("actions", "notActions", "dataActions", "notDataActions")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@SERVICE.route("GET", "/providers/Microsoft.Authorization/roleDefinitions", action=None, why="public to the tenant")
def list_definitions_without_scope(call: Call) -> Reply:
    """List the role definitions, with ids without a scope."""
    return _definitions_response(call, "")


@SERVICE.route("GET", "/providers/Microsoft.Authorization/roleDefinitions/{name}", action=None, why="as the list")
def get_definition_without_scope(call: Call) -> Reply:
    """One role definition, with an id without a scope."""
    return Reply(body=_response_body(_require_definition(call), ""))


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_definitions_at_scope(call: Call) -> Reply:
    """List the built-in roles and the custom ones visible at the scope.

    `$filter` takes roleName eq and type eq; atScopeAndBelow() changes nothing.
    """
    return _definitions_response(call, call.params["scope"])


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_definition(call: Call) -> Reply:
    """One role by its GUID; the scope in the path does not matter."""
    return Reply(body=_response_body(_require_definition(call), SUBSCRIPTION))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_definition(call: Call) -> Reply:
    """Create or update a custom role: 201."""
    name = call.params["name"].lower()
    if not _GUID.fullmatch(name):
        raise _invalid(f"The role definition ID '{name}' must be a GUID.")
    existing = call.tenant.store.get(access.DEFINITIONS, name)
    if existing is not None and existing["roleType"] == "BuiltInRole":
        message = f"The built-in role '{existing['roleName']}' cannot be changed."
        raise AzureError(status=403, code="RoleDefinitionUpdateNotPermitted", message=message)
    role = _requested_custom_role(call, name)
    now = f"{call.tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    timestamps = {"createdOn": (existing or {}).get("createdOn", now), "updatedOn": now}
    return Reply(
        status=201,
        body=_response_body(call.tenant.store.put(access.DEFINITIONS, name, role | timestamps), SUBSCRIPTION),
    )


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_definition(call: Call) -> Reply:
    """200 with the deleted role, 204 when there was none, 400 while assignments use it."""
    name = call.params["name"].lower()
    role = call.tenant.store.get(access.DEFINITIONS, name)
    if role is None:
        return Reply(status=204)
    if role["roleType"] == "BuiltInRole":
        message = f"The built-in role '{role['roleName']}' cannot be deleted."
        raise AzureError(status=403, code="RoleDefinitionDeleteNotPermitted", message=message)
    if any(
        str(assignment["roleDefinitionId"]).lower().endswith(name) for assignment in assignments.list_all(call.tenant)
    ):
        message = "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)"
        raise AzureError(status=400, code="RoleDefinitionHasAssignments", message=message)
    call.tenant.store.remove(access.DEFINITIONS, name)
    return Reply(body=_response_body(role, SUBSCRIPTION))


def seed(tenant: Tenant) -> None:
    """Store the built-in roles of https://learn.microsoft.com/azure/role-based-access-control/built-in-roles."""
    definitions: list[Document] = json.loads(_BUILT_IN_ROLES_FILE.read_text(encoding="utf-8"))
    for definition in definitions:
        tenant.store.put(access.DEFINITIONS, definition["id"], definition)


SERVICE.seed = seed


def _definitions_response(call: Call, scope: str) -> Reply:
    """The roles visible at a scope that match `$filter`."""
    filter_text = re.sub(
        r"\s*(and\s+)?atScopeAndBelow\(\)(\s+and)?\s*", "", call.query.get("$filter", ""), flags=re.IGNORECASE
    )
    terms = filters.parse_terms(filter_text)
    visible = (
        definition for _, definition in call.tenant.store.rows(access.DEFINITIONS) if _is_visible(definition, scope)
    )
    matching = [
        _response_body(definition, SUBSCRIPTION if scope else "")
        for definition in visible
        if all(_matches(definition, *term) for term in terms)
    ]
    return Reply(body={"value": matching})


def _is_visible(definition: Document, scope: str) -> bool:
    """Whether a role is visible at a scope: a custom role at, below and above its assignable scopes."""
    if definition["roleType"] == "BuiltInRole":
        return True
    scope_prefix = scope.rstrip("/").lower() + "/"
    prefixes = [str(assignable_scope).rstrip("/").lower() + "/" for assignable_scope in definition["assignableScopes"]]
    return any(
        scope_prefix.startswith(assignable_scope) or assignable_scope.startswith(scope_prefix)
        for assignable_scope in prefixes
    )


def _matches(definition: Document, field: str, operator: str, value: str) -> bool:
    """Whether a role matches one term of a filter; 400 for a field or operator that is not supported."""
    if operator != "eq" or field not in {"rolename", "type"}:
        message = "The filter is not supported: roleName eq, type eq and atScopeAndBelow() are."
        raise AzureError(status=400, code="UnsupportedFilter", message=message)
    actual = definition["roleName"] if field == "rolename" else definition["roleType"]
    return str(actual).lower() == value.lower()


def _require_definition(call: Call) -> Document:
    """The role definition that the path names; 404 RoleDefinitionDoesNotExist."""
    name = call.params["name"]
    definition = call.tenant.store.get(access.DEFINITIONS, name.lower())
    if definition is None:
        message = f"The specified role definition with ID '{name}' does not exist."
        raise AzureError(status=404, code="RoleDefinitionDoesNotExist", message=message)
    return definition


def _requested_custom_role(call: Call, role_guid: str) -> Document:
    """The custom role in the body; 400 if it is invalid, 409 if its name is taken."""
    properties = bodies.requested_properties(call.json())
    role_name, assignable = properties.get("roleName"), _as_list(properties.get("assignableScopes"))
    if not role_name or not isinstance(role_name, str):
        raise _invalid("The role definition needs a roleName.")
    if not assignable:
        raise _invalid("The role definition needs at least one assignable scope.")
    _refuse_taken_role_name(call.tenant, role_name, role_guid)
    return {
        "id": role_guid,
        "roleName": role_name,
        "roleType": "CustomRole",
        "description": properties.get("description") or "",
        "permissions": list(_checked_permissions(_as_list(properties.get("permissions")))),
        "assignableScopes": [str(scope) for scope in assignable],
        "createdBy": call.authenticated_caller.object_id,
        "updatedBy": call.authenticated_caller.object_id,
    }


def _as_list(value: object) -> list[Any]:
    """The value if it is a list, else an empty list."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _checked_permissions(permissions: list[Any]) -> Iterator[Document]:
    """The permissions of the body, with all four fields each; 400 if one is no object."""
    for permission in permissions:
        if not isinstance(permission, dict):
            raise _invalid("Each permission must be an object.")
        fields = cast("Document", permission)
        yield {field: _checked_patterns(field, fields.get(field)) for field in _PERMISSION_FIELDS}


def _checked_patterns(field: str, value: object) -> list[str]:
    """The action patterns in one field of a permission; 400 unless they are strings."""
    patterns = _as_list(value or [])
    if (value and not isinstance(value, list)) or not all(isinstance(pattern, str) for pattern in patterns):
        raise _invalid(f"{field} must be a list of strings.")
    return patterns


def _refuse_taken_role_name(tenant: Tenant, role_name: str, role_guid: str) -> None:
    """409 if another role has this name; names compare without case."""
    for key, other in tenant.store.rows(access.DEFINITIONS):
        if key != role_guid and str(other["roleName"]).lower() == role_name.lower():
            message = "A custom role with the same name already exists in this directory. Use a different name"
            raise AzureError(status=409, code="RoleDefinitionWithSameNameExists", message=message)


def _invalid(message: str) -> AzureError:
    return AzureError(status=400, code="InvalidRoleDefinition", message=message)


def _response_body(definition: Document, id_scope: str) -> Document:
    """A role as an answer shows it; built-in roles have Azure's dates."""
    guid = str(definition["id"])
    return {
        "properties": {
            "roleName": definition["roleName"],
            "type": definition["roleType"],
            "description": definition["description"],
            "assignableScopes": definition["assignableScopes"],
            "permissions": definition["permissions"],
            "createdOn": definition.get("createdOn", "2015-02-02T21:55:09.8806423Z"),
            "updatedOn": definition.get("updatedOn", "2023-09-13T06:00:06.9263833Z"),
            "createdBy": definition.get("createdBy"),
            "updatedBy": definition.get("updatedBy"),
        },
        "id": f"{id_scope}/providers/{TYPE}/{guid}",
        "type": TYPE,
        "name": guid,
    }
