"""What another principal may do on data: its role assignments, through groups and from above, and their roles.

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
        """Whether its roles on the scope allow all these; None: only under a condition, which Azure evaluates."""
        listed = self._arm.list_all(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments",
            VERSION,
            {"$filter": f"assignedTo('{object_id}')"},
            missing_ok=False,
        )
        told = [dict[str, Any](one["properties"]) for one in listed]
        reaching = [one for one in told if _reaches(str(one.get("scope", "")), scope)]
        if may(self._roles(one for one in reaching if not one.get("condition")), data_actions, data=True):
            return True
        return None if may(self._roles(iter(reaching)), data_actions, data=True) else False

    def _roles(self, assignments: Iterator[dict[str, Any]]) -> list[Permission]:
        found = (self._arm.find(str(one["roleDefinitionId"]), VERSION) for one in assignments)
        return [permission(part) for one in found if one for part in one["properties"].get("permissions") or ()]


def _reaches(assigned: str, scope: str) -> bool:
    """The list names assignments below the scope, too."""
    above = assigned.lower().rstrip("/")
    return above in {"", scope.lower()} or scope.lower().startswith(f"{above}/") or "/managementgroups/" in above
