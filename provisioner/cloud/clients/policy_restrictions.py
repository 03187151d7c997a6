"""What Azure Policy would deny: https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cloud.transport.arm import Arm
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

NAMESPACE = "Microsoft.PolicyInsights"
VERSION = api_version(NAMESPACE)
RESOURCES = "Microsoft.Resources"
GROUP_TYPE = f"{RESOURCES}/subscriptions/resourceGroups"
GROUP_PARTS = 5  # "", subscriptions, ID, resourceGroups, NAME


@dataclass(frozen=True)
class Denial:
    """A policy that would deny a resource. assignment, definition: full ids."""

    assignment: str
    definition: str


class PolicyRestrictions:
    """Every method raises CloudError; ids are full."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def list_denials(self, resource_id: str, content: Mapping[str, Any]) -> tuple[Denial, ...]:
        """The policies that would deny the creation of a resource. content: the body of its PUT.

        Asked at its resource group, or at the subscription as long as there is none. None listed is no guarantee.
        https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions/check-at-resource-group-scope
        """
        namespace, kind = _namespace_and_type(resource_id)
        described = {"type": kind, "name": resource_id.rpartition("/")[2], **content}
        body = {"resourceDetails": {"resourceContent": described, "apiVersion": api_version(namespace)}}
        path = f"{self._group_or_subscription(resource_id)}/providers/{NAMESPACE}/checkPolicyRestrictions"
        answer: dict[str, Any] = self._arm.request("POST", path, VERSION, json=body).json()
        result: dict[str, Any] = answer.get("contentEvaluationResult") or {}
        evaluations: list[dict[str, Any]] = result.get("policyEvaluations") or []
        return tuple(_denial(one.get("policyInfo") or {}) for one in evaluations if _denies(one))

    def _group_or_subscription(self, resource_id: str) -> str:
        """Its group if that exists, as this pass has read it; else the subscription."""
        parts = resource_id.split("/")
        group = "/".join(parts[:GROUP_PARTS])
        is_inside = len(parts) > GROUP_PARTS and self._arm.find(group, api_version(RESOURCES)) is not None
        return group if is_inside else "/".join(parts[:3])


def _namespace_and_type(resource_id: str) -> tuple[str, str]:
    """The namespace and the full type of a resource."""
    _, inside, tail = resource_id.partition("/providers/")
    namespace, *rest = tail.split("/")
    return (namespace, "/".join([namespace, *rest[::2]])) if inside else (RESOURCES, GROUP_TYPE)


def _denies(evaluation: Mapping[str, Any]) -> bool:
    """Whether it denies the resource. Versions before 2023-03-01 name no effect, and list only what is denied."""
    details: Mapping[str, Any] = evaluation.get("effectDetails") or {}
    effect = str(details.get("policyEffect", "deny")).lower()
    return str(evaluation.get("evaluationResult")).lower() == "noncompliant" and effect == "deny"


def _denial(policy: Mapping[str, Any]) -> Denial:
    ids = (str(policy.get(name, "unknown")) for name in ("policyAssignmentId", "policyDefinitionId"))
    return Denial(*ids)
