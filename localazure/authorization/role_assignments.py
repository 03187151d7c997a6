"""Microsoft.Authorization: role assignments, the caller's permissions, and the lists that are always empty here.

https://learn.microsoft.com/rest/api/authorization/role-assignments
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters, groups, resources, scopes
from localazure.app.resource_manager.services import arm_service, empty_list_of_subscription
from localazure.app.tenant import SUBSCRIPTION, TENANT_ID
from localazure.entra import directory
from localazure.rbac import access, assignments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

SERVICE = arm_service(
    "authorization",
    ".*/providers/Microsoft.Authorization/.*",
    ("2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2020-10-01", "2022-04-01"),
)
empty_list_of_subscription(SERVICE, "Microsoft.Authorization/classicAdministrators")

_HERE = "{scope:path}/providers/Microsoft.Authorization/"
_LIST = _HERE + "roleAssignments"
_ONE = _LIST + "/{name}"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ROLE_ID = re.compile(r"(/.*)?/providers/Microsoft\.Authorization/roleDefinitions/([0-9a-f-]{36})", re.IGNORECASE)
_ASSIGNED_TO = re.compile(r"\s*assignedTo\('([0-9a-f-]{36})'\)\s*", re.IGNORECASE)
_LIMIT = 4000  # per subscription: https://learn.microsoft.com/azure/role-based-access-control/troubleshoot-limits
_KEPT = ("principalId", "roleDefinitionId", "scope")


@SERVICE.route("GET", _ONE, action=f"{assignments.TYPE}/read")
def get_assignment(call: Call) -> Reply:
    """One assignment by scope and name."""
    return Reply(body=assignments.shown(_require(call)))


@SERVICE.route("PUT", _ONE, action=f"{assignments.TYPE}/write")
def set_assignment(call: Call) -> Reply:
    """201, also for an update, which can change the description and the condition only."""
    name, scope = call.params["name"], _scope(call)
    if not _GUID.fullmatch(name):
        message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
        raise AzureError(status=400, code="InvalidRoleAssignmentId", message=message)
    _check_scope(call, scope)
    wanted = _wanted(call, bodies.wanted_properties(call.json()))
    found = next((old for old in assignments.everywhere(call.world) if _same(old["name"], name)), None)
    if found is None:
        _check_new(call.world, wanted)
    else:
        _check_kept(found, wanted)
    return Reply(status=201, body=assignments.shown(_write(call, found, wanted)))


@SERVICE.route("DELETE", _ONE, action=f"{assignments.TYPE}/delete")
def delete_assignment(call: Call) -> Reply:
    """200 with what was deleted, 204 when it was not there."""
    found = assignments.find(call.world, _scope(call), call.params["name"])
    if found is None:
        return Reply(status=204)
    assignments.remove(call.world, found)
    return Reply(body=assignments.shown(found))


@SERVICE.route("GET", _LIST, action=f"{assignments.TYPE}/read")
def list_assignments(call: Call) -> Reply:
    """At the scope, above it and below it; `atScope()` leaves out what is below."""
    text = call.query.get("$filter", "")
    terms = [term.strip() for term in re.split(r"\band\b", text)] if text else []
    at_scope = any(term.lower() == "atscope()" for term in terms)
    found = list(access.reaching(call.world, _scope(call)))
    if not at_scope:
        found += assignments.below(call.world, _scope(call))
    for term in terms:
        if term.lower() != "atscope()":
            found = [one for one in found if _same(one["principalId"], _principal_in(term, text))]
    return Reply(body={"value": [assignments.shown(one) for one in found]})


@SERVICE.route("GET", _HERE + "permissions", action=None, why="everybody may ask what they may do")
def list_permissions(call: Call) -> Reply:
    """The caller's permissions at the scope: one entry for each assignment that reaches it."""
    scopes.check_subscription(call.path)
    _check_scope(call, _scope(call))
    found = access.permissions(call.world, call.who.object_id, _scope(call))
    return Reply(body={"value": list(found)})


