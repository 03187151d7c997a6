"""The root of management.azure.com: tenants, subscriptions, providers, resource groups, lists of resources.

What has a service of its own is answered there; paths that no other service takes arrive here.
https://learn.microsoft.com/rest/api/resources/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import (
    bodies,
    errors,
    filters,
    groups,
    operations,
    providers,
    regions,
    resources,
    scopes,
)
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION, SUBSCRIPTION_ID, TENANT_ID
from localazure.rbac import access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

SERVICE = arm_service(
    "arm",
    ".*",
    (
        *("2014-04-01-preview", "2015-11-01", "2016-06-01", "2018-05-01", "2019-05-10", "2019-10-01", "2020-01-01"),
        *("2020-06-01", "2020-10-01", "2021-01-01", "2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01"),
        *("2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01"),
    ),
)

_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourcegroups/{group}"
_RESULTS = "/operationresults"
_FILTERED = "shows what the caller may read"


@SERVICE.route("GET", "/tenants", action=None, why="every caller has a tenant")
def list_tenants(_: Call) -> Reply:
    """The one tenant."""
    shown = {"id": f"/tenants/{TENANT_ID}", "tenantId": TENANT_ID, "displayName": "Local Azure", "countryCode": "NL"}
    return Reply(body={"value": [{**shown, "domains": ["local.onmicrosoft.com"], "tenantCategory": "Home"}]})


@SERVICE.route("GET", "/subscriptions", action=None, why=_FILTERED)
def list_subscriptions(call: Call) -> Reply:
    """The subscription, for whoever holds any role in it."""
    shown = [_subscription()] if _has_any_role(call) else []
    return Reply(body={"value": shown, "count": {"type": "Total", "value": len(shown)}})


@SERVICE.route("GET", _SUBSCRIPTION, action=None, why="any role below it is enough")
def get_subscription(call: Call) -> Reply:
    """The subscription, for whoever holds any role in it."""
    scopes.check_subscription(call.path)
    if not _has_any_role(call):
        raise errors.forbidden(call, "Microsoft.Resources/subscriptions/read", call.path)
    return Reply(body=_subscription())


@SERVICE.route("GET", _SUBSCRIPTION + "/locations", action="Microsoft.Resources/subscriptions/locations/read")
def list_locations(_: Call) -> Reply:
    """Some regions."""
    return Reply(body={"value": [_region(name, shown) for name, shown in regions.REGIONS.items()]})


@SERVICE.route("GET", _SUBSCRIPTION + "/providers", action="Microsoft.Resources/subscriptions/providers/read")
def list_providers(call: Call) -> Reply:
    """The resource providers that the local Azure knows."""
    return Reply(body={"value": [_provider(call.world, namespace) for namespace in providers.PROVIDERS]})


@SERVICE.route(
    "GET", _SUBSCRIPTION + "/providers/{namespace}", action="Microsoft.Resources/subscriptions/providers/read"
)
def get_provider(call: Call) -> Reply:
    """One provider; 404 InvalidResourceNamespace."""
    return Reply(body=_provider(call.world, call.params["namespace"]))


@SERVICE.route("GET", "/providers", action=None, why="public to the tenant")
def list_tenant_providers(call: Call) -> Reply:
    """The same for the tenant."""
    return list_providers(call)


@SERVICE.route("GET", "/providers/{namespace}", action=None, why="public to the tenant")
def get_tenant_provider(call: Call) -> Reply:
    """The same for one: without the state that it has in a subscription."""
    shown = _provider(call.world, call.params["namespace"])
    kept = {name: shown[name] for name in ("namespace", "resourceTypes")}
    return Reply(body={"id": f"/providers/{shown['namespace']}", **kept})


@SERVICE.route(
    "POST", _SUBSCRIPTION + "/providers/{namespace}/register", action=None, why="the action has the provider's name"
)
def register_provider(call: Call) -> Reply:
    """200 with the provider."""
    namespace = call.params["namespace"]
    _require(call, f"{namespace}/register/action", scopes.scope(call))
    providers.register(call.world, namespace)
    return Reply(body=_provider(call.world, namespace))


@SERVICE.route(
    "POST", _SUBSCRIPTION + "/providers/{namespace}/unregister", action=None, why="the action has the provider's name"
)
def unregister_provider(call: Call) -> Reply:
    """200 with the provider; what it has made stays, and nothing more can be made."""
    namespace = call.params["namespace"]
    _require(call, f"{namespace}/unregister/action", scopes.scope(call))
    providers.unregister(call.world, namespace)
    return Reply(body=_provider(call.world, namespace))


@SERVICE.route("GET", _SUBSCRIPTION + "/resourcegroups", action=None, why=_FILTERED)
def list_groups(call: Call) -> Reply:
    """Resource groups, by `$filter` (tagName, tagValue) and `$top`."""
    scopes.scope(call)
    found = resources.of_type(call.world, groups.GROUP_TYPE, SUBSCRIPTION)
    shown = [group for group in found if _may(call, f"{_GROUPS}/read", group["id"])]
    return Reply(body={"value": [resources.shown(found) for found in filters.apply(call, shown)]})


@SERVICE.route("HEAD", _GROUP, action=f"{_GROUPS}/read")
def check_group(call: Call) -> Reply:
    """204 or 404, both without a body."""
    found = resources.find(call.world, groups.group_id(call))
    return Reply(status=404 if found is None else 204)


@SERVICE.route("GET", _GROUP, action=f"{_GROUPS}/read")
def get_group(call: Call) -> Reply:
    """The group."""
    return Reply(body=resources.shown(groups.require_group(call)))


@SERVICE.route("PUT", _GROUP, action=f"{_GROUPS}/write")
def set_group(call: Call) -> Reply:
    """201 for a new group, else 200; a PUT replaces the tags, and cannot move the group."""
    name, body = call.params["group"], call.json()
    groups.check_group_name(name)
    location, tags = regions.location_of(body), bodies.check_tags(body.get("tags"))
    if location not in regions.REGIONS:
        known = ",".join(regions.REGIONS)
        message = (
            f"The provided location '{location}' is not available for resource group. List of available regions is "
        )
        raise AzureError(status=400, code="LocationNotAvailableForResourceGroup", message=f"{message}'{known}'.")
    found = resources.find(call.world, groups.group_id(call))
    if found is None:
        return Reply(status=201, body=resources.shown(_create_group(call, location, tags, body)))
    _check_group(groups.require_group(call), location)
    found = {key: value for key, value in found.items() if key not in {"tags", "managedBy"}} | _extras(tags, body)
    return Reply(body=resources.shown(resources.put(call.world, found)))


@SERVICE.route("PATCH", _GROUP, action=f"{_GROUPS}/write")
def update_group(call: Call) -> Reply:
    """Tags, when given, replace those that are there."""
    found, body = groups.require_group(call), call.json()
    if "tags" in body:
        found["tags"] = bodies.check_tags(body["tags"])
    return Reply(body=resources.shown(resources.put(call.world, found)))


@SERVICE.route("DELETE", _GROUP, action=f"{_GROUPS}/delete")
def delete_group(call: Call) -> Reply:
    """202; the group shows `Deleting` until everything in it is gone."""
    found = groups.require_group(call)
    found["properties"]["provisioningState"] = "Deleting"
    resources.put(call.world, found)
    operation = operations.begin(call.world, "delete", found["id"])
    return operations.accepted(call, operation, SUBSCRIPTION + _RESULTS)


@SERVICE.route("GET", _SUBSCRIPTION + _RESULTS + "/{operation}", action=None, why="the id is the caller's")
def poll_operation(call: Call) -> Reply:
    """What the Location of a 202 answers."""
    return operations.poll(call, call.params["operation"])


@SERVICE.route("GET", _SUBSCRIPTION + "/tagNames", action=None, why=_FILTERED)
def list_tags(call: Call) -> Reply:
    """The tags of all that the caller may read, with their values, each with how often it is there."""
    scopes.scope(call)
    seen = [
        item for item in resources.under(call.world, SUBSCRIPTION) if _may(call, f"{item['type']}/read", item["id"])
    ]
    return Reply(body={"value": filters.tag_counts(SUBSCRIPTION, seen)})


@SERVICE.route("GET", _SUBSCRIPTION + "/resources", action=None, why=_FILTERED)
def list_resources(call: Call) -> Reply:
    """Every tracked resource of the subscription that the caller may read."""
    scopes.scope(call)
    return _resource_list(call, SUBSCRIPTION)


@SERVICE.route("GET", _GROUP + "/resources", action=None, why=_FILTERED)
def list_group_resources(call: Call) -> Reply:
    """Every tracked resource of a group that the caller may read."""
    scopes.scope(call)
    return _resource_list(call, groups.require_group(call)["id"])


@SERVICE.route("GET", "{resource:path}", action=None, why="the action has the resource's type")
def get_resource(call: Call) -> Reply:
    """Any resource by its id; an unknown provider is ARM's own 404."""
    where = scopes.scope(call)
    _require(call, f"{_type_of(call.path)}/read", where)
    found = resources.find(call.world, call.path)
    if found is None:
        raise _not_found(call)
    return Reply(body=resources.shown(found))


