"""Role definitions and role assignments.

https://learn.microsoft.com/rest/api/authorization/role-assignments
"""

from __future__ import annotations

import difflib
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provisioner.cloud.built_in_roles import GUIDS, NAMES_BY_GUID, built_in_role_guid
from provisioner.cloud.error_table import Handling, handling_of
from provisioner.cloud.errors import translated
from provisioner.cloud.transport.arm import Arm, short
from provisioner.errors import Conflict, NotAuthorized, NotFound, Refused
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from provisioner.cloud.transport.session import Session

VERSION = api_version("Microsoft.Authorization")
PROVIDER = "providers/Microsoft.Authorization"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
OWNER_PREFIX = "provisioner-environment="
# Names of our own assignments; any constant serves, as long as it stays.
NAMES = uuid.UUID("6f1f4b0e-6f0c-5d0b-9d0c-2f6a1b7f3a55")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A role assignment. role: the role definition's GUID. condition: somebody may have added one."""

    name: str
    scope: str
    role: str
    principal_id: str
    principal_type: str
    description: str = ""
    condition: str | None = None
    condition_version: str | None = None
    updated: datetime | None = None


def assignment_name(scope: str, principal_id: str, role: str) -> str:
    """The GUID of our assignment: assigning the same twice makes one assignment."""
    return str(uuid.uuid5(NAMES, f"{scope.lower()} {principal_id.lower()} {role.lower()}"))


