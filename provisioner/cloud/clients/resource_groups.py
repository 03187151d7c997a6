"""Resource groups: https://learn.microsoft.com/rest/api/resources/resource-groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cloud.errors import translated
from provisioner.cloud.transport.arm import Arm, parse_id
from provisioner.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

READ_VERSION = "2021-04-01"


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group as it stands. state: `Succeeded`, or `Deleting` while it goes."""

    location: str
    tags: Mapping[str, str]
    state: str


@dataclass(frozen=True, kw_only=True)
class Member:
    """A resource in a group, without those inside it."""

    id: str
    tags: Mapping[str, str]


class ResourceGroups:
    """Every method raises CloudError; ids are full."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def find_group(self, group_id: str) -> Group | None:
        """The group, or None."""
        found = self._arm.find(group_id, READ_VERSION)
        if found is None:
            return None
        state = str(found.get("properties", {}).get("provisioningState", ""))
        return Group(location=found["location"], tags=found.get("tags") or {}, state=state)

    def set_group(self, group_id: str, *, location: str, tags: Mapping[str, str]) -> None:
        """Make it, or make it so; a PUT of the same is without effect."""
        group = parse_id(group_id).group
        with translated(f"PUT resourceGroups/{group}"):
            body: Any = {"location": location, "tags": dict(tags)}
            self._client(group_id).resource_groups.create_or_update(group, body)
        self._arm.forget(group_id)

    def set_tags(self, group_id: str, tags: Mapping[str, str]) -> None:
        """These tags and no others."""
        group = parse_id(group_id).group
        with translated(f"PATCH resourceGroups/{group}"):
            body: Any = {"tags": dict(tags)}
            self._client(group_id).resource_groups.update(group, body)
        self._arm.forget(group_id)

    def delete_group(self, group_id: str) -> None:
        """With all that is in it; waits until it is gone.

        https://learn.microsoft.com/rest/api/resources/resource-groups/delete
        """
        group = parse_id(group_id).group
        try:
            with translated(what := f"DELETE resourceGroups/{group}"):
                self._session.waits.finish(self._client(group_id).resource_groups.begin_delete(group), what=what)
        except NotFound:
            pass
        self._arm.forget(group_id)

    def list_members(self, group_id: str) -> tuple[Member, ...]:
        """What lies in the group.

        https://learn.microsoft.com/rest/api/resources/resources/list-by-resource-group
        """
        listed = self._arm.list_all(f"{group_id}/resources", READ_VERSION)
        return tuple(Member(id=item["id"], tags=item.get("tags") or {}) for item in listed)

    def _client(self, group_id: str) -> Any:
        from azure.mgmt.resource.resources import ResourceManagementClient

        options = self._session.management_options()
        return ResourceManagementClient(self._session.credential, parse_id(group_id).subscription, **options)
