"""Tags of a subscription, group or resource as a resource of their own, which az and the SDKs merge without a PUT.

https://learn.microsoft.com/rest/api/resources/tags
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service(
    "tags",
    ".*/providers/Microsoft.Resources/tags/default",
    ("2019-10-01", "2020-06-01", "2021-04-01", "2022-09-01", "2024-03-01", "2025-04-01"),
)

_TAGS = "{scope:path}/providers/Microsoft.Resources/tags/default"


@SERVICE.route("GET", _TAGS, action="Microsoft.Resources/tags/read")
def get_tags(call: Call) -> Reply:
    """The tags of a subscription, group or resource."""
    return _tags_response(call, _require_taggable(call).get("tags") or {})


@SERVICE.route("PUT", _TAGS, action="Microsoft.Resources/tags/write")
def set_tags(call: Call) -> Reply:
    """Replace all tags."""
    return _write_tags(call, "Replace", call.json())


@SERVICE.route("PATCH", _TAGS, action="Microsoft.Resources/tags/write")
def update_tags(call: Call) -> Reply:
    """Apply `operation`: Merge, Replace or Delete. Delete removes a tag only if its value is the same."""
    body = call.json()
    return _write_tags(call, str(body.get("operation", "")), body)


@SERVICE.route("DELETE", _TAGS, action="Microsoft.Resources/tags/delete")
def delete_tags(call: Call) -> Reply:
    """Remove all tags."""
    _put_tags(call, {})
    return Reply()


def _require_taggable(call: Call) -> Document:
    """The subscription, group or resource at the scope; 404 ResourceGroupNotFound or ResourceNotFound."""
    scope = call.params["scope"].rstrip("/")
    if scope.lower() == SUBSCRIPTION.lower():
        return call.tenant.store.get("subscription_tags", SUBSCRIPTION_ID) or {"id": SUBSCRIPTION}
    resource = resources.find(call.tenant, scope)
    if resource is None:
        if "/providers/" not in scope.lower():
            raise groups.group_not_found(scope.rsplit("/", 1)[-1])
        raise groups.resource_not_found_at(scope)
    return resource


def _write_tags(call: Call, operation: str, body: Document) -> Reply:
    """Apply the tags in the body by one operation, and answer with the tags that result."""
    requested = bodies.validated_tags(bodies.requested_properties(body).get("tags"))
    current: dict[str, str] = _require_taggable(call).get("tags") or {}
    tags = _patched_tags(current, requested, operation.lower())
    _put_tags(call, bodies.validated_tags(tags))
    return _tags_response(call, tags)


def _patched_tags(current: dict[str, str], requested: dict[str, str], operation: str) -> dict[str, str]:
    """The tags after `merge`, `replace` or `delete`.

    Names compare without case; the request's spelling and value win.
    """
    requested_values = {name.lower(): value for name, value in requested.items()}
    if operation == "replace":
        return requested
    if operation == "merge":
        return {name: value for name, value in current.items() if name.lower() not in requested_values} | requested
    if operation == "delete":
        return {name: value for name, value in current.items() if requested_values.get(name.lower()) != value}
    message = f"The tags patch operation '{operation}' is invalid: Merge, Replace or Delete."
    raise AzureError(status=400, code="InvalidTagsPatchOperation", message=message)


def _put_tags(call: Call, tags: dict[str, str]) -> None:
    """Store the tags at the scope. 404 if there is nothing at the scope."""
    document = {**_require_taggable(call), "tags": tags}
    if document["id"] == SUBSCRIPTION:
        call.tenant.store.put("subscription_tags", SUBSCRIPTION_ID, document)
    else:
        resources.put(call.tenant, document)


def _tags_response(call: Call, tags: dict[str, Any]) -> Reply:
    """The tags resource as an answer."""
    tags_id = f"{call.params['scope'].rstrip('/')}/providers/Microsoft.Resources/tags/default"
    return Reply(
        body={"id": tags_id, "name": "default", "type": "Microsoft.Resources/tags", "properties": {"tags": tags}}
    )