class Authorization:
    """Every method raises CloudError; ids are full."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def role_guid(self, scope: str, role: str) -> str:
        """The GUID of a role, by its name or GUID. Asks only for roles that are not in `built_in_roles`.

        Raises Refused, with the nearest names, if there is none, and NotAuthorized if the caller may look nowhere.
        """
        known = built_in_role_guid(role)
        key = ("role", scope.lower(), role.lower())
        return known or self._session.reads.get(key, lambda: self._role_id(scope, role))

    def role_name(self, scope: str, role: str) -> str:
        """The name of a role (a GUID) that is assigned on the scope; the GUID itself if nothing shows the name."""
        if role in NAMES_BY_GUID:
            return NAMES_BY_GUID[role]
        definition = self._arm.find(f"{scope.rstrip('/')}/{PROVIDER}/roleDefinitions/{role}", VERSION) or {}
        return str(definition.get("properties", {}).get("roleName", role))

    def list_assignments(self, scope: str) -> tuple[Assignment, ...]:
        """The assignments exactly at the scope, read once per pass."""
        return tuple(one for one in self._list_at_and_above(scope) if _is_same_scope(one.scope, scope))

    def list_assignments_of(self, scope: str, principal_id: str) -> tuple[Assignment, ...]:
        """The assignments of a principal at the scope, above and below it.

        https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
        """
        where = {"$filter": f"principalId eq '{principal_id}'"}
        listed = self._arm.list_all(f"{scope}/{PROVIDER}/roleAssignments", VERSION, params=where)
        return tuple(map(_assignment, listed))

    def find_assignment(self, scope: str, role: str, principal_id: str) -> Assignment | None:
        """The assignment of a role (a GUID) to a principal on a scope. Azure admits one, whatever its name.

        If there is none, one on a scope above serves that somebody else made without a condition: a second one would
        add nothing.
        """
        key = (role.lower(), principal_id.lower())
        same = [one for one in self._list_at_and_above(scope) if (one.role, one.principal_id.lower()) == key]
        here = (one for one in same if _is_same_scope(one.scope, scope))
        above = (one for one in same if not (one.condition or self.owner_tags(one) or self.has_managed_name(one)))
        return next(iter((*here, *above)), None)

    @staticmethod
    def owner_tags(assignment: Assignment) -> tuple[str, ...]:
        """The owner tags in its description, of all environments."""
        return tuple(word for word in assignment.description.split() if word.startswith(OWNER_PREFIX))

    @staticmethod
    def has_managed_name(assignment: Assignment) -> bool:
        """Whether it has the name that `grant` gives."""
        return assignment.name.lower() == assignment_name(assignment.scope, assignment.principal_id, assignment.role)

    def grant(self, scope: str, role: str, principal_id: str, *, principal_type: str, owner_tag: str) -> None:
        """Assign the role (a GUID) with the owner tag. An unmanaged assignment is left as it is."""
        self._session.reads.mark_written(("assignments", scope.lower()))
        assignment = self.find_assignment(scope, role, principal_id)
        if assignment is None:
            name = assignment_name(scope, principal_id, role)
            assignment = Assignment(
                name=name, scope=scope, role=role, principal_id=principal_id, principal_type=principal_type
            )
        elif owner_tag in self.owner_tags(assignment) or not (
            self.owner_tags(assignment) or self.has_managed_name(assignment)
        ):
            return
        try:
            self.set_assignment(replace(assignment, description=" ".join((*assignment.description.split(), owner_tag))))
        except Conflict as error:
            if handling_of(error) is not Handling.ADOPT:  # created meanwhile, or not shown by every replica yet
                raise

    def drop_owner_or_assignment(self, scope: str, assignment_guid: str, owner_tag: str) -> None:
        """Remove the owner tag, and with the last one the assignment. Fine if gone. Raises NotYetVisible.

        No condition guards the write, so repeat until no replica shows the tag and no other environment's write has
        brought it back.
        """

        def gone() -> bool:
            self._session.reads.mark_written(("assignments", scope.lower()))
            assignment = next((one for one in self.list_assignments(scope) if one.name == assignment_guid), None)
            if assignment is None or owner_tag not in self.owner_tags(assignment):
                return True
            if set(self.owner_tags(assignment)) == {owner_tag}:
                self.delete_assignment(scope, assignment_guid)
                return True
            kept = [word for word in assignment.description.split() if word != owner_tag]
            self.set_assignment(replace(assignment, description=" ".join(kept)))
            return False

        what = f"the removal of a role assignment at {short(scope)}"
        self._session.waits.until(gone, what=what)

    def set_assignment(self, assignment: Assignment) -> None:
        """Create it, or change its description. Waits for a new principal until ARM knows it.

        principalType is sent always: without it Azure looks the principal up and fails for a new one
        (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails).
        Raises Conflict (`RoleAssignmentExists`) if the same assignment exists under another name.
        """
        what = f"the principal of a role assignment at {short(assignment.scope)} to be known"
        self._session.waits.until_visible(lambda: self._put(assignment), what=what)

    def delete_assignment(self, scope: str, name: str) -> None:
        """Delete it. Fine if gone."""
        try:
            with translated(f"DELETE {short(scope)} role assignment"):
                self._client(scope).role_assignments.delete(scope, name)
        except NotFound:
            pass
        self._session.reads.mark_written(("assignments", scope.lower()))

    def _role_id(self, scope: str, role: str) -> str:
        """Look at the scope and those around it, where custom roles are; then at the tenant, which may not list them.

        https://learn.microsoft.com/azure/role-based-access-control/role-definitions-list
        """
        denials: list[NotAuthorized] = []
        for place in (*_around(scope), ""):
            try:
                if found := self._find_role(place, role):
                    return found
            except NotAuthorized as denied:
                denials.append(denied)
            except NotFound:
                continue  # no such resource yet
        if len(denials) > len(_around(scope)):
            raise denials[0]
        near = difflib.get_close_matches(role, GUIDS, n=3, cutoff=0.5)
        remedy = f"Did you mean {' or '.join(map(repr, near))}?" if near else "`az role definition list` shows all"
        raise Refused(f"role {role!r}", f"no such role can be assigned on {short(scope)}", remedy)

    def _find_role(self, place: str, role: str) -> str | None:
        """Its GUID, if the place (empty: the tenant) has it."""
        definitions = f"{place}/{PROVIDER}/roleDefinitions"
        if GUID.fullmatch(role):
            return role.lower() if self._arm.find(f"{definitions}/{role}", VERSION) else None
        where = {"$filter": "roleName eq '{}'".format(role.replace("'", "''"))}
        listed = self._arm.list_all(definitions, VERSION, params=where, missing_ok=False)
        return next((str(definition["name"]).lower() for definition in listed), None)

    def _list_at_and_above(self, scope: str) -> tuple[Assignment, ...]:
        """The assignments at the scope and above, read once per pass.

        https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
        """

        def listed() -> tuple[Assignment, ...]:
            where, params = f"{scope}/{PROVIDER}/roleAssignments", {"$filter": "atScope()"}
            return tuple(map(_assignment, self._arm.list_all(where, VERSION, params=params)))

        return self._session.reads.get(("assignments", scope.lower()), listed)

    def _put(self, assignment: Assignment) -> None:
        # Imported as in `_client`: threads that import a package by two ways at once may see half of it.
        from azure.mgmt.authorization.v2022_04_01 import models

        body = models.RoleAssignmentCreateParameters(
            role_definition_id=f"{_subscription_scope(assignment.scope)}/{PROVIDER}/roleDefinitions/{assignment.role}",
            principal_id=assignment.principal_id,
            principal_type=assignment.principal_type,
            description=assignment.description,
            condition=assignment.condition,
            condition_version=assignment.condition_version,
        )
        with translated(f"PUT {short(assignment.scope)} role assignment"):
            self._client(assignment.scope).role_assignments.create(assignment.scope, assignment.name, body)
        self._session.reads.mark_written(("assignments", assignment.scope.lower()))
        self._session.reads.mark_written(("permissions", assignment.scope.lower()))

    def _client(self, scope: str) -> Any:
        from azure.mgmt.authorization.v2022_04_01 import AuthorizationManagementClient

        subscription = _subscription_scope(scope).split("/")[2]
        return AuthorizationManagementClient(
            self._session.credential, subscription, **self._session.management_options()
        )


def _around(scope: str) -> tuple[str, ...]:
    """The scope, its resource group, its subscription."""
    parts = scope.split("/")
    return tuple(dict.fromkeys("/".join(parts[:length]) for length in (len(parts), 5, 3) if length <= len(parts)))


def _is_same_scope(one: str, other: str) -> bool:
    return one.lower().rstrip("/") == other.lower().rstrip("/")


def _subscription_scope(scope: str) -> str:
    return "/".join(scope.split("/")[:3])


def _assignment(item: dict[str, Any]) -> Assignment:
    properties: dict[str, Any] = item["properties"]
    return Assignment(
        name=item["name"],
        scope=properties["scope"],
        role=str(properties["roleDefinitionId"]).rpartition("/")[2].lower(),
        principal_id=properties["principalId"],
        principal_type=properties.get("principalType", ""),
        description=properties.get("description") or "",
        condition=properties.get("condition"),
        condition_version=properties.get("conditionVersion"),
        updated=datetime.fromisoformat(properties["updatedOn"]) if properties.get("updatedOn") else None,
    )
