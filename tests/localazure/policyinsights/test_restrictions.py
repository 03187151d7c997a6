"""What Azure Policy would deny, asked beforehand, and the refusal of a PUT that it denies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

CHECK = "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
VERSION = "2023-03-01"
VAULTS = "Microsoft.KeyVault/vaults"
PROTECTION = f"{VAULTS}/enablePurgeProtection"
UNPROTECTED = {"allOf": [{"field": "type", "equals": VAULTS}, {"not": {"field": PROTECTION, "equals": "true"}}]}


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def assign(arm: Manager, condition: dict[str, Any], **more: Any) -> None:
    policy = {"name": "guard", "definition": "guarded", "if": condition, **more}
    arm.azure.control("PUT", "/settings/policies", {"assignments": [policy]})


def denials(arm: Manager, content: dict[str, Any], scope: str = "", version: str = VERSION, **more: Any) -> list[Any]:
    body = {"resourceDetails": {"resourceContent": content}, **more}
    answer = arm("POST", f"{scope}{CHECK}", body, version=version)
    assert answer.status == 200, answer.body
    assert answer.json()["fieldRestrictions"] == []
    return answer.json()["contentEvaluationResult"]["policyEvaluations"]


def test_without_policies_nothing_is_denied(arm: Manager) -> None:
    assert denials(arm, {"type": VAULTS}) == []
    assert denials(arm, {"type": VAULTS}, arm.group()) == []


def test_a_denial_names_assignment_definition_and_effect(arm: Manager) -> None:
    assign(arm, UNPROTECTED)
    definitions = f"{arm.azure.subscription}/providers/Microsoft.Authorization"
    expected = {
        "policyInfo": {
            "policyDefinitionId": f"{definitions}/policyDefinitions/guarded",
            "policyAssignmentId": f"{definitions}/policyAssignments/guard",
        },
        "evaluationResult": "NonCompliant",
        "effectDetails": {"policyEffect": "Deny"},
    }
    assert denials(arm, {"type": VAULTS, "properties": {}}) == [expected]
    assert denials(arm, {"type": VAULTS, "properties": {"enablePurgeProtection": True}}) == []
    assert "effectDetails" not in denials(arm, {"type": VAULTS}, version="2022-03-01")[0]


@pytest.mark.parametrize(
    ("condition", "content", "denied"),
    [
        ({"field": "location", "notIn": ["westeurope"]}, {"location": "West Europe"}, False),
        ({"field": "location", "in": ["westus"]}, {"location": "westus"}, True),
        ({"field": "location", "exists": "false"}, {}, True),
        ({"field": "tags['cost-center']", "exists": False}, {"tags": {"Cost-Center": "7"}}, False),
        ({"field": "tags.owner", "exists": "false"}, {"tags": {}}, True),
        ({"field": f"{VAULTS}/sku.name", "notEquals": "premium"}, {"properties": {"sku": {"name": "standard"}}}, True),
        ({"field": f"{VAULTS}/sku.name", "equals": "Standard"}, {"sku": {"name": "standard"}}, True),
        ({"anyOf": [{"field": "name", "equals": "a"}, {"field": "kind", "equals": "b"}]}, {"name": "c"}, False),
    ],
)
def test_conditions_are_evaluated(
    arm: Manager, condition: dict[str, Any], content: dict[str, Any], *, denied: bool
) -> None:
    assign(arm, condition)
    assert bool(denials(arm, {"type": VAULTS, **content})) is denied


def test_audit_shows_only_if_asked_for_and_refuses_nothing(arm: Manager) -> None:
    assign(arm, UNPROTECTED, effect="Audit")
    assert denials(arm, {"type": VAULTS}) == []
    (found,) = denials(arm, {"type": VAULTS}, includeAuditEffect=True)
    assert found["effectDetails"] == {"policyEffect": "Audit"}
    arm.vault()


def test_an_assignment_reaches_its_scope_only(arm: Manager) -> None:
    one, two = arm.group(), arm.group("rg-two")
    assign(arm, UNPROTECTED, scope=f"{arm.azure.subscription}{two}")
    assert [len(denials(arm, {"type": VAULTS}, scope)) for scope in ("", one, two)] == [0, 0, 1]


def test_what_a_policy_denies_is_not_created(arm: Manager) -> None:
    group = arm.group()
    assign(arm, UNPROTECTED)
    path = f"{group}/providers/{VAULTS}/kv-denied"

    refused = arm("PUT", path, arm.vault_body())

    assert code(refused) == (403, "RequestDisallowedByPolicy")
    error = refused.json()["error"]
    start = "Resource 'kv-denied' was disallowed by policy. Policy identifiers: '"
    assert error["message"].startswith(start)
    (named,) = json.loads(error["message"].removeprefix(start).removesuffix("'."))
    assert (named["policyAssignment"]["name"], named["policyDefinition"]["name"]) == ("guard", "guarded")
    assert error["target"] == "kv-denied"
    assert error["additionalInfo"][0]["info"]["policyAssignmentId"] == named["policyAssignment"]["id"]
    assert arm("GET", path).status == 404
    assert arm("PUT", path, arm.vault_body(enablePurgeProtection=True)).status == 200


def test_a_denied_group_is_not_created(arm: Manager) -> None:
    assign(arm, {"field": "type", "equals": "Microsoft.Resources/subscriptions/resourceGroups"})
    assert code(arm("PUT", "/resourceGroups/rg-denied", {"location": "westeurope"})) == (
        403,
        "RequestDisallowedByPolicy",
    )


def test_who_may_ask_and_about_what(arm: Manager) -> None:
    group, someone = arm.group(), arm.someone()
    body = {"resourceDetails": {"resourceContent": {"type": VAULTS}}}
    as_someone = arm.as_(someone)
    assert code(as_someone("POST", f"{group}{CHECK}", body, version=VERSION)) == (403, "AuthorizationFailed")
    assert arm.grant(group, "Reader", someone.object_id).status == 201
    assert as_someone("POST", f"{group}{CHECK}", body, version=VERSION).status == 200
    assert code(arm("POST", f"/resourceGroups/none{CHECK}", body, version=VERSION)) == (404, "ResourceGroupNotFound")
    assert code(arm("POST", CHECK, {}, version=VERSION)) == (400, "InvalidRequestContent")
