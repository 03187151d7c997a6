"""Microsoft.Storage on ARM: storage accounts, their keys, whether a name is free.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.local import access, arm_errors, arm_filters, arm_operations, resources, storage_accounts
from provisioner.local.call import AzureError, Reply
from provisioner.local.service import Service
from provisioner.local.storage_accounts import TYPE
from provisioner.local.world import SUBSCRIPTION

if TYPE_CHECKING:
    from provisioner.local.call import Call
    from provisioner.local.store import Document

SERVICE = Service(
    name="storage management",
    hosts=(arm_errors.HOST,),
    path=".*/providers/Microsoft.Storage(/.*)?",
    audiences=arm_errors.AUDIENCES,
    render=arm_errors.render,
    scope=arm_errors.scope,
    forbidden=arm_errors.forbidden,
    one_slash=True,
    versions=("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.Storage"
_LIST = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts"
_ONE = _LIST + "/{name}"
_RESULTS = "/providers/Microsoft.Storage/locations/{location}/asyncoperations"


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_account(call: Call) -> Reply:
    """The account."""
    return Reply(body=resources.shown(_require(call)))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_account(call: Call) -> Reply:
    """202 for a new account, polled to 200; 200 for one that is there."""
    arm_errors.require_group(call)
    name, body = call.params["name"], call.json()
    storage_accounts.check_name(name)
    where = arm_errors.resource_id(call, TYPE, name)
    found = resources.find(call.world, where)
    if found is not None:
        return Reply(body=resources.shown(_update(call, found, body)))
    if storage_accounts.find(call.world, name) is not None:
        message = f"The storage account named {name} is already taken."
        raise AzureError(status=409, code="StorageAccountAlreadyTaken", message=message)
    made = storage_accounts.new(where, body, _now(call), call.world.clock.new_id())
    made["properties"]["provisioningState"] = "Creating"
    resources.put(call.world, made)
    operation = arm_operations.begin(call.world, "succeed", where, shows=where)
    return arm_operations.accepted(call, operation, SUBSCRIPTION + _RESULTS.format(location=made["location"]))


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def update_account(call: Call) -> Reply:
    """What is given changes, the rest stays; tags are replaced as a whole."""
    found = storage_accounts.changed(_require(call), call.json(), whole=False)
    return Reply(body=resources.shown(resources.put(call.world, found)))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_account(call: Call) -> Reply:
    """200 or 204, with everything in it."""
    arm_errors.require_group(call)
    where = arm_errors.resource_id(call, TYPE, call.params["name"])
    return Reply(status=200 if resources.delete(call.world, where) else 204)


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_group_accounts(call: Call) -> Reply:
    """The accounts of a group."""
    found = list(resources.of_type(call.world, TYPE, arm_errors.require_group(call)["id"]))
    return Reply(body={"value": [resources.shown(one) for one in arm_filters.apply(call, found)]})


@SERVICE.route("GET", _PROVIDER + "/storageAccounts", action=None, why="shows what the caller may read")
def list_accounts(call: Call) -> Reply:
    """The accounts of the subscription."""
    arm_errors.scope(call)
    found = resources.of_type(call.world, TYPE, SUBSCRIPTION)
    seen = [one for one in found if access.allows(call.world, call.who.object_id, f"{TYPE}/read", one["id"])]
    return Reply(body={"value": [resources.shown(one) for one in arm_filters.apply(call, seen)]})


@SERVICE.route("POST", _ONE + "/listKeys", action=f"{TYPE}/listkeys/action")
def list_keys(call: Call) -> Reply:
    """Both keys, also of an account that allows no keys: the data planes refuse them."""
    return Reply(body=storage_accounts.keys(_require(call)))


@SERVICE.route("POST", _ONE + "/regenerateKey", action=f"{TYPE}/regeneratekey/action")
def regenerate_key(call: Call) -> Reply:
    """Another key1 or key2."""
    wanted = str(call.json().get("keyName", ""))
    found = storage_accounts.regenerate(_require(call), wanted, call.world.clock.new_id())
    return Reply(body=storage_accounts.keys(resources.put(call.world, found)))


@SERVICE.route("POST", _PROVIDER + "/checkNameAvailability", action="Microsoft.Storage/checknameavailability/read")
def check_name(call: Call) -> Reply:
    """Whether an account may have this name."""
    name = str(call.json().get("name", ""))
    try:
        storage_accounts.check_name(name)
    except AzureError as error:
        return Reply(body={"nameAvailable": False, "reason": "AccountNameInvalid", "message": error.message})
    if storage_accounts.find(call.world, name) is None:
        return Reply(body={"nameAvailable": True})
    message = f"The storage account named {name} is already taken."
    return Reply(body={"nameAvailable": False, "reason": "AlreadyExists", "message": message})


@SERVICE.route("GET", _PROVIDER + "/skus", action="Microsoft.Storage/skus/read")
def list_skus(_: Call) -> Reply:
    """The kinds of redundancy, without their restrictions."""
    names = sorted(storage_accounts.SKUS)
    shown = [{"name": name, "resourceType": "storageAccounts", "tier": name.partition("_")[0]} for name in names]
    return Reply(body={"value": shown})


@SERVICE.route("GET", _PROVIDER + "/locations/{location}/usages", action="Microsoft.Storage/locations/usages/read")
def list_usages(call: Call) -> Reply:
    """How many accounts a region has: https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account."""
    here = arm_errors.short_location(call.params["location"])
    found = [one for one in resources.of_type(call.world, TYPE, SUBSCRIPTION) if one["location"] == here]
    name = {"value": "StorageAccounts", "localizedValue": "Storage Accounts"}
    return Reply(body={"value": [{"unit": "Count", "currentValue": len(found), "limit": 250, "name": name}]})


@SERVICE.route("GET", "/subscriptions/{subscription}" + _RESULTS + "/{operation}", action=None, why="id of the caller")
def poll_operation(call: Call) -> Reply:
    """What the Location of a 202 answers."""
    return arm_operations.poll(call, call.params["operation"])


def _require(call: Call) -> Document:
    return arm_errors.require_resource(call, TYPE, call.params["name"])


def _update(call: Call, found: Document, body: Document) -> Document:
    if found["properties"]["provisioningState"] != "Succeeded":
        message = "An operation is currently performing on this storage account that requires exclusive access."
        raise AzureError(status=409, code="StorageAccountOperationInProgress", message=message)
    arm_errors.check_location_kept(found, arm_errors.location_of(body))
    return resources.put(call.world, storage_accounts.changed(found, body, whole=True))


def _now(call: Call) -> str:
    return f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
