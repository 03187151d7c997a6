"""Requests for any ARM resource by its id, without an SDK, which is slow to import; and the parts of an id."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from provisioner.cloud.answers import error_codes
from provisioner.cloud.errors import listed_api_version
from provisioner.errors import CloudError, NotYetVisible
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session

GONE = 404
NAME_SECONDS = 10.0  # in which a name that Azure refuses may turn out to be taken by the resource itself
RESOURCES = "microsoft.resources"


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


class Arm:
    """The control plane over the raw client. Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._exclusive: dict[str, Lock] = {}

    @contextmanager
    def exclusive_write(self, parent_id: str) -> Generator[None]:
        """Wait until nobody else in this run writes to what is below a resource, where Azure takes one at a time."""
        with self._exclusive.setdefault(parent_id.lower(), Lock()):
            yield

    def find(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """GET a resource, once per pass. None if it or its parent does not exist."""
        return self._session.reads.get(("arm", resource_id.lower()), lambda: self.find_now(resource_id, api_version))

    def find_now(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """As `find`, but always asks: for reading back a write."""
        response = self.request("GET", resource_id, api_version, missing_ok=True)
        return None if response.status_code == GONE else response.json()

    def mark_written(self, resource_id: str) -> None:
        """Have `find` ask for this resource each time until the next pass, since it was just written."""
        self._session.reads.mark_written(("arm", resource_id.lower()))

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

    def name_unavailable_reason(
        self,
        resource_id: str,
        resource_type: str,
        api_version: str,
        *,
        is_holder_known: Callable[[], bool] = lambda: False,
    ) -> str:
        """Azure's reason why the name of a resource cannot be used; empty if it can. Names are unique in all of Azure.

        It can also if the resource itself has it, which a replica may show a moment later than it refuses the name; so
        it is asked again for a few seconds, until `is_holder_known` says that who has the name is known.
        """
        part, reason = parse_id(resource_id), ""
        provider = f"/subscriptions/{part.subscription}/providers/{resource_type.partition('/')[0]}"
        body = {"name": part.name, "type": resource_type}

        def is_known() -> bool:
            nonlocal reason
            answer: dict[str, Any] = self.request(
                "POST", f"{provider}/checkNameAvailability", api_version, json=body
            ).json()
            free = answer.get("nameAvailable") or self.find_now(resource_id, api_version) is not None
            reason = "" if free else str(answer.get("message") or answer.get("reason"))
            return not reason or is_holder_known()

        waits = self._session.waits
        seconds = min(NAME_SECONDS, waits.limits.visible_seconds)
        with suppress(NotYetVisible):
            waits.until(is_known, what=f"Azure to show who has the name {part.name}", deadline_seconds=seconds)
        return reason

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
        """One request on the control plane; `path` begins with `/`.

        A cloud that does not list the api-version refuses before anything else and says which it lists: the newest of
        them is taken for the rest of the session.
        https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
        """
        used = self._remembered_api_version(path, api_version)

        def send(version: str) -> HttpResponse:
            return self._session.http(self._session.profile.arm_scope).request(
                method,
                f"{self._session.profile.arm}{path}",
                operation=f"{method} {short(path)}",
                params={"api-version": version, **(params or {})},
                json=json,
                headers=headers,
                missing_ok=missing_ok,
            )

        try:
            response = send(used)
            listed = listed_api_version(*error_codes(response)[::2]) if response.status_code == GONE else ""
        except CloudError as error:
            listed = listed_api_version(error.code, error.message)
            if listed in ("", used):
                raise
            return send(self._remember_api_version(path, api_version, listed))
        return response if listed in ("", used) else send(self._remember_api_version(path, api_version, listed))

    def _remember_api_version(self, path: str, wanted: str, listed: str) -> str:
        self._session.api_versions[_provider(path), wanted] = listed
        return listed

    def management_options(self, namespace: str) -> dict[str, Any]:
        """The session's options for azure-mgmt clients of a provider, with the api-version that this cloud lists."""
        wanted = api_version(namespace)
        version = self._session.api_versions.get((namespace.lower(), wanted), wanted)
        return {**self._session.management_options(), "api_version": version}

    def _remembered_api_version(self, path: str, wanted: str) -> str:
        return self._session.api_versions.get((_provider(path), wanted), wanted)


def _provider(path: str) -> str:
    """The namespace of the last provider in a path, in lower case; of a group or subscription, Microsoft.Resources."""
    return path.lower().rpartition("/providers/")[2].partition("/")[0] if "/providers/" in path else RESOURCES
