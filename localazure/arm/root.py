"""The root of management.azure.com: tenants, subscriptions, lists of resources, any resource by its id.

Every path that no other service takes arrives here.
https://learn.microsoft.com/rest/api/resources/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import (
    filters,
    groups,
    operations,
    providers,
    regions,
    resources,
    scopes,
)
from localazure.app.resource_manager.services import arm_service
from localazure.app.service import authorization_failed
from localazure.app.tenant import SUBSCRIPTION, SUBSCRIPTION_ID, TENANT_ID
from localazure.rbac import access, assignments

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

VERSIONS = (
    *("2014-04-01-preview", "2015-11-01", "2016-06-01", "2018-05-01", "2019-05-10", "2019-10-01", "2020-01-01"),
    *("2020-06-01", "2020-10-01", "2021-01-01", "2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01"),
    *("2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01"),
)
SERVICE = arm_service("arm", ".*", VERSIONS)

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourcegroups/{group}"
RESULTS = "/operationresults"
_FILTERED_BY_ROLE = "shows what the caller may read"


@SERVICE.route("GET", "/tenants", action=None, why="every caller has a tenant")
def list_tenants(_: Call) -> Reply:
    """List the one tenant there is."""
    tenant = {"id": f"/tenants/{TENANT_ID}", "tenantId": TENANT_ID, "displayName": "Local Azure", "countryCode": "NL"}
    return Reply(body={"value": [{**tenant, "domains": ["local.onmicrosoft.com"], "tenantCategory": "Home"}]})


@SERVICE.route("GET", "/subscriptions", action=None, why=_FILTERED_BY_ROLE)
def list_subscriptions(call: Call) -> Reply:
    """List the subscription if the caller has a role assignment anywhere in it, else nothing."""
    subscriptions = [_subscription()] if _has_any_assignment(call) else []
    return Reply(body={"value": subscriptions, "count": {"type": "Total", "value": len(subscriptions)}})


@SERVICE.route("GET", _SUBSCRIPTION, action=None, why="any role below it is enough")
def get_subscription(call: Call) -> Reply:
    """The subscription; 403 for a caller without any role assignment in it."""
    scopes.require_own_subscription(call.path)
    if not _has_any_assignment(call):
        raise authorization_failed(call, "Microsoft.Resources/subscriptions/read", call.path)
    return Reply(body=_subscription())


@SERVICE.route("GET", _SUBSCRIPTION + "/locations", action="Microsoft.Resources/subscriptions/locations/read")
def list_locations(_: Call) -> Reply:
    """List the regions."""
    return Reply(body={"value": [_region(name, display_name) for name, display_name in regions.REGIONS.items()]})


@SERVICE.route("GET", _SUBSCRIPTION + RESULTS + "/{operation}", action=None, why="the id is the caller's")
def poll_operation(call: Call) -> Reply:
    """The state of a long-running operation, at the Location of a 202."""
    return operations.answer_location_poll(call, call.params["operation"])


@SERVICE.route("GET", _SUBSCRIPTION + "/resources", action=None, why=_FILTERED_BY_ROLE)
def list_resources(call: Call) -> Reply:
    """List every tracked resource of the subscription that the caller may read."""
    scopes.require_authorization_scope(call)
    return _resource_list(call, SUBSCRIPTION)


@SERVICE.route("GET", _GROUP + "/resources", action=None, why=_FILTERED_BY_ROLE)
def list_group_resources(call: Call) -> Reply:
    """List every tracked resource of a group that the caller may read."""
    scopes.require_authorization_scope(call)
    return _resource_list(call, groups.require_usable_group(call)["id"])


@SERVICE.route("GET", "{resource:path}", action=None, why="the action has the resource's type")
def get_resource(call: Call) -> Reply:
    """Any resource by its id; ARM's own 404 for an unknown provider, type or name."""
    where = scopes.require_authorization_scope(call)
    access.require(call, f"{_resource_type(call.path)}/read", where)
    resource = resources.find(call.tenant, call.path)
    if resource is None:
        raise _not_found(call)
    return Reply(body=resources.response_body(resource))


@SERVICE.route("HEAD", "{resource:path}", action=None, why="the action has the resource's type")
def head_resource(call: Call) -> Reply:
    """Whether a resource exists, as `resources.check_existence_by_id` asks: 204 or 404."""
    resource = resources.find(call.tenant, call.path)
    access.require(call, f"{_resource_type(call.path)}/read", scopes.require_authorization_scope(call))
    return Reply(status=404 if resource is None else 204)


