"""Azure Policy is asked before the first write about what a run would create; a denial stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.test_doctor import both_are_told, findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli

CHECK = "/checkPolicyRestrictions"
CREATED = ["resource_group/flink-local", "storage_account/stflinklocal", "key_vault/kv-flink-local"]
ACCOUNTS = "Microsoft.Storage/storageAccounts"


@pytest.fixture
def tenant(cli: Cli) -> Iterator[Cli]:
    """What a test changes in the tenant is gone after it."""
    yield cli
    cli.azure.reset()


def assign(cli: Cli, condition: dict[str, Any], effect: str = "Deny") -> None:
    policy = {"name": "guard", "definition": "guarded", "effect": effect, "if": condition}
    cli.azure.control("PUT", "/settings/policies", {"assignments": [policy]})


def asked(cli: Cli) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = cli.azure.control("GET", "/calls")["calls"]
    return [call for call in calls if call["path"].endswith(CHECK)]


def likely(cli: Cli) -> list[str]:
    notes = findings(cli.done("doctor", "--json"), "note")
    return [one["about"] for one in notes if one["what"].startswith("Azure Policy likely allows ")]


@pytest.mark.parametrize(
    ("field", "resource"),
    [
        ("Microsoft.KeyVault/vaults/enablePurgeProtection", "key_vault/kv-flink-local"),
        (f"{ACCOUNTS}/publicNetworkAccess", "storage_account/stflinklocal"),
        ("tags['cost-center']", "resource_group/flink-local"),
    ],
)
def test_a_denial_stops_before_the_first_write(tenant: Cli, field: str, resource: str) -> None:
    kinds = {"tags['cost-center']": "Microsoft.Resources/subscriptions/resourceGroups"}
    kind = {"field": "type", "equals": kinds.get(field, field.rpartition("/")[0])}
    assign(tenant, {"allOf": [kind, {"field": field, "exists": "false"}]})
    authorization = f"{tenant.azure.subscription}/providers/Microsoft.Authorization"

    both_are_told(
        tenant,
        f"{resource}: Azure Policy denies {resource.rpartition('/')[2]}",
        f"{authorization}/policyAssignments/guard",
        f"{authorization}/policyDefinitions/guarded",
    )


def test_what_complies_is_likely_and_created(tenant: Cli) -> None:
    tenant.spec["tags"] = {"cost-center": "7"}
    assign(
        tenant, {"allOf": [{"field": "type", "equals": ACCOUNTS}, {"field": "tags['cost-center']", "notEquals": "7"}]}
    )

    assert likely(tenant) == CREATED
    tenant.forget_calls()
    tenant.done("provision")

    assert len(asked(tenant)) == len(CREATED)
    tenant.forget_calls()
    assert tenant("plan", "--detailed-exitcode").code == 0
    tenant.done("doctor")
    tenant.done("provision")
    assert asked(tenant) == []


def test_a_policy_that_only_audits_stops_nothing(tenant: Cli) -> None:
    assign(tenant, {"field": "type", "equals": ACCOUNTS}, effect="Audit")
    assert likely(tenant) == CREATED


def test_an_existing_group_is_asked_at_itself(tenant: Cli) -> None:
    put = f"https://management.azure.com{tenant.azure.subscription}/resourceGroups/flink-local?api-version=2021-04-01"
    assert tenant.azure.request("PUT", put, {"location": "westeurope"}).status == 201
    tenant.forget_calls()

    assert likely(tenant) == CREATED[1:]
    scope = f"{tenant.azure.subscription}/resourceGroups/flink-local/providers/Microsoft.PolicyInsights{CHECK}"
    assert [call["path"] for call in asked(tenant)] == [scope, scope]


@pytest.mark.parametrize(("status", "code"), [(403, "AuthorizationFailed"), (404, "InvalidResourceNamespace")])
def test_who_may_not_ask_is_told_so_and_not_stopped(tenant: Cli, status: int, code: str) -> None:
    tenant.azure.fault(fault="error", path=f"{CHECK}$", status=status, code=code, times=None)

    unknown = findings(tenant.done("doctor", "--json"), "not known")

    (unanswered,) = [one for one in unknown if "Azure Policy" in one["what"]]
    assert (unanswered["about"], code in unanswered["what"]) == (CREATED[0], True)
    tenant.done("provision")
