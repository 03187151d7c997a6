"""Microsoft.Storage on ARM: storage accounts, their keys, whether a name is available.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import filters, groups, operations, regions, resources, scopes
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION
from localazure.entra import directory
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

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.Storage"
_LIST = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts"
_ONE = _LIST + "/{name}"
_RESULTS = "/providers/Microsoft.Storage/locations/{location}/asyncoperations"


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_account(call: Call) -> Reply:
    """One account; 404 ResourceNotFound."""
    return Reply(body=resources.response_body(_require_account(call)))


@SERVICE.route("GET", _ONE + "/fileServices/default/shares", action=f"{TYPE}/fileServices/shares/read")
def list_shares(call: Call) -> Reply:
    """List the file shares of an account, as Ansible does: none."""
    _require_account(call)
    return Reply(body={"value": []})


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_account(call: Call) -> Reply:
    """Create an account: 202, then a poll to 200.

    Of an existing account the settings in the body change and the others stay; its tags are replaced: 200.
    """
    groups.require_usable_group(call)
    name, body = call.params["name"], call.json()
    accounts.check_name(name)
    account_id = groups.resource_id(call, TYPE, name)
    existing = resources.find(call.tenant, account_id)
    if existing is not None:
        return Reply(body=resources.response_body(_update_from_put(call, existing, body)))
    if accounts.find(call.tenant, name) is not None:
        message = f"The storage account named {name} is already taken."
        raise AzureError(status=409, code="StorageAccountAlreadyTaken", message=message)
    account = accounts.new_account(account_id, body, _timestamp(call), call.tenant.clock.new_id())
    account["properties"]["provisioningState"] = "Creating"
    _put_with_identity(call, account)
    operation = operations.begin(call.tenant, "succeed", account_id, shows=account_id)
    path = SUBSCRIPTION + _RESULTS.format(location=account["location"])
    return operations.accepted_reply(call, operation, path, query="monitor=true&")


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def update_account(call: Call) -> Reply:
    """Change the properties in the body and keep the others. Tags are replaced as a whole."""
    account = _require_account(call)
    updated = accounts.updated_account(account, call.json(), replace_tags=False)
    return Reply(body=resources.response_body(_put_with_identity(call, updated, account)))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_account(call: Call) -> Reply:
    """Delete an account with everything in it: 200, or 204 when there was none."""
    groups.require_usable_group(call)
    account_id = groups.resource_id(call, TYPE, call.params["name"])
    return Reply(status=200 if resources.delete_at_and_below(call.tenant, account_id) else 204)


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_group_accounts(call: Call) -> Reply:
    """List the accounts of a group."""
    accounts = list(resources.list_of_type(call.tenant, TYPE, groups.require_usable_group(call)["id"]))
    return Reply(
        body={"value": [resources.response_body(account) for account in filters.filter_documents(call, accounts)]}
    )


@SERVICE.route("GET", _PROVIDER + "/storageAccounts", action=None, why="shows what the caller may read")
def list_accounts(call: Call) -> Reply:
    """List the accounts of the subscription that the caller may read."""
    scopes.require_authorization_scope(call)
    every_account = resources.list_of_type(call.tenant, TYPE, SUBSCRIPTION)
    readable = [
        account
        for account in every_account
        if access.is_principal_allowed(call.tenant, call.authenticated_caller.object_id, f"{TYPE}/read", account["id"])
    ]
    return Reply(
        body={"value": [resources.response_body(account) for account in filters.filter_documents(call, readable)]}
    )


@SERVICE.route("POST", _ONE + "/listKeys", action=f"{TYPE}/listkeys/action")
def list_keys(call: Call) -> Reply:
    """Both keys, also of an account that disallows keys: the data planes refuse them."""
    return Reply(body=accounts.keys_body(_require_account(call)))


@SERVICE.route("POST", _ONE + "/regenerateKey", action=f"{TYPE}/regeneratekey/action")
def regenerate_key(call: Call) -> Reply:
    """Regenerate key1 or key2."""
    key_name = str(call.json().get("keyName", ""))
    account = accounts.with_new_key(_require_account(call), key_name, call.tenant.clock.new_id())
    return Reply(body=accounts.keys_body(resources.put(call.tenant, account)))


@SERVICE.route("POST", _PROVIDER + "/checkNameAvailability", action="Microsoft.Storage/checknameavailability/read")
def check_name(call: Call) -> Reply:
    """Whether an account may have this name, and why not."""
    name = str(call.json().get("name", ""))
    try:
        accounts.check_name(name)
    except AzureError as error:
        return Reply(body={"nameAvailable": False, "reason": "AccountNameInvalid", "message": error.message})
    if accounts.find(call.tenant, name) is None:
        return Reply(body={"nameAvailable": True})
    message = f"The storage account named {name} is already taken."
    return Reply(body={"nameAvailable": False, "reason": "AlreadyExists", "message": message})


@SERVICE.route("GET", "/subscriptions/{subscription}" + _RESULTS + "/{operation}", action=None, why="id of the caller")
def poll_operation(call: Call) -> Reply:
    """The state of a long-running operation, at the Location of a 202."""
    return operations.answer_location_poll(call, call.params["operation"])


def _require_account(call: Call) -> Document:
    return groups.require_resource(call, TYPE, call.params["name"])


def _update_from_put(call: Call, account: Document, body: Document) -> Document:
    """Update an existing account by a PUT: settings that the body lacks stay, tags are replaced.

    409 while it is being created.
    """
    if account["properties"]["provisioningState"] != "Succeeded":
        message = "An operation is currently performing on this storage account that requires exclusive access."
        raise AzureError(status=409, code="StorageAccountOperationInProgress", message=message)
    regions.refuse_location_change(account, regions.require_location(body))
    return _put_with_identity(call, accounts.updated_account(account, body, replace_tags=True), account)


def _put_with_identity(call: Call, account: Document, before: Document | None = None) -> Document:
    """Store an account.

    A system-assigned identity in it gets a principal; without one in it an existing principal is deleted.
    """
    requested, existing = object_at(account, "identity"), object_at(before or {}, "identity")
    identity = directory.sync_system_identity(call.tenant, account, requested, existing)
    return resources.put(call.tenant, account | ({"identity": identity} if identity else {}))


def _timestamp(call: Call) -> str:
    return f"{call.tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