def _subscription() -> Document:
    """The local subscription as ARM shows it."""
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


def _region(name: str, display_name: str) -> Document:
    """One region as the list of locations shows it."""
    facts = regions.known_region_details(name)
    facts_by_field = {
        "geographyGroup": "group",
        "longitude": "longitude",
        "latitude": "latitude",
        "physicalLocation": "place",
    }
    metadata: Document = {"regionType": "Physical", "regionCategory": "Recommended"}
    metadata |= {field: facts[fact] for field, fact in facts_by_field.items() if fact in facts}
    if "paired" in facts:
        paired = regions.short_location(facts["paired"])
        metadata["pairedRegion"] = [{"name": paired, "id": f"{SUBSCRIPTION}/locations/{paired}"}]
    return {
        "id": f"{SUBSCRIPTION}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": display_name,
        "regionalDisplayName": f"({facts['group']}) {display_name}" if "group" in facts else display_name,
        "metadata": metadata,
    }


def _resource_list(call: Call, scope: str) -> Reply:
    """The tracked resources below a scope that the caller may read, by `$filter`, `$top` and `$expand`."""
    tracked = (resource for resource in resources.list_below(call.tenant, scope) if _is_tracked(resource))
    readable = [
        resource for resource in tracked if access.is_caller_allowed(call, f"{resource['type']}/read", resource["id"])
    ]
    expand = call.query.get("$expand", "")
    return Reply(
        body={
            "value": [
                _list_entry(resource) | _expanded_fields(resource, expand)
                for resource in filters.filter_documents(call, readable)
            ]
        }
    )


def _is_tracked(document: Document) -> bool:
    """Whether a document is a tracked resource: it has a location and is no resource group."""
    return "location" in document and document["type"] != groups.GROUP_TYPE


def _list_entry(document: Document) -> Document:
    """A resource as lists show it: without its properties."""
    fields = ("id", "name", "type", "kind", "sku", "location", "tags", "identity", "managedBy")
    return {field: document[field] for field in fields if document.get(field) is not None}


def _expanded_fields(document: Document, names: str) -> Document:
    """The fields that `$expand` adds to a list entry, by their comma-separated names."""
    values = {
        "createdTime": document.get("_created_time"),
        "changedTime": document.get("_changed_time"),
        "provisioningState": document.get("properties", {}).get("provisioningState", "Succeeded"),
    }
    requested = {name.strip().lower() for name in names.split(",")}
    return {name: value for name, value in values.items() if value and name.lower() in requested}


def _has_any_assignment(call: Call) -> bool:
    """Whether any role assignment names the caller."""
    return any(
        assignment["principalId"] == call.authenticated_caller.object_id
        for assignment in assignments.list_all(call.tenant)
    )


def _resource_type(path: str) -> str:
    """The resource type in a resource id, such as `Microsoft.X/types/subtypes`."""
    tail = path[path.lower().rfind("/providers/") + len("/providers/") :].split("/")
    return "/".join([tail[0], *tail[1::2]])


def _not_found(call: Call) -> AzureError:
    """ARM's 404 for a path: not a resource id, an unknown resource type, or an unknown resource."""
    if "/providers/" not in call.path.lower():
        message = f"No HTTP resource was found that matches the request URI 'https://{call.host}{call.path}'."
        return AzureError(status=404, code="NotFound", message=message)
    namespace, *kinds = _resource_type(call.path).split("/")
    types = providers.PROVIDERS[providers.require_canonical_namespace(namespace)]
    versions_by_type = {resource_type.lower(): versions for resource_type, versions in types.items()}
    resource_type = "/".join(kinds)
    if resource_type.lower() not in versions_by_type:
        asked = call.query.get("api-version", "")
        # The version of the call is not among them: https://github.com/Azure/acs-engine/issues/4037
        versions = ",".join(
            sorted(
                {version for known in versions_by_type.values() for version in known} - {asked},
                reverse=True,
            )
        )
        message = (
            f"The resource type '{resource_type}' could not be found in the namespace '{namespace}' for api version "
            f"'{asked}'. The supported api-versions are '{versions}'."
        )
        return AzureError(status=404, code="InvalidResourceType", message=message)
    return groups.resource_not_found_at(call.path)
