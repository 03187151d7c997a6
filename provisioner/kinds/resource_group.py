"""A resource group: created if absent, else adopted. Its owner tag is a tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.errors import Conflict
from provisioner.kind import OWNER_TAG, Container, Kind, Preflight, Right, compare_tags
from provisioner.model import Change, Forces, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class ResourceGroup:
    """What the spec declares. id: full; environment: the owner tag's value."""

    id: str
    location: str
    tags: Mapping[str, str]
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedResourceGroup(Observed):
    """What exists."""

    id: str
    location: str
    tags: Mapping[str, str]
    environment: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    id: Output[str] = Output()


def _read(cloud: Cloud, desired: ResourceGroup) -> ObservedResourceGroup | None:
    group = cloud.resource_groups.find_group(desired.id)
    if group is None or group.state == "Deleting":
        return None
    return ObservedResourceGroup(
        owned=group.tags.get(OWNER_TAG) == desired.environment,
        owner=group.tags.get(OWNER_TAG, ""),
        id=desired.id,
        location=group.location,
        tags=group.tags,
        environment=desired.environment,
    )


def _diff(desired: ResourceGroup, observed: ObservedResourceGroup, _view: View) -> tuple[Change, ...]:
    changes = compare_tags(observed.tags, desired.tags)
    before, after = (place.replace(" ", "").lower() for place in (observed.location, desired.location))
    if before == after or not observed.owned:  # what lies in an adopted group may lie anywhere
        return changes
    # https://learn.microsoft.com/azure/azure-resource-manager/management/overview#resource-groups
    reason = f"a group cannot move; write `location: {before}`, or name another group"
    return (*changes, Change(field="location", before=before, after=after, reason=reason, forces=Forces.REFUSE))


def _publish(observed: ObservedResourceGroup, _view: View | None) -> Outputs:
    return Outputs(id=observed.id)


def _unmanaged(cloud: Cloud, observed: ObservedResourceGroup) -> tuple[str, ...]:
    members = cloud.resource_groups.list_members(observed.id)
    others = [member for member in members if member.tags.get(OWNER_TAG) != observed.environment]
    return tuple("/".join(member.id.split("/")[-2:]) for member in others)


def _create(cloud: Cloud, desired: ResourceGroup) -> None:
    """Wait for the end of a deletion under way. Raises Conflict if somebody created the group since the plan."""

    def is_free() -> bool:
        group = cloud.resource_groups.find_group(desired.id)
        cloud.arm.mark_written(desired.id)  # the first answer is the one that this pass has read
        if group is not None and group.state != "Deleting" and group.tags.get(OWNER_TAG) != desired.environment:
            raise Conflict(operation=f"creating {desired.id}", message="somebody created it meanwhile")
        return group is None or group.state != "Deleting"

    seconds = cloud.session.waits.limits.operation_seconds
    cloud.session.waits.until(is_free, deadline_seconds=seconds, what=f"the deletion of {desired.id}")
    cloud.resource_groups.set_group(desired.id, **_content(desired))


def _content(desired: ResourceGroup) -> dict[str, Any]:
    return {"location": desired.location, "tags": {**desired.tags, OWNER_TAG: desired.environment}}


def _update(cloud: Cloud, desired: ResourceGroup, observed: ObservedResourceGroup) -> None:
    cloud.resource_groups.set_tags(desired.id, {**observed.tags, **_content(desired)["tags"]})


def _delete(cloud: Cloud, observed: ObservedResourceGroup) -> None:
    cloud.resource_groups.delete_group(observed.id)


KIND: Kind[ResourceGroup, ObservedResourceGroup] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right(
            "Microsoft.Resources/subscriptions/resourceGroups/write", desired.id, lambda _: _content(desired)
        )
    ),
    container=Container(unmanaged=_unmanaged),
)
