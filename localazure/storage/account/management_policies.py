"""The management policy of a storage account: the rules by which blobs age, kept and shown, not acted on.

https://learn.microsoft.com/rest/api/storagerp/management-policies
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service
from localazure.storage.account import accounts

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_TYPE = f"{accounts.TYPE}/managementPolicies"
_ONE = (
    "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts/{account}"
    "/managementPolicies/default"
)
SERVICE = arm_service(
    "management policies",
    ".*/providers/Microsoft.Storage/storageAccounts/[^/]+/managementPolicies/default/?",
    ("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)


@SERVICE.route("GET", _ONE, action=f"{_TYPE}/read")
def get_policy(call: Call) -> Reply:
    """The policy; 404 for an account without."""
    account = _account(call)
    found = resources.find(call.world, _id(account))
    if found is None:
        message = f"No ManagementPolicy found for account {account['name']}"
        raise AzureError(status=404, code="ManagementPolicyNotFound", message=message)
    return Reply(body=resources.shown(found))


@SERVICE.route("PUT", _ONE, action=f"{_TYPE}/write")
def set_policy(call: Call) -> Reply:
    """The whole policy; a rule is enabled unless it says otherwise."""
    account = _account(call)
    policy = bodies.object_in(bodies.wanted_properties(call.json()), "policy")
    rules = bodies.objects_in(policy, "rules")
    if not rules or any(not rule.get("name") or not rule.get("definition") for rule in rules):
        raise accounts.invalid("A management policy needs rules, each with a name and a definition.")
    shown = [{"enabled": True, **rule, "definition": _in_days(rule["definition"])} for rule in rules]
    now = f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    properties = {"policy": {"rules": shown}, "lastModifiedTime": now}
    named = {"id": _id(account), "name": "DefaultManagementPolicy", "type": _TYPE}
    return Reply(body=resources.shown(resources.put(call.world, {**named, "properties": properties})))


@SERVICE.route("DELETE", _ONE, action=f"{_TYPE}/delete")
def delete_policy(call: Call) -> Reply:
    """200 or 204."""
    return Reply(status=200 if resources.delete(call.world, _id(_account(call))) else 204)


def _account(call: Call) -> Document:
    return groups.require_resource(call, accounts.TYPE, call.params["account"])


def _id(account: Document) -> str:
    return f"{account['id']}/managementPolicies/default"


def _in_days(value: Any) -> Any:
    """Numbers of days come back with a fraction: 30.0."""
    if isinstance(value, dict):
        return {name: _in_days(inner) for name, inner in cast("Document", value).items()}
    if isinstance(value, list):
        return [_in_days(inner) for inner in cast("list[Any]", value)]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
