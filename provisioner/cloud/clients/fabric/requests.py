"""Requests to Fabric's REST API: pages, long-running operations, what a person does about a refusal."""

from __future__ import annotations

import json as json_text
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.cloud.answers import retry_after
from provisioner.cloud.transport.clock import ticks
from provisioner.errors import CloudError, NotAuthorized, NotYetVisible, Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session

T = TypeVar("T")
HOST = "https://api.fabric.microsoft.com"
SCOPE = f"{HOST}/.default"
BETA = {"beta": "true"}
ACCEPTED = 202
UNAUTHENTICATED = 401
POLL_SECONDS = (
    30.0  # where an answer names no pause: learn.microsoft.com/rest/api/fabric/articles/long-running-operation
)
CAPACITY_PAUSED = "CapacityNotActive"
# https://learn.microsoft.com/fabric/admin/service-admin-portal-developer
SWITCH = (
    'Let a Fabric administrator switch on "Service principals can call Fabric public APIs" for it: Admin portal, '
    "Tenant settings, Developer settings."
)
RESUME = "Resume the capacity of the workspace: `az fabric capacity resume`, or in the Azure portal."


class Requests:
    """Requests with tokens for Fabric. Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written: set[str] = set()

    def send(  # noqa: PLR0913  # the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        beta: bool = False,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        content_type: str = "",
        missing_ok: bool = False,
    ) -> HttpResponse:
        """One request; `path` is below the version of the API, or a whole address. beta: of an API in preview."""
        operation = f"{method} fabric {path.removeprefix(f'{HOST}/v1')}"
        try:
            return self._session.http(SCOPE).request(
                method,
                path if path.startswith(HOST) else f"{HOST}/v1{path}",
                operation=operation,
                params={**(BETA if beta else {}), **(params or {})},
                json=json,
                content=content,
                headers={"Content-Type": content_type} if content_type else {},
                missing_ok=missing_ok,
            )
        except CloudError as error:
            error.remedy = self._remedy(error, path) or error.remedy
            raise

    def list_all(
        self, path: str, *, beta: bool = False, params: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list. https://learn.microsoft.com/rest/api/fabric/articles/pagination."""
        more: dict[str, str] = {}
        while True:
            page: dict[str, Any] = self.send("GET", path, beta=beta, params={**(params or {}), **more}).json()
            yield from page.get("value") or ()
            if not (token := page.get("continuationToken")):
                return
            more = {"continuationToken": str(token)}

    def read_once(self, key: str, fetch: Callable[[], T]) -> T:
        """Read once per pass; what this run wrote, each time."""
        return fetch() if key in self._written else self._session.reads.get(("fabric", key), fetch)

    def mark_written(self, *keys: str) -> None:
        """Read these anew from now on."""
        self._written |= {*keys}

    def await_operation(self, answer: HttpResponse, what: str) -> None:
        """Wait for the operation that an answer has begun, if it has. Raises Unexpected if it fails.

        https://learn.microsoft.com/rest/api/fabric/articles/long-running-operation
        """
        location = str(answer.headers.get("Location") or "")
        if answer.status_code != ACCEPTED or not location:
            return
        waits, seconds = self._session.waits, self._session.waits.limits.operation_seconds
        end, pause = ticks() + seconds, retry_after(answer)
        while ticks() < end:
            waits.pause_before_next_call(min(pause or POLL_SECONDS, max(end - ticks(), 0.0)))
            polled = self.send("GET", location)
            state: dict[str, Any] = polled.json()
            if state.get("status") == "Succeeded":
                return
            if state.get("status") in {"Failed", "Undefined"}:
                raise _failed(what, state)
            pause = retry_after(polled)
        message = f"Fabric has not finished it after {seconds:.0f} s (`waits.operation`)"
        raise NotYetVisible(operation=what, message=message)

    def _remedy(self, error: CloudError, path: str) -> str:
        if error.code == CAPACITY_PAUSED:
            return RESUME
        if not isinstance(error, NotAuthorized) or error.code.startswith("AADSTS"):
            return ""
        if error.status == UNAUTHENTICATED:
            return SWITCH
        workspace = path.partition("/workspaces/")[2].partition("/")[0]
        return role_remedy(workspace, self._session) if workspace else ""


def role_remedy(workspace: str, session: Session) -> str:
    """The missing role in a workspace, by its GUID, and the az line that gives it to the caller.

    https://learn.microsoft.com/rest/api/fabric/core/workspaces/add-workspace-role-assignment
    """
    claims = session.claims_for(SCOPE)
    kind = "ServicePrincipal" if claims.get("idtyp") == "app" else "User"
    body = {"principal": {"id": str(claims.get("oid", "OBJECT_ID")), "type": kind}, "role": "Contributor"}
    line = (
        f"az rest --method post --resource {HOST} --url {HOST}/v1/workspaces/{workspace}/roleAssignments "
        f"--body '{json_text.dumps(body)}'"
    )
    return f"Missing permission: Contributor on workspace {workspace}. A member or admin of it can run: {line}"


def _failed(what: str, state: Mapping[str, Any]) -> Unexpected:
    error: Mapping[str, Any] = state.get("error") or {}
    return Unexpected(
        operation=what,
        status=200,  # of the poll
        code=str(error.get("errorCode") or "Failed"),
        message=str(error.get("message") or "Fabric does not say why").rstrip("."),
        request_id=str(error.get("requestId") or ""),
        remedy="Look at the job in Fabric; correct what it says there, and run the command again.",
    )
