"""Requests for any ARM resource by its id, without an SDK, which is slow to import; and the parts of an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session

GONE = 404


@dataclass(frozen=True, kw_only=True)
class ResourceId:
    """The parts of `/subscriptions/S/resourceGroups/G/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]`.

    names: of the resource and its parents, the outermost first; empty for a resource group.
    """

    subscription: str
    group: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The resource's own name."""
        return self.names[-1] if self.names else self.group


def parse_id(resource_id: str) -> ResourceId:
    """The parts of an id. ARM compares ids without case.

    https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    """
    parts = resource_id.strip("/").split("/")
    return ResourceId(subscription=parts[1], group=parts[3], names=tuple(parts[7::2]))


def short(resource_id: str) -> str:
    """An id for people: its last type and name."""
    return "/".join(resource_id.rstrip("/").split("/")[-2:])


def is_fenced(properties: Mapping[str, Any]) -> bool:
    """Whether a vault or account admits some networks only. Only a request shows whether ours is among them.

    https://learn.microsoft.com/azure/key-vault/general/network-security and
    https://learn.microsoft.com/azure/storage/common/storage-network-security
    """
    rules: Mapping[str, Any] = properties.get("networkAcls") or {}
    named = (properties.get("publicNetworkAccess"), rules.get("defaultAction"))
    return str(named[0]).lower() in {"disabled", "securedbyperimeter"} or str(named[1]).lower() == "deny"


class Arm:
    """The control plane over the raw client. Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """GET a resource, once per pass. None if it or its parent does not exist."""
        return self._session.memory.of(("arm", resource_id.lower()), lambda: self.find_now(resource_id, api_version))

    def find_now(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """As `find`, but always asks: for reading back a write."""
        response = self.request("GET", resource_id, api_version, missing_ok=True)
        return None if response.status_code == GONE else response.json()

    def forget(self, resource_id: str) -> None:
        """Drop what `find` remembers of this resource, which was just written."""
        self._session.memory.forget(("arm", resource_id.lower()))

    def list_all(
        self, path: str, api_version: str, params: Mapping[str, str] | None = None, *, missing_ok: bool = True
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page. missing_ok: if the parent does not exist, no items instead of NotFound.

        https://learn.microsoft.com/rest/api/azure/#async-operations-throttling-and-paging
        """
        response = self.request("GET", path, api_version, params=params, missing_ok=missing_ok)
        while response.status_code != GONE:
            page: dict[str, Any] = response.json()
            yield from page.get("value", ())
            if not (link := page.get("nextLink")):
                return
            http = self._session.http(self._session.profile.arm_scope)
            response = http.request("GET", link, operation=f"GET {short(path)}")

    def request(
        self,
        method: str,
        path: str,
        api_version: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> HttpResponse:
        """One request on the control plane; `path` begins with `/`."""
        return self._session.http(self._session.profile.arm_scope).request(
            method,
            f"{self._session.profile.arm}{path}",
            operation=f"{method} {short(path)}",
            params={"api-version": api_version, **(params or {})},
            json=json,
            headers=headers,
            missing_ok=missing_ok,
        )
