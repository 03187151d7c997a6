"""What every ARM service shares: the shape of errors, the scope of a path, the errors of the ARM gateway itself.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from provisioner.local import arm_operations, arm_providers, arm_versions, resources
from provisioner.local.call import AzureError, Call, Reply
from provisioner.local.world import GIVEN_GROUP, REGION, SUBSCRIPTION_ID

if TYPE_CHECKING:
    from provisioner.local.store import Document
    from provisioner.local.world import World

HOST = "management.azure.com"
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
GROUP_TYPE = "Microsoft.Resources/resourceGroups"

# Short names and shown ones: https://learn.microsoft.com/azure/reliability/regions-list
_KNOWN: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "data" / "regions.json").read_text(encoding="utf-8")
)
REGIONS: dict[str, str] = {shown.replace(" ", "").lower(): shown for shown in _KNOWN}

_GROUP_NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")


def render(_: Call, error: AzureError) -> Reply:
    """`{"error": {"code", "message", …}}`, as ARM and its resource providers write it."""
    body = {"error": {"code": error.code, "message": error.message, **error.details}}
    return Reply(status=error.status, body=body, headers=error.headers)


def scope(call: Call) -> str:
    """The resource id at which a call is authorized: a list, or a POST action, is checked at its parent.

    Raises the gateway's 404 for another subscription, which comes before authorization.
    """
    arm_operations.settle(call.world)
    path = call.path.rstrip("/")
    check_subscription(path)
    return scope_of(path)


def scope_of(path: str) -> str:
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


def forbidden(call: Call, action: str, where: str) -> AzureError:
    """403 AuthorizationFailed, word for word: clients search this sentence for the right that is missing."""
    who = call.who
    message = (
        f"The client '{who.app_id}' with object id '{who.object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{where}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials."
    )
    return AzureError(status=403, code="AuthorizationFailed", message=message)


def group_id(call: Call) -> str:
    """The id of the call's resource group in the canonical spelling."""
    return f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{call.params['group']}"


def require_group(call: Call) -> Document:
    """The call's resource group: 404 when absent, 409 when being deleted and the call is no GET.

    The gateway's own 409, too, for a PUT to a provider that is not registered.
    """
    arm_operations.settle(call.world)
    group = resources.find(call.world, group_id(call))
    if group is None:
        raise group_not_found(call.params["group"])
    if group["properties"]["provisioningState"] == "Deleting" and call.method not in {"GET", "HEAD", "DELETE"}:
        raise group_deleting(group["name"])
    _check_version(call)
    if call.method == "PUT":
        arm_providers.check(call.world, call.path)
    return group


def _check_version(call: Call) -> None:
    """Of a resource that is there or is to be, or of a list; one that is missing has no location to be asked for."""
    version = call.query.get("api-version", "")
    kind = arm_versions.unknown(call.path, version)
    if not kind:
        return
    known = resources.find(call.world, call.path)
    is_list = call.path.rstrip("/").lower().endswith(kind.lower())
    location = str((call.json() if call.method == "PUT" else known or {}).get("location") or "")
    if is_list or location:
        raise arm_versions.refusal(kind, version, short_location(location), REGIONS)


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
    if resources.find(world, GIVEN_GROUP) is None:
        resources.put(world, new_group(GIVEN_GROUP.rsplit("/", 1)[-1], REGION))


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


def location_of(body: Document) -> str:
    """The body's location in its short spelling; 400 LocationRequired without one."""
    raw: object = body.get("location")
    if not raw:
        message = "The location property is required for this definition."
        raise AzureError(status=400, code="LocationRequired", message=message)
    return short_location(str(raw))


def short_location(location: str) -> str:
    """`West Europe` and `westeurope` are the same."""
    return location.replace(" ", "").lower()


def about(location: str) -> dict[str, str]:
    """What is known of a region: `group`, `longitude`, `latitude`, `place`, `paired` (shown name), each if it is."""
    return _KNOWN.get(REGIONS.get(short_location(location), ""), {})


def check_location_kept(found: Document, location: str) -> None:
    """409 InvalidResourceLocation: a resource does not move by a PUT."""
    if short_location(str(found["location"])) != short_location(location):
        group = str(found["id"]).split("/")[4]
        message = (
            f"The resource '{found['name']}' already exists in location '{found['location']}' in resource group "
            f"'{group}'. A resource with the same name cannot be created in location '{location}'. Please select a "
            "new resource name."
        )
        raise AzureError(status=409, code="InvalidResourceLocation", message=message)


def check_tags(tags: object) -> dict[str, str]:
    """A tag map as ARM accepts it: 50 tags, names to 512, values to 256 characters.

    https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
    """
    given = object_in({"tags": tags}, "tags")
    kept = {name: "" if value is None else str(value) for name, value in given.items()}
    if len(kept) > 50:
        message = f"The number of tags '{len(kept)}' exceeds the maximum of '50'."
        raise AzureError(status=400, code="TooManyTags", message=message)
    for name, value in kept.items():
        if not name or len(name) > 512 or re.search(r"[<>%&\\?/]", name):
            message = f"The tag name '{name}' is invalid: 1 to 512 characters, none of <>%&\\?/."
            raise AzureError(status=400, code="InvalidTagName", message=message)
        if len(value) > 256:
            message = f"The value of the tag '{name}' exceeds the maximum length of '256'."
            raise AzureError(status=400, code="InvalidTagValueLength", message=message)
    return kept


def wanted_properties(body: Document) -> Document:
    """`properties` of a body, empty when absent; 400 when it is no object."""
    return object_in(body, "properties")


def object_in(body: Document, name: str) -> Document:
    """A member that is an object, empty when absent; 400 otherwise."""
    value: object = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _malformed(name, "an object")
    return cast("Document", value)


def objects_in(body: Document, name: str) -> list[Document]:
    """A member that is a list of objects, empty when absent; 400 otherwise."""
    value: object = body.get(name)
    listed = cast("list[Document]", value) if isinstance(value, list) else []
    if value is not None and (not isinstance(value, list) or any(type(one) is not dict for one in listed)):
        raise _malformed(name, "a list of objects")
    return listed


def _malformed(name: str, what: str) -> AzureError:
    message = f"The request content was invalid: '{name}' must be {what}."
    return AzureError(status=400, code="InvalidRequestContent", message=message)
