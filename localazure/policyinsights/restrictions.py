"""What Azure Policy would deny, asked before a resource is created. Pending fields get no restrictions here.

https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import groups, policies
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_NAME = "Microsoft.PolicyInsights/checkPolicyRestrictions"
_VERSIONS = ("2022-03-01", "2023-03-01", "2024-10-01")
_WITH_EFFECT = "2023-03-01"  # the version from which on an evaluation says what effect its policy has
SERVICE = arm_service("policy restrictions", f".*/providers/{_NAME}/?", _VERSIONS)


@SERVICE.route(
    "POST", f"/subscriptions/{{subscription}}/resourcegroups/{{group}}/providers/{_NAME}", action=f"{_NAME}/read"
)
def check_in_group(call: Call) -> Reply:
    """Evaluate a resource in an existing group; 404 ResourceGroupNotFound."""
    return _evaluate_policies(call, str(groups.require_usable_group(call)["id"]))


@SERVICE.route("POST", f"/subscriptions/{{subscription}}/providers/{_NAME}", action=f"{_NAME}/read")
def check_in_subscription(call: Call) -> Reply:
    """Evaluate a resource in a group that is not known yet."""
    return _evaluate_policies(call, SUBSCRIPTION)


def _evaluate_policies(call: Call, scope: str) -> Reply:
    """Evaluate the content by the policies that reach the scope, those that only audit if asked."""
    body = call.json()
    content = object_at(body, "resourceDetails", "resourceContent")
    if not content.get("type"):
        message = "The request content was invalid: 'resourceDetails.resourceContent' needs a 'type'."
        raise AzureError(status=400, code="InvalidRequestContent", message=message)
    effects = {"deny", "audit"} if body.get("includeAuditEffect") is True else {"deny"}
    against = [
        _evaluation(one, call.query["api-version"])
        for one in policies.list_matching_policies(call.tenant, scope, content)
        if one.effect.lower() in effects
    ]
    return Reply(body={"fieldRestrictions": [], "contentEvaluationResult": {"policyEvaluations": against}})


def _evaluation(policy: policies.Policy, version: str) -> Document:
    info = {"policyDefinitionId": policy.definition_id, "policyAssignmentId": policy.assignment_id}
    effect = {"effectDetails": {"policyEffect": policy.effect}} if version[:10] >= _WITH_EFFECT else {}
    return {"policyInfo": info, "evaluationResult": "NonCompliant", **effect}
