"""Microsoft.Storage on ARM: storage accounts, their keys, whether a name is free.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import filters, groups, operations, regions, resources, scopes
from localazure.app.resource_manager.services import arm_service, empty_list_of_subscription, empty_lists, private_link
from localazure.app.tenant import SUBSCRIPTION
from localazure.rbac import access
from localazure.storage.account import accounts
from localazure.storage.account.accounts import TYPE

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service(
    "storage management",
    ".*/providers/Microsoft.Storage(/.*)?",
    ("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)
empty_list_of_subscription(SERVICE, "Microsoft.Storage/deletedAccounts")
empty_lists(
    SERVICE,
    TYPE,
    *("privateEndpointConnections", "encryptionScopes", "localUsers", "objectReplicationPolicies"),
    "inventoryPolicies",
    *("fileServices/default/shares", "queueServices/default/queues", "tableServices/default/tables"),
)

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.Storage"
_LIST = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts"
_ONE = _LIST + "/{name}"
_PARTS = ("blob", "table", "queue", "file", "web", "dfs")
_RESULTS = "/providers/Microsoft.Storage/locations/{location}/asyncoperations"


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_account(call: Call) -> Reply:
    """The account."""
    return Reply(body=resources.shown(_require(call)))


@SERVICE.route("GET", _ONE + "/privateLinkResources", action=f"{TYPE}/privateLinkResources/read")
def list_private_links(call: Call) -> Reply:
    """Each service of the account, and each that can be read in its second region."""
    account = groups.require_resource(call, TYPE, call.params["name"])
    properties = account["properties"]
    found: list[Document] = []
    for part in _PARTS:
        for name, where in ((part, "primaryEndpoints"), (f"{part}_secondary", "secondaryEndpoints")):
            if part in properties.get(where, {}):
                found.append(private_link(account, name, name, f"privatelink.{part}.core.windows.net"))
    return Reply(body={"value": found})


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_account(call: Call) -> Reply:
    """202 for a new account, polled to 200; 200 for one that is there."""
    groups.require_group(call)
    name, body = call.params["name"], call.json()
    accounts.check_name(name)
    where = groups.resource_id(call, TYPE, name)
    found = resources.find(call.world, where)
    if found is not None:
        return Reply(body=resources.shown(_update(call, found, body)))
    if accounts.find(call.world, name) is not None:
        message = f"The storage account named {name} is already taken."
        raise AzureError(status=409, code="StorageAccountAlreadyTaken", message=message)
    made = accounts.new(where, body, _now(call), call.world.clock.new_id())
    made["properties"]["provisioningState"] = "Creating"
    resources.put(call.world, made)
    operation = operations.begin(call.world, "succeed", where, shows=where)
    return operations.accepted(call, operation, SUBSCRIPTION + _RESULTS.format(location=made["location"]))


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def update_account(call: Call) -> Reply:
    """What is given changes, the rest stays; tags are replaced as a whole."""
    found = accounts.changed(_require(call), call.json(), whole=False)
    return Reply(body=resources.shown(resources.put(call.world, found)))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_account(call: Call) -> Reply:
    """200 or 204, with everything in it."""
    groups.require_group(call)
    where = groups.resource_id(call, TYPE, call.params["name"])
    return Reply(status=200 if resources.delete(call.world, where) else 204)


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_group_accounts(call: Call) -> Reply:
    """The accounts of a group."""
    found = list(resources.of_type(call.world, TYPE, groups.require_group(call)["id"]))
    return Reply(body={"value": [resources.shown(one) for one in filters.apply(call, found)]})


@SERVICE.route("GET", _PROVIDER + "/storageAccounts", action=None, why="shows what the caller may read")
def list_accounts(call: Call) -> Reply:
    """The accounts of the subscription."""
    scopes.scope(call)
    found = resources.of_type(call.world, TYPE, SUBSCRIPTION)
    seen = [one for one in found if access.allows(call.world, call.who.object_id, f"{TYPE}/read", one["id"])]
    return Reply(body={"value": [resources.shown(one) for one in filters.apply(call, seen)]})


@SERVICE.route("POST", _ONE + "/listKeys", action=f"{TYPE}/listkeys/action")
def list_keys(call: Call) -> Reply:
    """Both keys, also of an account that allows no keys: the data planes refuse them."""
    return Reply(body=accounts.keys(_require(call)))


@SERVICE.route("POST", _ONE + "/regenerateKey", action=f"{TYPE}/regeneratekey/action")
def regenerate_key(call: Call) -> Reply:
    """Another key1 or key2."""
    wanted = str(call.json().get("keyName", ""))
    found = accounts.regenerate(_require(call), wanted, call.world.clock.new_id())
    return Reply(body=accounts.keys(resources.put(call.world, found)))


@SERVICE.route("POST", _PROVIDER + "/checkNameAvailability", action="Microsoft.Storage/checknameavailability/read")
def check_name(call: Call) -> Reply:
    """Whether an account may have this name."""
    name = str(call.json().get("name", ""))
    try:
        accounts.check_name(name)
    except AzureError as error:
        return Reply(body={"nameAvailable": False, "reason": "AccountNameInvalid", "message": error.message})
    if accounts.find(call.world, name) is None:
        return Reply(body={"nameAvailable": True})
    message = f"The storage account named {name} is already taken."
    return Reply(body={"nameAvailable": False, "reason": "AlreadyExists", "message": message})


@SERVICE.route("GET", _PROVIDER + "/skus", action="Microsoft.Storage/skus/read")
def list_skus(_: Call) -> Reply:
    """The kinds of redundancy, without their restrictions."""
    names = sorted(accounts.SKUS)
    shown = [{"name": name, "resourceType": "storageAccounts", "tier": name.partition("_")[0]} for name in names]
    return Reply(body={"value": shown})


@SERVICE.route("GET", _PROVIDER + "/locations/{location}/usages", action="Microsoft.Storage/locations/usages/read")
def list_usages(call: Call) -> Reply:
    """How many accounts a region has: https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account."""
    here = regions.short_location(call.params["location"])
    found = [one for one in resources.of_type(call.world, TYPE, SUBSCRIPTION) if one["location"] == here]
    name = {"value": "StorageAccounts", "localizedValue": "Storage Accounts"}
    return Reply(body={"value": [{"unit": "Count", "currentValue": len(found), "limit": 250, "name": name}]})


@SERVICE.route("GET", "/subscriptions/{subscription}" + _RESULTS + "/{operation}", action=None, why="id of the caller")
def poll_operation(call: Call) -> Reply:
    """What the Location of a 202 answers."""
    return operations.poll(call, call.params["operation"])


def _require(call: Call) -> Document:
    return groups.require_resource(call, TYPE, call.params["name"])


def _update(call: Call, found: Document, body: Document) -> Document:
    if found["properties"]["provisioningState"] != "Succeeded":
        message = "An operation is currently performing on this storage account that requires exclusive access."
        raise AzureError(status=409, code="StorageAccountOperationInProgress", message=message)
    regions.check_location_kept(found, regions.location_of(body))
    return resources.put(call.world, accounts.changed(found, body, whole=True))


def _now(call: Call) -> str:
    return f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
