"""Resource groups: tags, location, and deletion with everything in them.

https://learn.microsoft.com/rest/api/resources/resource-groups
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters, groups, operations, regions, resources, scopes, versions
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION
from localazure.arm.root import RESULTS
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document


SERVICE = arm_service(
    "resource groups",
    "/subscriptions/[^/]+/resourcegroups(/[^/]+)?/?",
    versions.GATEWAY,
    check_version=versions.check_gateway_version,
    seed=groups.seed_group,
)
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_LIST = "/subscriptions/{subscription}/resourcegroups"
_GROUP = _LIST + "/{group}"


@SERVICE.route("GET", _LIST, action=None, why="shows what the caller may read")
def list_groups(call: Call) -> Reply:
    """List the resource groups that the caller may read, by `$filter` (tagName, tagValue) and `$top`."""
    scopes.require_authorization_scope(call)
    documents = resources.list_of_type(call.tenant, groups.GROUP_TYPE, SUBSCRIPTION)
    readable = [group for group in documents if access.is_caller_allowed(call, f"{_GROUPS}/read", group["id"])]
    return Reply(body={"value": [resources.response_body(group) for group in filters.filter_documents(call, readable)]})


@SERVICE.route("HEAD", _GROUP, action=f"{_GROUPS}/read")
def check_group_existence(call: Call) -> Reply:
    """Whether a group exists: 204 or 404, both without a body."""
    group = resources.find(call.tenant, groups.group_id(call))
    return Reply(status=404 if group is None else 204)


@SERVICE.route("GET", _GROUP, action=f"{_GROUPS}/read")
def get_group(call: Call) -> Reply:
    """One resource group; 404 ResourceGroupNotFound."""
    return Reply(body=resources.response_body(groups.require_usable_group(call)))


@SERVICE.route("PUT", _GROUP, action=f"{_GROUPS}/write")
def set_group(call: Call) -> Reply:
    """Create or replace a group: 201 or 200. A PUT replaces the tags and cannot move the group."""
    name, body = call.params["group"], call.json()
    groups.require_valid_group_name(name)
    location, tags = regions.require_location(body), bodies.validated_tags(body.get("tags"))
    if location not in regions.REGIONS:
        available = ",".join(regions.REGIONS)
        message = (
            f"The provided location '{location}' is not available for resource group. List of available regions is "
        )
        raise AzureError(status=400, code="LocationNotAvailableForResourceGroup", message=f"{message}'{available}'.")
    group = resources.find(call.tenant, groups.group_id(call))
    if group is None:
        return Reply(status=201, body=resources.response_body(_create_group(call, location, tags, body)))
    _refuse_location_change(groups.require_usable_group(call), location)
    group = {key: value for key, value in group.items() if key not in {"tags", "managedBy"}} | _tags_and_manager(
        tags, body
    )
    return Reply(body=resources.response_body(resources.put(call.tenant, group)))


@SERVICE.route("PATCH", _GROUP, action=f"{_GROUPS}/write")
def replace_group_tags(call: Call) -> Reply:
    """Replace the tags of a group if the body has any."""
    group, body = groups.require_usable_group(call), call.json()
    if "tags" in body:
        group["tags"] = bodies.validated_tags(body["tags"])
    return Reply(body=resources.response_body(resources.put(call.tenant, group)))


@SERVICE.route("DELETE", _GROUP, action=f"{_GROUPS}/delete")
def delete_group(call: Call) -> Reply:
    """Start to delete a group: 202. It is in state `Deleting` until everything in it is deleted."""
    group = groups.require_usable_group(call)
    group["properties"]["provisioningState"] = "Deleting"
    resources.put(call.tenant, group)
    operation = operations.begin(call.tenant, "delete", group["id"])
    return operations.accepted_reply(call, operation, SUBSCRIPTION + RESULTS)


def _create_group(call: Call, location: str, tags: dict[str, str], body: Document) -> Document:
    """Store a new group with the tags and `managedBy` of the body."""
    document = groups.new_group(call.params["group"], location)
    return resources.put(call.tenant, document | _tags_and_manager(tags, body))


def _tags_and_manager(tags: dict[str, str], body: Document) -> Document:
    """The optional fields of a group: its tags, and `managedBy` if the body has it."""
    managed = {"managedBy": body["managedBy"]} if body.get("managedBy") else {}
    return ({"tags": tags} if tags else {}) | managed


def _refuse_location_change(group: Document, location: str) -> None:
    """409 InvalidResourceGroupLocation for a PUT that names another region than the group's."""
    if group["location"] != location:
        message = (
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{group['location']}'."
        )
        raise AzureError(status=409, code="InvalidResourceGroupLocation", message=message)
