"""What another principal may do on data, by its role assignments, those of its groups and inherited ones.

https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.cloud.rights.permissions import may, permission
from provisioner.cloud.transport.arm import Arm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioner.cloud.rights.permissions import Permission
    from provisioner.cloud.transport.session import Session

VERSION = "2022-04-01"


class PrincipalRights:
    """Raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def allows(self, scope: str, object_id: str, data_actions: Sequence[str]) -> bool | None:
        """Whether its roles on the scope allow all data actions. None: only under a condition, for Azure to check."""
        listed = self._arm.list_all(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments",
            VERSION,
            {"$filter": f"assignedTo('{object_id}')"},
            missing_ok=False,
        )
        assignments = [dict[str, Any](one["properties"]) for one in listed]
        reaching = [one for one in assignments if _reaches(str(one.get("scope", "")), scope)]
        if may(self._roles(one for one in reaching if not one.get("condition")), data_actions, data=True):
            return True
        return None if may(self._roles(iter(reaching)), data_actions, data=True) else False

    def _roles(self, assignments: Iterator[dict[str, Any]]) -> list[Permission]:
        roles = (self._arm.find(str(role["roleDefinitionId"]), VERSION) for role in assignments)
        return [permission(part) for role in roles if role for part in role["properties"].get("permissions") or ()]


def _reaches(assigned: str, scope: str) -> bool:
    """Whether an assignment reaches the scope: the list has assignments below it, too."""
    above = assigned.lower().rstrip("/")
    return above in {"", scope.lower()} or scope.lower().startswith(f"{above}/") or "/managementgroups/" in above
