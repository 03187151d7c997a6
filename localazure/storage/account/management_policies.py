"""The management policy of a storage account: rules for the lifecycle of blobs, stored and returned but not applied.

https://learn.microsoft.com/rest/api/storagerp/management-policies
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at, objects_at
from localazure.app.resource_manager import bodies, resources
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
    """The policy of an account; 404 ManagementPolicyNotFound."""
    account = accounts.require_account(call)
    policy = resources.find(call.tenant, _policy_id(account))
    if policy is None:
        message = f"No ManagementPolicy found for account {account['name']}"
        raise AzureError(status=404, code="ManagementPolicyNotFound", message=message)
    return Reply(body=resources.response_body(policy))


@SERVICE.route("PUT", _ONE, action=f"{_TYPE}/write")
def set_policy(call: Call) -> Reply:
    """Replace the policy. A rule is enabled unless it says otherwise."""
    account = accounts.require_account(call)
    policy = object_at(bodies.requested_properties(call.json()), "policy")
    rules = objects_at(policy, "rules")
    if not rules or any(not rule.get("name") or not rule.get("definition") for rule in rules):
        raise accounts.invalid_value("A management policy needs rules, each with a name and a definition.")
    completed = [{"enabled": True, **rule, "definition": _with_float_numbers(rule["definition"])} for rule in rules]
    now = f"{call.tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    properties = {"policy": {"rules": completed}, "lastModifiedTime": now}
    identity = {"id": _policy_id(account), "name": "DefaultManagementPolicy", "type": _TYPE}
    return Reply(body=resources.response_body(resources.put(call.tenant, {**identity, "properties": properties})))


@SERVICE.route("DELETE", _ONE, action=f"{_TYPE}/delete")
def delete_policy(call: Call) -> Reply:
    """200, or 204 when there was none."""
    return Reply(
        status=200 if resources.delete_at_and_below(call.tenant, _policy_id(accounts.require_account(call))) else 204
    )


def _policy_id(account: Document) -> str:
    return f"{account['id']}/managementPolicies/default"


def _with_float_numbers(value: Any) -> Any:
    """The value with every number as a float: Azure returns days as 30.0, and a rule has no other numbers."""
    if isinstance(value, dict):
        return {name: _with_float_numbers(inner) for name, inner in cast("Document", value).items()}
    if isinstance(value, list):
        return [_with_float_numbers(inner) for inner in cast("list[Any]", value)]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
