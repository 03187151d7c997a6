"""Finds the resource group and the resources that a call's path names, or raises ARM's 404 and 409."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Call
from localazure.app.resource_manager import operations, providers, regions, resources, versions
from localazure.app.tenant import REGION, SEEDED_GROUP, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant


GROUP_TYPE = "Microsoft.Resources/resourceGroups"
_GROUP_IN_ID = re.compile(r"/resourcegroups/([^/]+)", re.IGNORECASE)
_GROUP_NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")


def group_id(call: Call) -> str:
    """Return the id of the call's resource group in the canonical spelling."""
    return f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{call.params['group']}"


def require_usable_group(call: Call) -> Document:
    """Return the call's resource group. Raises 404 if absent, 409 if it is being deleted and the call writes.

    First runs the operations that are due. Raises for an api-version that the resource's type never had.

    Also raises 409 for a PUT to a resource provider that is not registered.
    """
    operations.run_due(call.tenant)
    group = resources.find(call.tenant, group_id(call))
    if group is None:
        raise group_not_found(call.params["group"])
    if group["properties"]["provisioningState"] == "Deleting" and call.method not in {"GET", "HEAD", "DELETE"}:
        raise group_deleting_error(group["name"])
    _refuse_unsupported_version(call)
    if call.method == "PUT":
        providers.require_registration(call.tenant, call.path)
    return group


def _refuse_unsupported_version(call: Call) -> None:
    """Raise ARM's error if the resource type never had the call's api-version.

    A missing resource is not checked: the error names a location, and it has none.
    """
    version = call.query.get("api-version", "")
    kind = versions.type_lacking_version(call.path, version)
    if not kind:
        return
    resource = resources.find(call.tenant, call.path)
    is_list = call.path.rstrip("/").lower().endswith(kind.lower())
    location = str((call.json() if call.method == "PUT" else resource or {}).get("location") or "")
    if is_list or location:
        raise versions.unsupported_version_error(kind, version, regions.short_location(location), regions.REGIONS)


def new_group(name: str, location: str) -> Document:
    """Return a new resource group as GET shows it; not yet stored."""
    return {
        "id": f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{name}",
        "name": name,
        "type": GROUP_TYPE,
        "location": location,
        "properties": {"provisioningState": "Succeeded"},
    }


def seed_group(tenant: Tenant) -> None:
    """Store the resource group that a new tenant contains, unless it is stored already."""
    if resources.find(tenant, SEEDED_GROUP) is None:
        resources.put(tenant, new_group(SEEDED_GROUP.rsplit("/", 1)[-1], REGION))


def group_not_found(name: str) -> AzureError:
    """Return 404 ResourceGroupNotFound."""
    return AzureError(status=404, code="ResourceGroupNotFound", message=f"Resource group '{name}' could not be found.")


def group_deleting_error(name: str) -> AzureError:
    """Return 409 ResourceGroupBeingDeleted."""
    message = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
    return AzureError(status=409, code="ResourceGroupBeingDeleted", message=message)


def require_resource(call: Call, resource_type: str, *names: str) -> Document:
    """Return a resource in the call's group by type and names. Raises 404 ResourceNotFound."""
    require_usable_group(call)
    resource = resources.find(call.tenant, resource_id(call, resource_type, *names))
    if resource is None:
        raise resource_not_found(call, resource_type, *names)
    return resource


def resource_id(call: Call, resource_type: str, *names: str) -> str:
    """Return the id of a resource in the call's group, with the group's name spelt as it was created."""
    group = resources.find(call.tenant, group_id(call))
    start = str(group["id"]) if group else group_id(call)
    namespace, *types = resource_type.split("/")
    segments = [segment for pair in zip(types, names, strict=True) for segment in pair]
    return "/".join([start, "providers", namespace, *segments])


def resource_not_found(call: Call, resource_type: str, *names: str) -> AzureError:
    """Return 404 ResourceNotFound for a resource of the call's group."""
    namespace, *types = resource_type.split("/")
    segments = [segment for pair in zip(types, names, strict=True) for segment in pair]
    return resource_not_found_at("/".join(["/resourceGroups", call.params["group"], "providers", namespace, *segments]))


def resource_not_found_at(resource_id: str) -> AzureError:
    """Return 404 ResourceNotFound for a resource id, that of a nested resource too.

    Types and names stand in turn: https://github.com/Azure/azure-powershell/issues/6461
    """
    before, _, path = re.sub("/providers/", "\n", resource_id.rstrip("/"), flags=re.IGNORECASE).rpartition("\n")
    group = _GROUP_IN_ID.search(before)
    message = (
        f"The Resource '{path}' under resource group '{group[1] if group else '<null>'}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return AzureError(status=404, code="ResourceNotFound", message=message)


def require_valid_group_name(name: str) -> None:
    """Raise 400 InvalidResourceGroup unless the name is 1 to 90 letters, digits, `-_.()`, with no period at the end."""
    if not _GROUP_NAME.fullmatch(name):
        message = (
            f"The provided resource group name '{name}' has these invalid characters or ends with a period. The name "
            "can only be a letter, digit, '-', '.', '(', ')' or '_'."
        )
        raise AzureError(status=400, code="InvalidResourceGroup", message=message)
