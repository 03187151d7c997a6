"""What the signed-in account can see: subscriptions, groups, resources of a type, by ARM's lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cloud.transport.arm import Arm
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from provisioner.cloud.transport.session import Session

VERSION = api_version("Microsoft.Resources")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One entry of a list. id: of a subscription the GUID, else the full id; note: what tells it from others."""

    id: str
    note: str


class Inventory:
    """Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def list_subscriptions(self) -> tuple[Listed, ...]:
        """The subscriptions in which something can be made.

        https://learn.microsoft.com/rest/api/resources/subscriptions/list
        """
        listed = self._arm.list_all("/subscriptions", VERSION)
        enabled = (one for one in listed if one.get("state", "Enabled") == "Enabled")
        return tuple(Listed(id=one["subscriptionId"], note=str(one.get("displayName", ""))) for one in enabled)

    def list_groups(self, subscription: str) -> tuple[Listed, ...]:
        """The resource groups, with their location.

        https://learn.microsoft.com/rest/api/resources/resource-groups/list
        """
        listed = self._arm.list_all(f"/subscriptions/{subscription}/resourcegroups", VERSION)
        return tuple(Listed(id=one["id"], note=str(one["location"])) for one in listed)

    def list_resources(self, subscription: str, resource_type: str) -> tuple[Listed, ...]:
        """The resources of a type, with their location.

        https://learn.microsoft.com/rest/api/resources/resources/list
        """
        only = {"$filter": f"resourceType eq '{resource_type}'"}
        listed = self._arm.list_all(f"/subscriptions/{subscription}/resources", VERSION, only)
        return tuple(Listed(id=one["id"], note=str(one.get("location", ""))) for one in listed)
