"""Role assignments: which principal has which role at which scope.

https://learn.microsoft.com/rest/api/authorization/role-assignments
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION, TENANT_ID
from localazure.authorization import scope_paths
from localazure.entra import directory
from localazure.rbac import access, assignments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

SERVICE = arm_service(
    "authorization",
    ".*/providers/Microsoft.Authorization/.*",
    ("2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2020-10-01", "2022-04-01"),
)

_LIST = scope_paths.AUTHORIZATION + "roleAssignments"
_ONE = _LIST + "/{name}"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ROLE_ID = re.compile(r"(/.*)?/providers/Microsoft\.Authorization/roleDefinitions/([0-9a-f-]{36})", re.IGNORECASE)
_ASSIGNED_TO = re.compile(r"\s*assignedTo\('([0-9a-f-]{36})'\)\s*", re.IGNORECASE)
_LIMIT = 4000  # per subscription: https://learn.microsoft.com/azure/role-based-access-control/troubleshoot-limits
_IMMUTABLE = ("principalId", "roleDefinitionId", "scope")


@SERVICE.route("GET", _ONE, action=f"{assignments.TYPE}/read")
def get_assignment(call: Call) -> Reply:
    """One assignment by scope and name; 404 RoleAssignmentNotFound."""
    return Reply(body=assignments.response_body(_require_assignment(call)))


@SERVICE.route("PUT", _ONE, action=f"{assignments.TYPE}/write")
def set_assignment(call: Call) -> Reply:
    """Create or update an assignment: 201 in both cases. Only the description and the condition can change."""
    name, scope = call.params["name"], scope_paths.scope_of(call)
    if not _GUID.fullmatch(name):
        message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
        raise AzureError(status=400, code="InvalidRoleAssignmentId", message=message)
    scope_paths.require_scope_exists(call, scope)
    requested = _requested_assignment(call, bodies.requested_properties(call.json()))
    existing = next(
        (assignment for assignment in assignments.list_all(call.tenant) if _is_same_id(assignment["name"], name)), None
    )
    if existing is None:
        _refuse_duplicate_or_too_many(call.tenant, requested)
    else:
        _refuse_immutable_changes(existing, requested)
    # Recorded so by az (test_create_for_rbac_password_with_assignment.yaml); a GET then names who created it.
    body = {**assignments.response_body(_store_assignment(call, existing, requested))}
    body["properties"] = {**body["properties"], "createdBy": None}
    return Reply(status=201, body=body)


@SERVICE.route("DELETE", _ONE, action=f"{assignments.TYPE}/delete")
def delete_assignment(call: Call) -> Reply:
    """200 with the deleted assignment, 204 when there was none."""
    assignment = assignments.find(call.tenant, scope_paths.scope_of(call), call.params["name"])
    if assignment is None:
        return Reply(status=204)
    assignments.delete(call.tenant, assignment)
    return Reply(body=assignments.response_body(assignment))


@SERVICE.route("GET", _LIST, action=f"{assignments.TYPE}/read")
def list_assignments(call: Call) -> Reply:
    """List assignments at, above and below the scope; `atScope()` leaves out those below."""
    filter_text = call.query.get("$filter", "")
    terms = [term.strip() for term in re.split(r"\band\b", filter_text)] if filter_text else []
    at_scope = any(term.lower() == "atscope()" for term in terms)
    matching = list(access.list_assignments_reaching(call.tenant, scope_paths.scope_of(call)))
    if not at_scope:
        matching += assignments.list_below(call.tenant, scope_paths.scope_of(call))
    for term in terms:
        if term.lower() != "atscope()":
            matching = [
                assignment
                for assignment in matching
                if _is_same_id(assignment["principalId"], _principal_id_in_term(term, filter_text))
            ]
    return Reply(body={"value": [assignments.response_body(assignment) for assignment in matching]})


def _is_same_id(one: object, other: object) -> bool:
    """Whether two ids are the same: they compare without case and trailing slash."""
    return str(one).rstrip("/").lower() == str(other).rstrip("/").lower()


def _require_assignment(call: Call) -> Document:
    """The assignment that the path names; 404 RoleAssignmentNotFound."""
    assignment = assignments.find(call.tenant, scope_paths.scope_of(call), call.params["name"])
    if assignment is None:
        message = f"The role assignment '{call.params['name']}' is not found."
        raise AzureError(status=404, code="RoleAssignmentNotFound", message=message)
    return assignment


def _requested_assignment(call: Call, properties: Document) -> Document:
    """The assignment in the body, with role, principal and principal type checked."""
    principal_id = str(properties.get("principalId") or "")
    if not principal_id or not properties.get("roleDefinitionId"):
        message = "The request content was invalid: principalId and roleDefinitionId are required."
        raise AzureError(status=400, code="BadRequestFormat", message=message)
    if not _GUID.fullmatch(principal_id):
        message = f"A valid principal ID must be provided for role assignment. '{principal_id}' is not a GUID."
        raise AzureError(status=400, code="InvalidPrincipalId", message=message)
    role_id = _checked_role_id(call, str(properties["roleDefinitionId"]))
    immutable = {"principalId": principal_id.lower(), "roleDefinitionId": role_id, "scope": scope_paths.scope_of(call)}
    return {
        **immutable,
        "principalType": _checked_principal_type(call, principal_id, properties),
        **_mutable_fields(properties),
    }


def _mutable_fields(properties: Document) -> Document:
    """The fields that an update may change: description, condition and its version; 400 if one is invalid."""
    description, condition = properties.get("description"), properties.get("condition")
    if len(str(description or "").encode()) > 2048:
        message = "The role assignment description exceeds the limit of 2048 bytes."
        raise AzureError(status=400, code="RoleAssignmentDescriptionTooLong", message=message)
    version = properties.get("conditionVersion") or ("2.0" if condition else None)
    if version not in (None, "1.0", "2.0"):
        message = f"The role assignment condition version '{version}' is not supported."
        raise AzureError(status=400, code="InvalidConditionVersion", message=message)
    return {"description": description, "condition": condition, "conditionVersion": version}


def _checked_role_id(call: Call, role_definition_id: str) -> str:
    """The full id of a role definition that exists and can be assigned at the scope; 400 or 404 otherwise."""
    match = _ROLE_ID.fullmatch(role_definition_id)
    if not match:
        message = f"The role definition ID '{role_definition_id}' is not valid."
        raise AzureError(status=400, code="InvalidRoleDefinitionId", message=message)
    guid = match[2].lower()
    definition = call.tenant.store.get(access.DEFINITIONS, guid)
    if definition is None or not _is_assignable(definition, scope_paths.scope_of(call)):
        message = f"The specified role definition with ID '{guid.replace('-', '')}' does not exist."
        raise AzureError(status=404, code="RoleDefinitionDoesNotExist", message=message)
    return f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def _is_assignable(definition: Document, scope: str) -> bool:
    """Whether the scope lies in one of the role's assignable scopes."""
    scope_prefix = scope.rstrip("/").lower() + "/"
    return any(
        scope_prefix.startswith(str(assignable).rstrip("/").lower() + "/")
        for assignable in definition["assignableScopes"]
    )


