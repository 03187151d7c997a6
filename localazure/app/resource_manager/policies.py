"""Assigned policies: which of them are against a resource, and the refusal of a PUT that one of them denies.

They are the setting `policies` of the control endpoint: `{"assignments": [{"name", "definition", "effect", "scope",
"if"}]}`. scope: by default the subscription. if: a condition of Azure's over fields, with allOf, anyOf, not, equals,
notEquals, in, notIn and exists; as a policy of mode All it applies to every type that it does not exclude.
https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError
from localazure.app.json_body import object_at
from localazure.app.resource_manager.scopes import scope_in_path
from localazure.app.tenant import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_GROUP_TYPE = "Microsoft.Resources/subscriptions/resourceGroups"
_PROVIDER = "Microsoft.Authorization"
_TAG = re.compile(r"tags(?:\.|\[')(.+?)(?:'\])?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An assigned policy. scope: where it is assigned; condition: what it is against; effect: such as `Deny`."""

    name: str
    definition: str
    effect: str
    scope: str
    condition: Document

    @property
    def assignment_id(self) -> str:
        """The id of its assignment."""
        return f"{self.scope}/providers/{_PROVIDER}/policyAssignments/{self.name}"

    @property
    def definition_id(self) -> str:
        """The id of its definition, in the subscription."""
        return f"{SUBSCRIPTION}/providers/{_PROVIDER}/policyDefinitions/{self.definition}"


def list_matching_policies(tenant: Tenant, scope: str, resource: Document) -> Iterator[Policy]:
    """Iterate over the policies that reach a scope and whose condition a resource with this content fulfils."""
    setting = tenant.store.get("settings", "policies") or {}
    for one in setting.get("assignments", ()):
        policy = Policy(
            name=one["name"],
            definition=one.get("definition", one["name"]),
            effect=one.get("effect", "Deny"),
            scope=one.get("scope", SUBSCRIPTION),
            condition=one["if"],
        )
        if f"{scope}/".lower().startswith(f"{policy.scope}/".lower()) and _fulfils(resource, policy.condition):
            yield policy


def refuse_denied_put(call: Call) -> None:
    """Raise 403 RequestDisallowedByPolicy for a PUT of a resource that a policy denies. A PATCH is not evaluated.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy
    """
    if call.method != "PUT" or not call.tenant.store.get("settings", "policies"):
        return
    path = scope_in_path(call.path.rstrip("/"))
    name = path.rpartition("/")[2]
    content = {**call.json(), "type": _type_of(path), "name": name}
    denying = [one for one in list_matching_policies(call.tenant, path, content) if one.effect.lower() == "deny"]
    if denying:
        identifiers = json.dumps([_identifiers(one) for one in denying], separators=(",", ":"))
        message = f"Resource '{name}' was disallowed by policy. Policy identifiers: '{identifiers}'."
        details = {"target": name, "additionalInfo": [_violation(one) for one in denying]}
        raise AzureError(status=403, code="RequestDisallowedByPolicy", message=message, details=details)


def _type_of(path: str) -> str:
    """Return the type of the resource at a path."""
    _, divider, tail = path.rpartition("/providers/")
    namespace, *rest = tail.split("/")
    return "/".join([namespace, *rest[::2]]) if divider else _GROUP_TYPE


def _identifiers(policy: Policy) -> Document:
    return {
        "policyAssignment": {"name": policy.name, "id": policy.assignment_id},
        "policyDefinition": {"name": policy.definition, "id": policy.definition_id},
    }


def _violation(policy: Policy) -> Document:
    info = {
        "policyDefinitionId": policy.definition_id,
        "policyDefinitionName": policy.definition,
        "policyDefinitionEffect": policy.effect,
        "policyAssignmentId": policy.assignment_id,
        "policyAssignmentName": policy.name,
        "policyAssignmentScope": policy.scope,
    }
    return {"type": "PolicyViolation", "info": info}


def _fulfils(content: Document, condition: Document) -> bool:
    """Return whether a resource fulfils a condition. Raises KeyError for an operator that is not in `_OPERATORS`."""
    if "allOf" in condition:
        return all(_fulfils(content, one) for one in condition["allOf"])
    if "anyOf" in condition:
        return any(_fulfils(content, one) for one in condition["anyOf"])
    if "not" in condition:
        return not _fulfils(content, condition["not"])
    (operator,) = set(condition) - {"field"}
    return _OPERATORS[operator](_field_value(content, str(condition["field"])), condition[operator])


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda value, right: _lowered_text(value) == _lowered_text(right),
    "notEquals": lambda value, right: _lowered_text(value) != _lowered_text(right),
    "in": lambda value, right: _lowered_text(value) in map(_lowered_text, right),
    "notIn": lambda value, right: _lowered_text(value) not in map(_lowered_text, right),
    "exists": lambda value, right: (value is not None) == (_lowered_text(right) == "true"),
}


def _lowered_text(value: object) -> str:
    """Return a value as text in lower case, since policies compare without case."""
    return str(value).lower()


def _field_value(content: Document, name: str) -> object:
    """Return the value of a field: `type`, `location`, `tags['x']`, or an alias, a path below the resource's type.

    None if it is absent; spaces in a location are left out.
    """
    tag = _TAG.fullmatch(name)
    if tag:
        tags = object_at(content, "tags")
        return next((value for key, value in tags.items() if key.lower() == tag[1].lower()), None)
    if name.lower() == "location":
        return str(content.get("location", "")).replace(" ", "") or None
    kind = f"{content['type']}/".lower()
    path = name[len(kind) :] if name.lower().startswith(kind) else name
    found = _value_at(content.get("properties"), *path.split("."))
    return _value_at(content, *path.split(".")) if found is None else found


def _value_at(value: object, *names: str) -> object:
    for name in names:
        value = cast("Document", value).get(name) if isinstance(value, dict) else None
    return value
