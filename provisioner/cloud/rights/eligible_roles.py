"""The roles that the caller may activate in Privileged Identity Management, asked once a right was found missing.

https://learn.microsoft.com/rest/api/authorization/role-eligibility-schedule-instances/list-for-scope
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cloud.rights.permissions import Permission, allows_all, permission
from provisioner.cloud.rights.principals import list_role_permissions, reaches
from provisioner.cloud.transport.arm import Arm
from provisioner.errors import CloudError

if TYPE_CHECKING:
    from provisioner.cloud.transport.session import Session

VERSION = "2020-10-01"  # the only one: that of role assignments is newer


@dataclass(frozen=True, kw_only=True)
class EligibleRole:
    """name: for people. scope: where it may be activated. permissions: what it would allow there."""

    name: str
    scope: str
    permissions: tuple[Permission, ...]


class EligibleRoles:
    """Raises nothing: who may not ask has none to be told of."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def find(self, scope: str, action: str) -> EligibleRole | None:
        """The first one that allows an action, on the control plane or on data. A scope is asked once per pass."""
        roles = self._session.reads.get(("caller's eligible roles", scope.lower()), lambda: self._list(scope))
        return next(
            (one for one in roles if any(allows_all(one.permissions, [action], data=on) for on in (False, True))), None
        )

    def _list(self, scope: str) -> tuple[EligibleRole, ...]:
        path = f"{scope}/providers/Microsoft.Authorization/roleEligibilityScheduleInstances"
        try:
            listed = [one["properties"] for one in self._arm.list_all(path, VERSION, {"$filter": "asTarget()"})]
            return tuple(self._role(one) for one in listed if reaches(str(one["scope"]), scope))
        except CloudError:
            return ()

    def _role(self, properties: dict[str, Any]) -> EligibleRole:
        scope, guid = str(properties["scope"]), str(properties["roleDefinitionId"]).rpartition("/")[2]
        expanded: dict[str, dict[str, Any]] = properties.get("expandedProperties") or {}
        return EligibleRole(
            name=str(expanded.get("roleDefinition", {}).get("displayName") or guid),
            scope=scope,
            permissions=tuple(map(permission, list_role_permissions(self._arm, guid, scope.rstrip("/")))),
        )