def _checked_principal_type(call: Call, principal_id: str, properties: Document) -> str:
    """The principal's type; 400 if the body names another.

    Azure looks it up if the body names none: an acceptance test of Terraform's azurerm (role_assignment) sends none and
    reads ServicePrincipal. The default `User` in the specification of version 2022-04-01 is one of SDKs only.
    """
    if directory.find_principal(call.tenant, principal_id) is None:
        message = (
            f"Principal {principal_id.replace('-', '')} does not exist in the directory {TENANT_ID}. Check that you "
            "have the correct principal ID. If you are creating this principal and then immediately assigning a role, "
            "this error might be related to a replication delay. In this case, set the role assignment principalType "
            "property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
        )
        raise AzureError(status=400, code="PrincipalNotFound", message=message)
    principal_type = str(properties.get("principalType") or "ServicePrincipal")
    if principal_type != "ServicePrincipal":
        message = (
            f"The PrincipalId '{principal_id.replace('-', '')}' has type 'ServicePrincipal' , which is different from "
            f"specified PrinciaplType '{principal_type}'."
        )
        raise AzureError(status=400, code="UnmatchedPrincipalType", message=message)
    return principal_type


def _refuse_duplicate_or_too_many(tenant: Tenant, requested: Document) -> None:
    """409 if the same role, principal and scope have another assignment; 400 at the subscription's limit."""
    count = 0
    for existing in assignments.list_all(tenant):
        count += 1
        if all(_is_same_id(existing[name], requested[name]) for name in _IMMUTABLE):
            message = (
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{str(existing['name']).replace('-', '')}."
            )
            raise AzureError(status=409, code="RoleAssignmentExists", message=message)
    if count >= _LIMIT:
        message = "No more role assignments can be created (code: RoleAssignmentLimitExceeded)"
        raise AzureError(status=400, code="RoleAssignmentLimitExceeded", message=message)


def _refuse_immutable_changes(existing: Document, requested: Document) -> None:
    """400 RoleAssignmentUpdateNotPermitted for an update that changes principal, role or scope."""
    if not all(_is_same_id(existing[name], requested[name]) for name in _IMMUTABLE):
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise AzureError(status=400, code="RoleAssignmentUpdateNotPermitted", message=message)


def _store_assignment(call: Call, existing: Document | None, requested: Document) -> Document:
    """Store an assignment, new or updated, with who wrote it and when."""
    now = f"{call.tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    name, caller_id = call.params["name"].lower(), call.authenticated_caller.object_id
    identity = existing or {
        "id": f"{requested['scope'].rstrip('/')}/providers/{assignments.TYPE}/{name}",
        "name": name,
        "type": assignments.TYPE,
        "createdOn": now,
        "createdBy": caller_id,
        "delegatedManagedIdentityResourceId": None,
    }
    return assignments.put(
        call.tenant, {**requested, **identity, **_updated_fields(requested), "updatedOn": now, "updatedBy": caller_id}
    )


def _updated_fields(requested: Document) -> Document:
    """The fields that an update takes over from the request."""
    return {name: requested[name] for name in ("description", "condition", "conditionVersion", "principalType")}


def _principal_id_in_term(term: str, filter_text: str) -> str:
    """The id in `principalId eq '…'` or `assignedTo('…')`; there are no groups to expand."""
    assigned_to = _ASSIGNED_TO.fullmatch(term)
    if assigned_to:
        return assigned_to[1]
    for field, operator, value in _terms(term, filter_text):
        if (field, operator) == ("principalid", "eq"):
            return value
    raise _bad_filter(filter_text)


def _terms(term: str, filter_text: str) -> Iterator[tuple[str, str, str]]:
    """The terms of a filter; 400 UnsupportedFilter if it cannot be parsed."""
    try:
        yield from filters.parse_terms(term)
    except AzureError as error:
        raise _bad_filter(filter_text) from error


def _bad_filter(filter_text: str) -> AzureError:
    message = (
        f"The filter '{filter_text}' is not supported. Supported filters are either 'atScope()' or 'principalId eq'."
    )
    return AzureError(status=400, code="UnsupportedFilter", message=message)
