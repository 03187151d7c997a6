"""The roles that a principal may activate in Privileged Identity Management, by raw HTTP and the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient

from tests.resource_manager import OPERATOR, ROLES, Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

INSTANCES = "/providers/Microsoft.Authorization/roleEligibilityScheduleInstances"
AS_TARGET = f"{INSTANCES}?$filter=asTarget()"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def _eligible(arm: Manager, object_id: str, role: str, path: str) -> None:
    one = {"role": ROLES[role], "scope": f"{arm.azure.subscription}{path}"}
    arm.azure.control("PUT", "/settings/eligible_roles", {object_id: [one]})


def _scopes(arm: Manager, path: str) -> list[str]:
    listed = arm("GET", f"{path}{AS_TARGET}", version="2020-10-01")
    assert listed.status == 200, listed.json()
    return [one["properties"]["scope"] for one in listed.json()["value"]]


def test_an_instance_names_role_scope_and_principal(arm: Manager) -> None:
    group = arm.group()
    _eligible(arm, OPERATOR, "Contributor", group)

    [one] = arm("GET", f"{group}{AS_TARGET}", version="2020-10-01").json()["value"]

    scope, properties = f"{arm.azure.subscription}{group}", one["properties"]
    assert one["type"] == "Microsoft.Authorization/RoleEligibilityScheduleInstances"
    assert one["id"] == f"{scope}/providers/{one['type']}/{one['name']}"
    assert (properties["scope"], properties["principalId"]) == (scope, OPERATOR)
    assert properties["roleDefinitionId"].endswith(f"/roleDefinitions/{ROLES['Contributor']}")
    assert properties["expandedProperties"]["roleDefinition"]["displayName"] == "Contributor"


def test_the_callers_own_are_listed_at_above_and_below_the_scope(arm: Manager) -> None:
    vault, other = arm.vault(), arm.group("rg-other")
    _eligible(arm, OPERATOR, "Reader", "/resourceGroups/rg-one")
    scope = f"{arm.azure.subscription}/resourceGroups/rg-one"

    assert _scopes(arm, vault) == _scopes(arm, "/resourceGroups/RG-ONE") == _scopes(arm, "") == [scope]
    assert _scopes(arm, other) == []
    _eligible(arm, arm.someone().object_id, "Reader", "/resourceGroups/rg-one")
    assert _scopes(arm, "/resourceGroups/rg-one") == []


def test_an_eligible_role_allows_nothing_until_it_is_activated_not_even_to_list_it(arm: Manager) -> None:
    group, someone = arm.group(), arm.someone()
    _eligible(arm, someone.object_id, "Contributor", group)
    mine = arm.as_(someone)

    assert code(mine("GET", group)) == (403, "AuthorizationFailed")
    assert code(mine("GET", f"{group}{AS_TARGET}", version="2020-10-01")) == (403, "AuthorizationFailed")
    assert arm.grant(group, "Reader", someone.object_id).status == 201
    assert _scopes(mine, group) == [f"{arm.azure.subscription}{group}"]


@pytest.mark.parametrize("query", ["", "?$filter=atScope()"])
def test_a_filter_that_is_not_served_is_refused(arm: Manager, query: str) -> None:
    assert code(arm("GET", f"{INSTANCES}{query}", version="2020-10-01"))[0] == 400


def test_the_sdk_lists_them(azure_env: LocalAzure) -> None:
    azure, arm = azure_env, Manager(azure=azure_env)
    group, secret = arm.group(), azure.operator_secret.reveal()
    _eligible(arm, OPERATOR, "Contributor", group)
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        AuthorizationManagementClient(credential, azure.subscription_id) as typed,
    ):
        client: Any = typed
        scope = f"{azure.subscription}{group}"
        [one] = client.role_eligibility_schedule_instances.list_for_scope(scope, filter="asTarget()")
    assert (one.scope, one.expanded_properties.role_definition.display_name) == (scope, "Contributor")
