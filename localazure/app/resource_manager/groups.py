"""Resource groups, and the resources in them that a call names by its path; else the errors of the gateway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Call
from localazure.app.resource_manager import operations, providers, regions, resources, versions
from localazure.app.tenant import REGION, SEEDED_GROUP, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.world import World


GROUP_TYPE = "Microsoft.Resources/resourceGroups"
_GROUP_NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")


def group_id(call: Call) -> str:
    """The id of the call's resource group in the canonical spelling."""
    return f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{call.params['group']}"


def require_group(call: Call) -> Document:
    """The call's resource group: 404 when absent, 409 when being deleted and the call is no GET.

    The gateway's own 409, too, for a PUT to a provider that is not registered.
    """
    operations.run_due(call.world)
    group = resources.find(call.world, group_id(call))
    if group is None:
        raise group_not_found(call.params["group"])
    if group["properties"]["provisioningState"] == "Deleting" and call.method not in {"GET", "HEAD", "DELETE"}:
        raise group_deleting(group["name"])
    _check_version(call)
    if call.method == "PUT":
        providers.require_registration(call.world, call.path)
    return group


def _check_version(call: Call) -> None:
    """Of a resource that is there or is to be, or of a list; one that is missing has no location to be asked for."""
    version = call.query.get("api-version", "")
    kind = versions.type_without_version(call.path, version)
    if not kind:
        return
    known = resources.find(call.world, call.path)
    is_list = call.path.rstrip("/").lower().endswith(kind.lower())
    location = str((call.json() if call.method == "PUT" else known or {}).get("location") or "")
    if is_list or location:
        raise versions.unsupported_version_error(kind, version, regions.short_location(location), regions.REGIONS)


def new_group(name: str, location: str) -> Document:
    """A resource group as GET returns it."""
    return {
        "id": f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{name}",
        "name": name,
        "type": GROUP_TYPE,
        "location": location,
        "properties": {"provisioningState": "Succeeded"},
    }


def seed_group(world: World) -> None:
    """The given group, if nobody made it yet."""
    if resources.find(world, SEEDED_GROUP) is None:
        resources.put(world, new_group(SEEDED_GROUP.rsplit("/", 1)[-1], REGION))


def group_not_found(name: str) -> AzureError:
    """404 ResourceGroupNotFound."""
    return AzureError(status=404, code="ResourceGroupNotFound", message=f"Resource group '{name}' could not be found.")


def group_deleting(name: str) -> AzureError:
    """409 ResourceGroupBeingDeleted."""
    message = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
    return AzureError(status=409, code="ResourceGroupBeingDeleted", message=message)


def require_resource(call: Call, resource_type: str, *names: str) -> Document:
    """The resource of a type by the names of its segments; 404 ResourceNotFound otherwise."""
    require_group(call)
    found = resources.find(call.world, resource_id(call, resource_type, *names))
    if found is None:
        raise resource_not_found(call, resource_type, *names)
    return found


def resource_id(call: Call, resource_type: str, *names: str) -> str:
    """The id of a resource in the call's group, its group spelt as the group is."""
    group = resources.find(call.world, group_id(call))
    start = str(group["id"]) if group else group_id(call)
    namespace, *types = resource_type.split("/")
    pairs = [part for pair in zip(types, names, strict=True) for part in pair]
    return "/".join([start, "providers", namespace, *pairs])


def resource_not_found(call: Call, resource_type: str, *names: str) -> AzureError:
    """404 ResourceNotFound."""
    message = (
        f"The Resource '{resource_type}/{'/'.join(names)}' under resource group '{call.params['group']}' was not "
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return AzureError(status=404, code="ResourceNotFound", message=message)


def check_group_name(name: str) -> None:
    """1 to 90 letters, digits, `-_.()`, no period at the end."""
    if not _GROUP_NAME.fullmatch(name):
        message = (
            f"The provided resource group name '{name}' has these invalid characters or ends with a period. The name "
            "can only be a letter, digit, '-', '.', '(', ')' or '_'."
        )
        raise AzureError(status=400, code="InvalidResourceGroup", message=message)
