"""The resource id at which a call to Resource Manager is authorized, out of its path."""

from __future__ import annotations

import re

from localazure.app.call import AzureError, Call
from localazure.app.resource_manager import operations
from localazure.app.tenant import SUBSCRIPTION_ID


def authorization_scope(call: Call) -> str:
    """The resource id at which a call is authorized: a list, or a POST action, is checked at its parent.

    Raises the gateway's 404 for another subscription, which comes before authorization.
    """
    operations.run_due(call.world)
    path = call.path.rstrip("/")
    check_subscription(path)
    return scope_in_path(path)


def scope_in_path(path: str) -> str:
    """The resource id in a path, without a dangling type or action."""
    head, divider, tail = _last_provider(path)
    if not divider:
        parts = path.strip("/").split("/")
        whole = len(parts) - len(parts) % 2
        return "/" + "/".join(parts[:whole])
    namespace, *rest = tail.split("/")
    whole = len(rest) - len(rest) % 2
    return "/".join([head + divider + namespace, *rest[:whole]]) if whole else head or "/"


def _last_provider(path: str) -> tuple[str, str, str]:
    at = path.lower().rfind("/providers/")
    end = at + len("/providers/")
    return (path[:at], path[at:end], path[end:]) if at >= 0 else (path, "", "")


def check_subscription(path: str) -> None:
    """404 for a subscription that is not this tenant's, 400 for one that is no GUID."""
    found = re.match(r"/subscriptions/([^/]+)", path, re.IGNORECASE)
    if not found or found[1].lower() == SUBSCRIPTION_ID:
        return
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", found[1]):
        message = f"The provided subscription identifier '{found[1]}' is malformed or invalid."
        raise AzureError(status=400, code="InvalidSubscriptionId", message=message)
    raise AzureError(
        status=404, code="SubscriptionNotFound", message=f"The subscription '{found[1]}' could not be found."
    )
