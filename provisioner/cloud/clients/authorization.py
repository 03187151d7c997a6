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

from provisioner.cloud.error_table import Handling, handling_of
from provisioner.cloud.errors import translated
from provisioner.cloud.transport.arm import Arm, short
from provisioner.errors import Conflict, NotFound, Refused

if TYPE_CHECKING:
    from provisioner.cloud.transport.session import Session

VERSION = "2022-04-01"
PROVIDER = "providers/Microsoft.Authorization"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
MARKED = "provisioner-environment="
# Names of our own assignments; any constant serves, as long as it stays.
NAMES = uuid.UUID("6f1f4b0e-6f0c-5d0b-9d0c-2f6a1b7f3a55")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A role assignment as it stands. role: the role definition's GUID. condition: others may have narrowed it."""

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
    """The GUID under which we assign: the same thing twice is one assignment."""
    return str(uuid.uuid5(NAMES, f"{scope.lower()} {principal_id.lower()} {role.lower()}"))


class Authorization:
    """Every method raises CloudError; ids are full."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def role_id(self, scope: str, role: str) -> str:
        """The GUID of a role, given by name or GUID; Refused, with the nearest names, if there is none."""
        root = _subscription(scope)
        return self._session.memory.of(("role", root.lower(), role.lower()), lambda: self._role_id(root, scope, role))

    def list_assignments(self, scope: str) -> tuple[Assignment, ...]:
        """Those made exactly at the scope; one request per pass.

        `atScope()` answers with inherited ones too:
        https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
        """
        return self._session.memory.of(("assignments", scope.lower()), lambda: self._list(scope))

    def list_held(self, scope: str, principal_id: str) -> tuple[Assignment, ...]:
        """What a principal has at the scope, above and below it.

        https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
        """
        where = {"$filter": f"principalId eq '{principal_id}'"}
        listed = self._arm.list_all(f"{scope}/{PROVIDER}/roleAssignments", VERSION, params=where)
        return tuple(map(_assignment, listed))

    def find_assignment(self, scope: str, role: str, principal_id: str) -> Assignment | None:
        """Azure admits one of a role (a GUID) to a principal on a scope, whatever its name."""
        wanted = (role.lower(), principal_id.lower())
        listed = self.list_assignments(scope)
        return next((one for one in listed if (one.role, one.principal_id.lower()) == wanted), None)

    @staticmethod
    def marks(found: Assignment) -> tuple[str, ...]:
        """Ours, of whatever environment, in its description."""
        return tuple(word for word in found.description.split() if word.startswith(MARKED))

    @staticmethod
    def is_our_name(found: Assignment) -> bool:
        """Whether it bears the name that we would have given it."""
        return found.name.lower() == assignment_name(found.scope, found.principal_id, found.role)

    def grant(self, scope: str, role: str, principal_id: str, *, principal_type: str, mark: str) -> None:
        """Assign the role (a GUID) and add our mark; an assignment that somebody else made is left as it is."""
        self._session.memory.forget(("assignments", scope.lower()))
        found = self.find_assignment(scope, role, principal_id)
        if found is None:
            name = assignment_name(scope, principal_id, role)
            found = Assignment(
                name=name, scope=scope, role=role, principal_id=principal_id, principal_type=principal_type
            )
        elif mark in self.marks(found) or not (self.marks(found) or self.is_our_name(found)):
            return
        try:
            self.set_assignment(replace(found, description=" ".join((*found.description.split(), mark))))
        except Conflict as error:
            if handling_of(error) is not Handling.ADOPT:  # made meanwhile, or not shown by every replica yet
                raise

    def revoke(self, scope: str, name: str, mark: str) -> None:
        """Take our mark away, and the assignment with the last mark. Gone already is fine. Raises NotYetVisible.

        No condition guards the write, so it is looked until no replica shows the mark, and no other environment's
        write has brought it back.
        """

        def gone() -> bool:
            self._session.memory.forget(("assignments", scope.lower()))
            found = next((one for one in self.list_assignments(scope) if one.name == name), None)
            if found is None or mark not in self.marks(found):
                return True
            if set(self.marks(found)) == {mark}:
                self.delete_assignment(scope, name)
                return True
            kept = [word for word in found.description.split() if word != mark]
            self.set_assignment(replace(found, description=" ".join(kept)))
            return False

        what = f"the removal of a role assignment at {short(scope)}"
        self._session.waits.until(gone, what=what)

    def set_assignment(self, wanted: Assignment) -> None:
        """Make it, or give it another description. Waits for a principal that the directory does not show here yet.

        principalType is sent always: without it Azure looks the principal up and fails for a new one
        (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails).
        Raises Conflict (`RoleAssignmentExists`) if the same stands under another name.
        """
        what = f"the principal of a role assignment at {short(wanted.scope)} to be known"
        self._session.waits.until_visible(lambda: self._put(wanted), what=what)

    def delete_assignment(self, scope: str, name: str) -> None:
        """Gone already is fine."""
        try:
            with translated(f"DELETE {short(scope)} role assignment"):
                self._client(scope).role_assignments.delete(scope, name)
        except NotFound:
            pass
        self._session.memory.forget(("assignments", scope.lower()))

    def _role_id(self, root: str, scope: str, role: str) -> str:
        """At the subscription first: all built-in roles are there; a custom one may be assignable at the scope only."""
        definitions = f"{PROVIDER}/roleDefinitions"
        if GUID.fullmatch(role):
            for place in (root, scope):
                if self._arm.find(f"{place}/{definitions}/{role}", VERSION) is not None:
                    return role.lower()
        else:
            quoted = role.replace("'", "''")
            for place in (root, scope):
                where = {"$filter": f"roleName eq '{quoted}'"}
                for found in self._arm.list_all(f"{place}/{definitions}", VERSION, params=where):
                    return str(found["name"]).lower()
        names = [str(d["properties"]["roleName"]) for d in self._arm.list_all(f"{root}/{definitions}", VERSION)]
        near = difflib.get_close_matches(role, names, n=3, cutoff=0.5)
        said = f"Did you mean {' or '.join(map(repr, near))}?" if near else "`az role definition list` shows all"
        raise Refused(f"role {role!r}", f"no such role can be assigned on {short(scope)}", said)

    def _list(self, scope: str) -> tuple[Assignment, ...]:
        listed = self._arm.list_all(f"{scope}/{PROVIDER}/roleAssignments", VERSION, params={"$filter": "atScope()"})
        found = (_assignment(item) for item in listed)
        return tuple(one for one in found if one.scope.lower().rstrip("/") == scope.lower().rstrip("/"))

    def _put(self, wanted: Assignment) -> None:
        # Imported as in `_client`: threads that import a package by two ways at once may see half of it.
        from azure.mgmt.authorization.v2022_04_01 import models

        body = models.RoleAssignmentCreateParameters(
            role_definition_id=f"{_subscription(wanted.scope)}/{PROVIDER}/roleDefinitions/{wanted.role}",
            principal_id=wanted.principal_id,
            principal_type=wanted.principal_type,
            description=wanted.description,
            condition=wanted.condition,
            condition_version=wanted.condition_version,
        )
        with translated(f"PUT {short(wanted.scope)} role assignment"):
            self._client(wanted.scope).role_assignments.create(wanted.scope, wanted.name, body)
        self._session.memory.forget(("assignments", wanted.scope.lower()))
        self._session.memory.forget(("permissions", wanted.scope.lower()))

    def _client(self, scope: str) -> Any:
        from azure.mgmt.authorization.v2022_04_01 import AuthorizationManagementClient

        subscription = _subscription(scope).split("/")[2]
        return AuthorizationManagementClient(
            self._session.credential, subscription, **self._session.management_options()
        )


def _subscription(scope: str) -> str:
    return "/".join(scope.split("/")[:3])


def _assignment(item: dict[str, Any]) -> Assignment:
    told: dict[str, Any] = item["properties"]
    return Assignment(
        name=item["name"],
        scope=told["scope"],
        role=str(told["roleDefinitionId"]).rpartition("/")[2].lower(),
        principal_id=told["principalId"],
        principal_type=told.get("principalType", ""),
        description=told.get("description") or "",
        condition=told.get("condition"),
        condition_version=told.get("conditionVersion"),
        updated=datetime.fromisoformat(told["updatedOn"]) if told.get("updatedOn") else None,
    )