@SERVICE.route("GET", _HERE + "denyAssignments", action="Microsoft.Authorization/denyAssignments/read")
def list_deny_assignments(_: Call) -> Reply:
    """None: only Azure itself makes them."""
    return Reply(body={"value": []})


@SERVICE.route("GET", _HERE + "locks", action="Microsoft.Authorization/locks/read")
def list_locks(_: Call) -> Reply:
    """None: the local Azure has no locks."""
    return Reply(body={"value": []})


@SERVICE.route("GET", _HERE + "policyAssignments", action="Microsoft.Authorization/policyAssignments/read")
def list_policy_assignments(_: Call) -> Reply:
    """None: the local Azure has no policies."""
    return Reply(body={"value": []})


def _scope(call: Call) -> str:
    return call.params["scope"].rstrip("/") or "/"


def _same(one: object, other: object) -> bool:
    return str(one).rstrip("/").lower() == str(other).rstrip("/").lower()


def _require(call: Call) -> Document:
    found = assignments.find(call.world, _scope(call), call.params["name"])
    if found is None:
        message = f"The role assignment '{call.params['name']}' is not found."
        raise AzureError(status=404, code="RoleAssignmentNotFound", message=message)
    return found


def _check_scope(call: Call, scope: str) -> None:
    """404 when the group, or the resource at whose top the scope lies, is not there."""
    parts = scope.strip("/").split("/")
    if len(parts) < 4 or parts[2].lower() != "resourcegroups":
        return
    if resources.find(call.world, "/" + "/".join(parts[:4])) is None:
        raise groups.group_not_found(parts[3])
    top = "/" + "/".join(parts[:8])
    if len(parts) >= 8 and resources.find(call.world, top) is None and not any(resources.under(call.world, top)):
        kind, name = f"{parts[5]}/{parts[6]}", parts[7]
        message = (
            f"The Resource '{kind}/{name}' under resource group '{parts[3]}' was not found. For more details please "
            "go to https://aka.ms/ARMResourceNotFoundFix"
        )
        raise AzureError(status=404, code="ResourceNotFound", message=message)


def _wanted(call: Call, properties: Document) -> Document:
    """What the body asks for, checked: role, principal and its type."""
    principal_id = str(properties.get("principalId") or "")
    if not principal_id or not properties.get("roleDefinitionId"):
        message = "The request content was invalid: principalId and roleDefinitionId are required."
        raise AzureError(status=400, code="BadRequestFormat", message=message)
    if not _GUID.fullmatch(principal_id):
        message = f"A valid principal ID must be provided for role assignment. '{principal_id}' is not a GUID."
        raise AzureError(status=400, code="InvalidPrincipalId", message=message)
    role = _role_id(call, str(properties["roleDefinitionId"]))
    wanted = {"principalId": principal_id.lower(), "roleDefinitionId": role, "scope": _scope(call)}
    return {**wanted, "principalType": _principal_type(call, principal_id, properties), **_free(properties)}


def _free(properties: Document) -> Document:
    """What an update may change."""
    description, condition = properties.get("description"), properties.get("condition")
    if len(str(description or "").encode()) > 2048:
        message = "The role assignment description exceeds the limit of 2048 bytes."
        raise AzureError(status=400, code="RoleAssignmentDescriptionTooLong", message=message)
    version = properties.get("conditionVersion") or ("2.0" if condition else None)
    if version not in (None, "1.0", "2.0"):
        message = f"The role assignment condition version '{version}' is not supported."
        raise AzureError(status=400, code="InvalidConditionVersion", message=message)
    return {"description": description, "condition": condition, "conditionVersion": version}


