"""Tags of a subscription, group or resource as a thing of their own, which az and the SDKs merge without a PUT.

https://learn.microsoft.com/rest/api/resources/tags
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, resources
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
    return _tags_reply(call, _tagged(call).get("tags") or {})


@SERVICE.route("PUT", _TAGS, action="Microsoft.Resources/tags/write")
def set_tags(call: Call) -> Reply:
    """Replace all tags."""
    return _write_tags(call, "Replace", call.json())


@SERVICE.route("PATCH", _TAGS, action="Microsoft.Resources/tags/write")
def update_tags(call: Call) -> Reply:
    """`Merge`, `Replace` or `Delete` the tags given; a delete names pairs, and spares a tag with another value."""
    body = call.json()
    return _write_tags(call, str(body.get("operation", "")), body)


@SERVICE.route("DELETE", _TAGS, action="Microsoft.Resources/tags/delete")
def delete_tags(call: Call) -> Reply:
    """Remove all tags."""
    _put_tags(call, {})
    return Reply()


def _tagged(call: Call) -> Document:
    scope = call.params["scope"].rstrip("/")
    if scope.lower() == SUBSCRIPTION.lower():
        return call.world.store.get("subscription_tags", SUBSCRIPTION_ID) or {"id": SUBSCRIPTION}
    found = resources.find(call.world, scope)
    if found is None:
        raise AzureError(status=404, code="ResourceNotFound", message=f"The resource '{scope}' was not found.")
    return found


def _write_tags(call: Call, operation: str, body: Document) -> Reply:
    given = bodies.check_tags(bodies.wanted_properties(body).get("tags"))
    there: dict[str, str] = _tagged(call).get("tags") or {}
    tags = _changed(there, given, operation.lower())
    _put_tags(call, bodies.check_tags(tags))
    return _tags_reply(call, tags)


def _changed(there: dict[str, str], given: dict[str, str], operation: str) -> dict[str, str]:
    """Tag names compare without case; the value and spelling that are given win."""
    names = {name.lower(): value for name, value in given.items()}
    if operation == "replace":
        return given
    if operation == "merge":
        return {name: value for name, value in there.items() if name.lower() not in names} | given
    if operation == "delete":
        return {name: value for name, value in there.items() if names.get(name.lower()) != value}
    message = f"The tags patch operation '{operation}' is invalid: Merge, Replace or Delete."
    raise AzureError(status=400, code="InvalidTagsPatchOperation", message=message)


def _put_tags(call: Call, tags: dict[str, str]) -> None:
    document = {**_tagged(call), "tags": tags}
    if document["id"] == SUBSCRIPTION:
        call.world.store.put("subscription_tags", SUBSCRIPTION_ID, document)
    else:
        resources.put(call.world, document)


def _tags_reply(call: Call, tags: dict[str, Any]) -> Reply:
    where = f"{call.params['scope'].rstrip('/')}/providers/Microsoft.Resources/tags/default"
    return Reply(
        body={"id": where, "name": "default", "type": "Microsoft.Resources/tags", "properties": {"tags": tags}}
    )
