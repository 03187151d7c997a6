"""The scope in a path of Microsoft.Authorization, which may be anything from the tenant's root to a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.resource_manager import groups, resources

if TYPE_CHECKING:
    from localazure.app.call import Call

AUTHORIZATION = "{scope:path}/providers/Microsoft.Authorization/"


def scope_of(call: Call) -> str:
    """The scope of the path, `/` for the tenant root."""
    return call.params["scope"].rstrip("/") or "/"


def require_scope_exists(call: Call, scope: str) -> None:
    """404 if the scope's resource group or its top-level resource does not exist."""
    segments = scope.strip("/").split("/")
    if len(segments) < 4 or segments[2].lower() != "resourcegroups":
        return
    if resources.find(call.tenant, "/" + "/".join(segments[:4])) is None:
        raise groups.group_not_found(segments[3])
    resource_id = "/" + "/".join(segments[:8])
    if (
        len(segments) >= 8
        and resources.find(call.tenant, resource_id) is None
        and not any(resources.list_below(call.tenant, resource_id))
    ):
        raise groups.resource_not_found_at(scope)