def _role_id(call: Call, given: str) -> str:
    found = _ROLE_ID.fullmatch(given)
    if not found:
        message = f"The role definition ID '{given}' is not valid."
        raise AzureError(status=400, code="InvalidRoleDefinitionId", message=message)
    guid = found[2].lower()
    definition = call.world.store.get(access.DEFINITIONS, guid)
    if definition is None or not _is_assignable(definition, _scope(call)):
        message = f"The specified role definition with ID '{guid.replace('-', '')}' does not exist."
        raise AzureError(status=404, code="RoleDefinitionDoesNotExist", message=message)
    return f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def _is_assignable(definition: Document, scope: str) -> bool:
    inside = scope.rstrip("/").lower() + "/"
    return any(inside.startswith(str(at).rstrip("/").lower() + "/") for at in definition["assignableScopes"])


def _principal_type(call: Call, principal_id: str, properties: Document) -> str:
    """The type named must be the principal's; 2022-04-01 takes `User` for granted, other versions look it up.

    https://github.com/Azure/azure-rest-api-specs/issues/21664
    """
    if directory.principal(call.world, principal_id) is None:
        message = (
            f"Principal {principal_id.replace('-', '')} does not exist in the directory {TENANT_ID}. Check that you "
            "have the correct principal ID. If you are creating this principal and then immediately assigning a role, "
            "this error might be related to a replication delay. In this case, set the role assignment principalType "
            "property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
        )
        raise AzureError(status=400, code="PrincipalNotFound", message=message)
    default = "User" if call.query.get("api-version") == "2022-04-01" else "ServicePrincipal"
    named = str(properties.get("principalType") or default)
    if named != "ServicePrincipal":
        message = (
            f"The PrincipalId '{principal_id.replace('-', '')}' has type 'ServicePrincipal' , which is different from "
            f"specified PrinciaplType '{named}'."
        )
        raise AzureError(status=400, code="UnmatchedPrincipalType", message=message)
    return named


def _check_new(world: World, wanted: Document) -> None:
    """409 for the same role, principal and scope under another name; the limit of a subscription."""
    count = 0
    for old in assignments.everywhere(world):
        count += 1
        if all(_same(old[name], wanted[name]) for name in _KEPT):
            message = (
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{str(old['name']).replace('-', '')}."
            )
            raise AzureError(status=409, code="RoleAssignmentExists", message=message)
    if count >= _LIMIT:
        message = "No more role assignments can be created (code: RoleAssignmentLimitExceeded)"
        raise AzureError(status=400, code="RoleAssignmentLimitExceeded", message=message)


def _check_kept(found: Document, wanted: Document) -> None:
    if not all(_same(found[name], wanted[name]) for name in _KEPT):
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise AzureError(status=400, code="RoleAssignmentUpdateNotPermitted", message=message)


def _write(call: Call, found: Document | None, wanted: Document) -> Document:
    now = f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    name, who = call.params["name"].lower(), call.who.object_id
    made = found or {
        "id": f"{wanted['scope'].rstrip('/')}/providers/{assignments.TYPE}/{name}",
        "name": name,
        "type": assignments.TYPE,
        "createdOn": now,
        "createdBy": who,
        "delegatedManagedIdentityResourceId": None,
    }
    return assignments.put(call.world, {**wanted, **made, **_changed(wanted), "updatedOn": now, "updatedBy": who})


def _changed(wanted: Document) -> Document:
    return {name: wanted[name] for name in ("description", "condition", "conditionVersion", "principalType")}


def _principal_in(term: str, text: str) -> str:
    """The id in `principalId eq '…'` or `assignedTo('…')`; there are no groups to expand."""
    assigned = _ASSIGNED_TO.fullmatch(term)
    if assigned:
        return assigned[1]
    for field, how, value in _terms(term, text):
        if (field, how) == ("principalid", "eq"):
            return value
    raise _bad_filter(text)


def _terms(term: str, text: str) -> Iterator[tuple[str, str, str]]:
    try:
        yield from filters.terms(term)
    except AzureError as error:
        raise _bad_filter(text) from error


def _bad_filter(text: str) -> AzureError:
    message = f"The filter '{text}' is not supported. Supported filters are either 'atScope()' or 'principalId eq'."
    return AzureError(status=400, code="UnsupportedFilter", message=message)
