"""Derives the resource id at which a call to Resource Manager is authorized from its path."""

from __future__ import annotations

import re

from localazure.app.call import AzureError, Call
from localazure.app.resource_manager import operations
from localazure.app.tenant import SUBSCRIPTION_ID


def require_authorization_scope(call: Call) -> str:
    """Return the resource id at which a call is authorized: for a list or a POST action, its parent.

    Also runs the operations that are due. Raises 404 for another subscription, as Azure does before it authorizes.
    """
    operations.run_due(call.tenant)
    path = call.path.rstrip("/")
    require_own_subscription(path)
    return scope_in_path(path)


def scope_in_path(path: str) -> str:
    """Return the resource id in a path, without the trailing type of a list or name of an action."""
    head, divider, tail = _split_at_last_provider(path)
    if not divider:
        segments = path.strip("/").split("/")
        even = len(segments) - len(segments) % 2
        return "/" + "/".join(segments[:even])
    namespace, *rest = tail.split("/")
    even = len(rest) - len(rest) % 2
    return "/".join([head + divider + namespace, *rest[:even]]) if even else head or "/"


def _split_at_last_provider(path: str) -> tuple[str, str, str]:
    at = path.lower().rfind("/providers/")
    end = at + len("/providers/")
    return (path[:at], path[at:end], path[end:]) if at >= 0 else (path, "", "")


def require_own_subscription(path: str) -> None:
    """Raise 404 if the path names another subscription than this tenant's, 400 if the id is no GUID."""
    match = re.match(r"/subscriptions/([^/]+)", path, re.IGNORECASE)
    if not match or match[1].lower() == SUBSCRIPTION_ID:
        return
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", match[1]):
        message = f"The provided subscription identifier '{match[1]}' is malformed or invalid."
        raise AzureError(status=400, code="InvalidSubscriptionId", message=message)
    raise AzureError(
        status=404, code="SubscriptionNotFound", message=f"The subscription '{match[1]}' could not be found."
    )