@SERVICE.route("HEAD", "{resource:path}", action=None, why="the action has the resource's type")
def check_resource(call: Call) -> Reply:
    """204 or 404, as `resources.check_existence_by_id` asks for it."""
    found = resources.find(call.world, call.path)
    _require(call, f"{_type_of(call.path)}/read", scopes.scope(call))
    return Reply(status=404 if found is None else 204)


def seed(world: World) -> None:
    """The given group; the services that put something into it bring it along, too, whoever comes first."""
    groups.seed_group(world)


SERVICE.seed = seed


def _subscription() -> Document:
    return {
        "id": SUBSCRIPTION,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": SUBSCRIPTION_ID,
        "tenantId": TENANT_ID,
        "displayName": "Local Azure",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _region(name: str, shown: str) -> Document:
    known = regions.about(name)
    where = {"geographyGroup": "group", "longitude": "longitude", "latitude": "latitude", "physicalLocation": "place"}
    metadata: Document = {"regionType": "Physical", "regionCategory": "Recommended"}
    metadata |= {member: known[part] for member, part in where.items() if part in known}
    if "paired" in known:
        paired = regions.short_location(known["paired"])
        metadata["pairedRegion"] = [{"name": paired, "id": f"{SUBSCRIPTION}/locations/{paired}"}]
    return {
        "id": f"{SUBSCRIPTION}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": shown,
        "regionalDisplayName": f"({known['group']}) {shown}" if "group" in known else shown,
        "metadata": metadata,
    }


def _provider(world: World, namespace: str) -> Document:
    known = providers.known(namespace)
    types = [
        {
            "resourceType": kind,
            "locations": list(regions.REGIONS.values()),
            "apiVersions": versions,
            "capabilities": "None",
        }
        for kind, versions in providers.PROVIDERS[known].items()
    ]
    return {
        "id": f"{SUBSCRIPTION}/providers/{known}",
        "namespace": known,
        "resourceTypes": types,
        "registrationState": providers.state(world, known),
        "registrationPolicy": "RegistrationFree" if known in providers.FREE else "RegistrationRequired",
    }


def _create_group(call: Call, location: str, tags: dict[str, str], body: Document) -> Document:
    document = groups.new_group(call.params["group"], location)
    return resources.put(call.world, document | _extras(tags, body))


def _extras(tags: dict[str, str], body: Document) -> Document:
    managed = {"managedBy": body["managedBy"]} if body.get("managedBy") else {}
    return ({"tags": tags} if tags else {}) | managed


def _check_group(found: Document, location: str) -> None:
    if found["location"] != location:
        message = (
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{found['location']}'."
        )
        raise AzureError(status=409, code="InvalidResourceGroupLocation", message=message)


def _resource_list(call: Call, scope: str) -> Reply:
    found = (item for item in resources.under(call.world, scope) if _is_tracked(item))
    readable = [item for item in found if _may(call, f"{item['type']}/read", item["id"])]
    more = call.query.get("$expand", "")
    return Reply(body={"value": [_summary(item) | _expanded(item, more) for item in filters.apply(call, readable)]})


def _is_tracked(document: Document) -> bool:
    return "location" in document and document["type"] != groups.GROUP_TYPE


def _summary(document: Document) -> Document:
    keys = ("id", "name", "type", "kind", "sku", "location", "tags", "identity", "managedBy")
    return {key: document[key] for key in keys if document.get(key) is not None}


def _expanded(document: Document, names: str) -> Document:
    known = {
        "createdTime": document.get("_created_time"),
        "changedTime": document.get("_changed_time"),
        "provisioningState": document.get("properties", {}).get("provisioningState", "Succeeded"),
    }
    wanted = {name.strip().lower() for name in names.split(",")}
    return {name: value for name, value in known.items() if value and name.lower() in wanted}


def _may(call: Call, action: str, scope: str) -> bool:
    return access.allows(call.world, call.who.object_id, action, scope)


def _require(call: Call, action: str, scope: str) -> None:
    if not _may(call, action, scope):
        raise errors.forbidden(call, action, scope)


def _has_any_role(call: Call) -> bool:
    return any(found["principalId"] == call.who.object_id for found in _assignments(call.world))


def _assignments(world: World) -> Iterator[Document]:
    return (found for _, found in world.store.rows(access.ASSIGNMENTS))


def _type_of(path: str) -> str:
    """`Microsoft.X/types/subtypes` of a resource id."""
    tail = path[path.lower().rfind("/providers/") + len("/providers/") :].split("/")
    return "/".join([tail[0], *tail[1::2]])


def _not_found(call: Call) -> AzureError:
    if "/providers/" not in call.path.lower():
        message = f"No HTTP resource was found that matches the request URI 'https://{call.host}{call.path}'."
        return AzureError(status=404, code="NotFound", message=message)
    namespace, *kinds = _type_of(call.path).split("/")
    types = providers.PROVIDERS[providers.known(namespace)]
    known = {kind.lower(): versions for kind, versions in types.items()}
    kind = "/".join(kinds)
    if kind.lower() not in known:
        versions = ",".join(sorted({version for found in known.values() for version in found}, reverse=True))
        message = (
            f"The resource type '{kind}' could not be found in the namespace '{namespace}' for api version "
            f"'{call.query.get('api-version', '')}'. The supported api-versions are '{versions}'."
        )
        return AzureError(status=404, code="InvalidResourceType", message=message)
    message = f"The resource '{call.path}' was not found."
    return AzureError(status=404, code="ResourceNotFound", message=message)
