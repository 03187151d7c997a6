"""Role definitions: the built-in ones, from a data file, and custom roles that the tenant makes.

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
    from localazure.app.world import World

TYPE = "Microsoft.Authorization/roleDefinitions"
SERVICE = arm_service(
    "role definitions",
    ".*/providers/Microsoft.Authorization/roleDefinitions(/.*)?",
    ("2015-07-01", "2018-01-01-preview", "2022-04-01", "2022-05-01-preview"),
)

_LIST = "{scope:path}/providers/Microsoft.Authorization/roleDefinitions"
_ONE = _LIST + "/{name}"
_DATA = Path(__file__).parent / "role_definitions.json"
_PARTS = ("actions", "notActions", "dataActions", "notDataActions")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@SERVICE.route("GET", "/providers/Microsoft.Authorization/roleDefinitions", action=None, why="public to the tenant")
def list_tenant_definitions(call: Call) -> Reply:
    """The built-in roles, without a scope."""
    return _listing(call, "")


@SERVICE.route("GET", "/providers/Microsoft.Authorization/roleDefinitions/{name}", action=None, why="as the list")
def get_tenant_definition(call: Call) -> Reply:
    """A role without a scope."""
    return Reply(body=_shown(_require(call), ""))


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_definitions(call: Call) -> Reply:
    """Roles that can be assigned at the scope, by `$filter`: roleName eq, type eq, atScopeAndBelow()."""
    return _listing(call, call.params["scope"])


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_definition(call: Call) -> Reply:
    """One role by its GUID, whatever the scope before it."""
    return Reply(body=_shown(_require(call), SUBSCRIPTION))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_definition(call: Call) -> Reply:
    """Make or change a custom role: 201."""
    name = call.params["name"].lower()
    if not _GUID.fullmatch(name):
        raise _invalid(f"The role definition ID '{name}' must be a GUID.")
    found = call.world.store.get(access.DEFINITIONS, name)
    if found is not None and found["roleType"] == "BuiltInRole":
        message = f"The built-in role '{found['roleName']}' cannot be changed."
        raise AzureError(status=403, code="RoleDefinitionUpdateNotPermitted", message=message)
    wanted = _wanted(call, name)
    now = f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    made = {"createdOn": (found or {}).get("createdOn", now), "updatedOn": now}
    return Reply(status=201, body=_shown(call.world.store.put(access.DEFINITIONS, name, wanted | made), SUBSCRIPTION))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_definition(call: Call) -> Reply:
    """200 with what was deleted, 204 when it was not there, 400 while assignments use it."""
    name = call.params["name"].lower()
    found = call.world.store.get(access.DEFINITIONS, name)
    if found is None:
        return Reply(status=204)
    if found["roleType"] == "BuiltInRole":
        message = f"The built-in role '{found['roleName']}' cannot be deleted."
        raise AzureError(status=403, code="RoleDefinitionDeleteNotPermitted", message=message)
    if any(str(used["roleDefinitionId"]).lower().endswith(name) for used in assignments.everywhere(call.world)):
        message = "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)"
        raise AzureError(status=400, code="RoleDefinitionHasAssignments", message=message)
    call.world.store.remove(access.DEFINITIONS, name)
    return Reply(body=_shown(found, SUBSCRIPTION))


def seed(world: World) -> None:
    """The built-in roles, as https://learn.microsoft.com/azure/role-based-access-control/built-in-roles lists them."""
    definitions: list[Document] = json.loads(_DATA.read_text(encoding="utf-8"))
    for definition in definitions:
        world.store.put(access.DEFINITIONS, definition["id"], definition)


SERVICE.seed = seed


def _listing(call: Call, scope: str) -> Reply:
    text = re.sub(
        r"\s*(and\s+)?atScopeAndBelow\(\)(\s+and)?\s*", "", call.query.get("$filter", ""), flags=re.IGNORECASE
    )
    terms = filters.terms(text)
    found = (one for _, one in call.world.store.rows(access.DEFINITIONS) if _is_seen(one, scope))
    shown = [_shown(one, SUBSCRIPTION if scope else "") for one in found if all(_holds(one, *term) for term in terms)]
    return Reply(body={"value": shown})


def _is_seen(definition: Document, scope: str) -> bool:
    """A custom role is seen where it can be assigned, and above."""
    if definition["roleType"] == "BuiltInRole":
        return True
    here = scope.rstrip("/").lower() + "/"
    assignable = [str(at).rstrip("/").lower() + "/" for at in definition["assignableScopes"]]
    return any(here.startswith(at) or at.startswith(here) for at in assignable)


def _holds(definition: Document, field: str, how: str, value: str) -> bool:
    if how != "eq" or field not in {"rolename", "type"}:
        message = "The filter is not supported: roleName eq, type eq and atScopeAndBelow() are."
        raise AzureError(status=400, code="UnsupportedFilter", message=message)
    there = definition["roleName"] if field == "rolename" else definition["roleType"]
    return str(there).lower() == value.lower()


def _require(call: Call) -> Document:
    name = call.params["name"]
    found = call.world.store.get(access.DEFINITIONS, name.lower())
    if found is None:
        message = f"The specified role definition with ID '{name}' does not exist."
        raise AzureError(status=404, code="RoleDefinitionDoesNotExist", message=message)
    return found


def _wanted(call: Call, name: str) -> Document:
    given = bodies.wanted_properties(call.json())
    role_name, assignable = given.get("roleName"), _list(given.get("assignableScopes"))
    if not role_name or not isinstance(role_name, str):
        raise _invalid("The role definition needs a roleName.")
    if not assignable:
        raise _invalid("The role definition needs at least one assignable scope.")
    _check_name_free(call.world, role_name, name)
    return {
        "id": name,
        "roleName": role_name,
        "roleType": "CustomRole",
        "description": given.get("description") or "",
        "permissions": list(_permissions(_list(given.get("permissions")))),
        "assignableScopes": [str(scope) for scope in assignable],
        "createdBy": call.who.object_id,
        "updatedBy": call.who.object_id,
    }


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _permissions(given: list[Any]) -> Iterator[Document]:
    for permission in given:
        if not isinstance(permission, dict):
            raise _invalid("Each permission must be an object.")
        parts = cast("Document", permission)
        yield {part: _patterns(part, parts.get(part)) for part in _PARTS}


def _patterns(part: str, given: object) -> list[str]:
    patterns = _list(given or [])
    if (given and not isinstance(given, list)) or not all(isinstance(pattern, str) for pattern in patterns):
        raise _invalid(f"{part} must be a list of strings.")
    return patterns


def _check_name_free(world: World, role_name: str, name: str) -> None:
    for key, other in world.store.rows(access.DEFINITIONS):
        if key != name and str(other["roleName"]).lower() == role_name.lower():
            message = "A custom role with the same name already exists in this directory. Use a different name"
            raise AzureError(status=409, code="RoleDefinitionWithSameNameExists", message=message)


def _invalid(message: str) -> AzureError:
    return AzureError(status=400, code="InvalidRoleDefinition", message=message)


def _shown(definition: Document, scope: str) -> Document:
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
        "id": f"{scope}/providers/{TYPE}/{guid}",
        "type": TYPE,
        "name": guid,
    }
