"""What all of Fabric's REST API shares: host, tokens, roles in a workspace, pages of lists, the shape of errors.

Settings for tests (PUT /settings/fabric at the control endpoint): `roles`, by principal id, in every workspace;
`service_principals`: false where the tenant's switch "Service principals can use Fabric APIs" is off; `capacity`:
Inactive while it is paused, empty where the workspaces have none; `shows_capacity`: false for who may not see it;
`page_size` of lists; `operation_error`: the code with which each operation ends; `start_seconds` and `rollout_seconds`
of an environment; `state` that it has instead, such as Failed; `mask_variables`: names whose values GET hides;
`missing_file_status`: 500, which the service has answered in place of 404; `fabric_connections`: false, so that no
variable is reserved.
https://learn.microsoft.com/rest/api/fabric/articles/
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote

from localazure.app.call import AzureError, Reply
from localazure.app.service import Service
from localazure.app.tenant import OPERATOR_OBJECT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.signing import InvalidToken
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

HOST = "api.fabric.microsoft.com"
# Fabric takes tokens of Power BI, too: https://learn.microsoft.com/rest/api/fabric/articles/scopes
_AUDIENCES = ("https://api.fabric.microsoft.com", "https://analysis.windows.net/powerbi/api")
WORKSPACES = "fabric_workspaces"
WORKSPACE = "/v1/workspaces/{workspace}"
_ROLES = ("Viewer", "Contributor", "Member", "Admin")
_SETTINGS: Document = {
    "roles": {OPERATOR_OBJECT_ID: "Contributor"},
    "service_principals": True,
    "capacity": "Active",
    "shows_capacity": True,
    "page_size": 100,
    "operation_error": "",
    "start_seconds": 0.0,
    "rollout_seconds": 0.0,
    "workers_lag_seconds": 0.0,
    "state": "",
    "mask_variables": [],
    "missing_file_status": 404,
    "fabric_connections": True,
}
_UNAUTHENTICATED = {
    "expired": ("TokenExpired", "Access token has expired, resubmit with a new access token"),
    "missing": ("Unauthorized", "The caller is not authenticated to access this resource"),
}


def settings_for_tests(tenant: Tenant) -> Document:
    """Return the settings for tests, with defaults."""
    return {**_SETTINGS, **(tenant.store.get("settings", "fabric") or {})}


def render(call: Call, error: AzureError) -> Reply:
    """Render an error as `{"requestId", "errorCode", "message"}`."""
    body = {"requestId": call.request_id, "errorCode": error.code, "message": error.message, **error.details}
    return Reply(status=error.status, body=body, headers=error.headers)


def _unauthenticated(_: Call, invalid: InvalidToken) -> AzureError:
    invalid_token = ("InvalidToken", "Access token is invalid")
    code, message = _UNAUTHENTICATED.get(invalid.reason, invalid_token)
    return AzureError(status=401, code=code, message=message)


def _not_found(call: Call) -> AzureError:
    return AzureError(
        status=404, code="EntityNotFound", message=f"The requested resource {call.path} could not be found."
    )


def fabric_service(name: str, path: str, *, seed: Callable[[Tenant], None] | None = None) -> Service:
    """Create a service of Fabric for the paths that match `path`."""
    return Service(
        name=f"fabric {name}",
        hosts=(HOST,),
        path=path,
        audiences=_AUDIENCES,
        render=render,
        seed=seed,
        unauthenticated=_unauthenticated,
        not_found=_not_found,
    )


def route(
    service: Service, method: str, path: str, *, role: str, beta: bool = False
) -> Callable[[Callable[[Call, Document], Reply]], Handler]:
    """Register a handler of a call and its workspace, in which the caller needs the role.

    path: below the workspace. beta: the call is refused without `beta=true`, as the API demands.
    """

    def register(handler: Callable[[Call, Document], Reply]) -> Handler:
        def checked(call: Call) -> Reply:
            if beta and call.query.get("beta", "").lower() != "true":
                raise invalid_request("The query parameter 'beta' must be true to call this API.")
            return handler(call, require_workspace(call, role))

        return service.route(method, WORKSPACE + path, action=None, why=f"{role} in the workspace")(checked)

    return register


def require_workspace(call: Call, role: str) -> Document:
    """Return the workspace of the path. Raises 404, 403 unless the caller has the role or a higher one, or 401."""
    check_principals_allowed(call)
    workspace = call.tenant.store.get(WORKSPACES, call.params["workspace"].lower())
    if workspace is None:
        message = "The requested workspace was not found."
        raise AzureError(status=404, code="WorkspaceNotFound", message=message)
    held = role_of(call)
    if not held:
        message = "The caller does not have sufficient permissions to perform this operation"
        raise AzureError(status=403, code="InsufficientPrivileges", message=message)
    if _ROLES.index(held) < _ROLES.index(role):
        message = f"The caller is {held} in the workspace, and this operation needs {role}."
        raise AzureError(status=403, code="InsufficientWorkspaceRole", message=message)
    return workspace


def check_principals_allowed(call: Call) -> None:
    """Raise 401 where the tenant lets no service principal use the API; all callers here are such."""
    if not settings_for_tests(call.tenant)["service_principals"]:
        code, message = _UNAUTHENTICATED["missing"]
        raise AzureError(status=401, code=code, message=message)


def require_active_capacity(call: Call) -> None:
    """Raise 403 while the capacity of the workspaces is paused."""
    if settings_for_tests(call.tenant)["capacity"] != "Active":
        message = "Unable to complete the action because this Fabric capacity is currently paused."
        raise AzureError(status=403, code="CapacityNotActive", message=message)


def role_of(call: Call) -> str:
    """Return the caller's role in the workspaces, or an empty string."""
    return str(settings_for_tests(call.tenant)["roles"].get(call.authenticated_caller.object_id, ""))


def page(call: Call, values: Sequence[Document]) -> Reply:
    """Return one page of a list, with the token and the address of the next one if there is more."""
    size, token = int(settings_for_tests(call.tenant)["page_size"]), call.query.get("continuationtoken", "")
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error):
        raise invalid_request(f"The continuation token '{token[:80]}' is invalid.") from None
    body: Document = {"value": list(values[start : start + size])}
    if start + size < len(values):
        body["continuationToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        query = {name: value for name, value in call.query.items() if name != "continuationtoken"}
        query["continuationToken"] = str(body["continuationToken"])
        pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        body["continuationUri"] = f"https://{HOST}{quote(call.path)}?{pairs}"
    return Reply(body=body)


def invalid_request(message: str) -> AzureError:
    """Return 400 InvalidRequest."""
    return AzureError(status=400, code="InvalidRequest", message=message)


def item_not_found(message: str = "The requested item was not found.") -> AzureError:
    """Return 404 ItemNotFound."""
    return AzureError(status=404, code="ItemNotFound", message=message)
