"""What another principal may do on data, by its role assignments, those of its groups and inherited ones.

https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.cloud.built_in_roles import DATA_ACTIONS, GUIDS
from provisioner.cloud.rights.permissions import Permission, allows_all, permission
from provisioner.cloud.transport.arm import Arm
from provisioner.errors import NotAuthorized
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioner.cloud.transport.session import Session

VERSION = api_version("Microsoft.Authorization")


ASSIGNING = {GUIDS[name] for name in ("Owner", "Role Based Access Control Administrator", "User Access Administrator")}


class PrincipalRights:
    """Raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def allows(self, scope: str, object_id: str, data_actions: Sequence[str]) -> bool | None:
        """Whether its roles on the scope allow all data actions. None: only under a condition, for Azure to check."""
        reaching = list_reaching(self._arm, scope, object_id)
        if allows_all(
            self._all_permissions(one for one in reaching if not one.get("condition")), data_actions, data=True
        ):
            return True
        return None if allows_all(self._all_permissions(iter(reaching)), data_actions, data=True) else False

    def _all_permissions(self, assignments: Iterator[dict[str, Any]]) -> list[Permission]:
        return [part for one in assignments for part in self._permissions(one)]

    def _permissions(self, assignment: dict[str, Any]) -> list[Permission]:
        """Of the role that is assigned; those of a built-in role are known without a call."""
        role, scope = str(assignment["roleDefinitionId"]).rpartition("/")[2].lower(), str(assignment.get("scope", ""))
        if role in DATA_ACTIONS:
            return [Permission(data_actions=DATA_ACTIONS[role])]
        return [permission(part) for part in list_role_permissions(self._arm, role, scope.rstrip("/"))]


def list_role_permissions(arm: Arm, role_guid: str, scope: str) -> tuple[dict[str, Any], ...]:
    """The `permissions` of a role by its GUID, at a scope; at the tenant, if the caller may not look there.

    Empty if there is no such role. Raises CloudError.
    https://learn.microsoft.com/rest/api/authorization/role-definitions/get
    """
    path = f"/providers/Microsoft.Authorization/roleDefinitions/{role_guid}"
    try:
        definition = arm.find(f"{scope}{path}", VERSION)
    except NotAuthorized:
        definition = arm.find(path, VERSION)
    return tuple((definition or {"properties": {}})["properties"].get("permissions") or ())


def list_reaching(arm: Arm, scope: str, object_id: str) -> tuple[dict[str, Any], ...]:
    """The properties of a principal's assignments at the scope and above, its groups' among them. Raises CloudError."""
    where = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    listed = arm.list_all(where, VERSION, {"$filter": f"assignedTo('{object_id}')"}, missing_ok=False)
    assignments = (dict[str, Any](one["properties"]) for one in listed)
    return tuple(one for one in assignments if reaches(str(one.get("scope", "")), scope))


def may_assign(assignment: dict[str, Any]) -> bool:
    """Whether its role may let one assign roles; of the built-in ones only three do without a condition."""
    role = str(assignment["roleDefinitionId"]).rpartition("/")[2].lower()
    return role not in DATA_ACTIONS or role in ASSIGNING


def reaches(assigned: str, scope: str) -> bool:
    """Whether an assignment reaches the scope: the list has assignments below it, too."""
    above = assigned.lower().rstrip("/")
    return above in {"", scope.lower()} or scope.lower().startswith(f"{above}/") or "/managementgroups/" in above
