"""Resource groups: https://learn.microsoft.com/rest/api/resources/resource-groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cloud.errors import translated
from provisioner.cloud.transport.arm import Arm, parse_id
from provisioner.errors import NotFound
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

NAMESPACE = "Microsoft.Resources"
VERSION = api_version(NAMESPACE)
SUCCEEDED = "Succeeded"


@dataclass(frozen=True, kw_only=True)
class Group:
    """A resource group. state: `Succeeded`, or `Deleting`."""

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
        document = self._arm.find(group_id, VERSION)
        if document is None:
            return None
        state = str(document.get("properties", {}).get("provisioningState", ""))
        return Group(location=document["location"], tags=document.get("tags") or {}, state=state)

    def set_group(self, group_id: str, *, location: str, tags: Mapping[str, str]) -> None:
        """Create or update it; returns once Azure says that it has succeeded. A PUT of the same changes nothing.

        https://learn.microsoft.com/rest/api/resources/resource-groups/create-or-update
        """
        group = parse_id(group_id).group
        with translated(what := f"PUT resourceGroups/{group}"):
            body: Any = {"location": location, "tags": dict(tags)}
            made = self._client(group_id).resource_groups.create_or_update(group, body)
        self._arm.mark_written(group_id)
        if made.properties.provisioning_state != SUCCEEDED:
            self._session.waits.until(lambda: self._has_succeeded(group_id), what=f"Azure to finish {what}")

    def set_tags(self, group_id: str, tags: Mapping[str, str]) -> None:
        """Set exactly these tags."""
        group = parse_id(group_id).group
        with translated(f"PATCH resourceGroups/{group}"):
            body: Any = {"tags": dict(tags)}
            self._client(group_id).resource_groups.update(group, body)
        self._arm.mark_written(group_id)

    def delete_group(self, group_id: str) -> None:
        """Delete it with all that is in it, and wait until it is gone. Fine if gone.

        https://learn.microsoft.com/rest/api/resources/resource-groups/delete
        """
        group = parse_id(group_id).group
        try:
            with translated(what := f"DELETE resourceGroups/{group}"):
                self._session.waits.await_operation(
                    self._client(group_id).resource_groups.begin_delete(group), what=what
                )
        except NotFound:
            pass
        self._arm.mark_written(group_id)

    def list_members(self, group_id: str) -> tuple[Member, ...]:
        """The resources in the group.

        https://learn.microsoft.com/rest/api/resources/resources/list-by-resource-group
        """
        listed = self._arm.list_all(f"{group_id}/resources", VERSION)
        return tuple(Member(id=item["id"], tags=item.get("tags") or {}) for item in listed)

    def _has_succeeded(self, group_id: str) -> bool:
        found = self.find_group(group_id)
        return found is not None and found.state == SUCCEEDED

    def _client(self, group_id: str) -> Any:
        from azure.mgmt.resource.resources import ResourceManagementClient

        options = self._arm.management_options(NAMESPACE)
        return ResourceManagementClient(self._session.credential, parse_id(group_id).subscription, **options)
