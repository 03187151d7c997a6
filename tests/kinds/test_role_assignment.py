"""A role assignment through its life, and beside those of others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.errors import Refused
from provisioner.kind import OWNER_TAG
from provisioner.kinds import service_principal
from provisioner.kinds.role_assignment import (
    KIND,
    AssignmentsOfPrincipal,
    AssignmentsOfRemoved,
    ObservedRoleAssignment,
    RoleAssignment,
    Scope,
)
from provisioner.model import Address, Described
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def declare(azure: LocalAzure) -> RoleAssignment:
    """On a group, for a principal, both there."""
    group = f"{azure.subscription}/resourceGroups/rg-dev"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    application = azure.graph("POST", "applications", {"displayName": "dev airflow"}).json()
    principal = azure.graph("POST", "servicePrincipals", {"appId": application["appId"]}).json()
    return RoleAssignment(
        scope=group, role="Reader", principal_id=principal["id"], environment=ENVIRONMENT, label="airflow"
    )


def lend(azure: LocalAzure, desired: RoleAssignment) -> RoleAssignment:
    """Only another environment needs it any more, by its description."""
    (path,) = (one["id"] for one in listed(azure, desired) if one["properties"]["scope"] == desired.scope)
    put(azure, path, "2022-04-01", {"properties": {**body(azure, desired), "description": f"{OWNER_TAG}={OTHER}"}})
    return desired


EXAMPLE = Example(
    declare=declare, change=lend, scope=lambda desired: Scope(scope=desired.scope, environment=ENVIRONMENT)
)
desired = pytest.fixture(declare, name="desired")


def listed(azure: LocalAzure, desired: RoleAssignment) -> list[dict[str, Any]]:
    """All assignments that reach the scope."""
    path = f"{desired.scope}/providers/Microsoft.Authorization/roleAssignments"
    return azure.request("GET", f"https://management.azure.com{path}?api-version=2022-04-01").json()["value"]


def body(azure: LocalAzure, desired: RoleAssignment) -> dict[str, Any]:
    """What Azure takes for it."""
    definition = f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    return {
        "roleDefinitionId": definition,
        "principalId": desired.principal_id,
        "principalType": "ServicePrincipal",
    }


def made(cloud: Cloud, desired: RoleAssignment) -> ObservedRoleAssignment:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return seen(cloud, desired)


def seen(cloud: Cloud, desired: RoleAssignment) -> ObservedRoleAssignment:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def gone(cloud: Cloud, observed: ObservedRoleAssignment) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    cloud.session.reads.new_pass()


def by_hand(azure: LocalAzure, desired: RoleAssignment) -> str:
    """The same, as somebody else would have made it; its name."""
    name = "7b1e6a52-55a5-4a0c-8f2e-1d6f0c3b9a77"
    path = f"{desired.scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    put(azure, path, "2022-04-01", {"properties": body(azure, desired)})
    return name


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, desired: RoleAssignment) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert made(cloud, desired) == observed
    gone(cloud, observed)
    gone(cloud, observed)
    assert KIND.read(cloud, desired) is None


def test_a_role_may_be_given_by_its_guid(cloud: Cloud, desired: RoleAssignment) -> None:
    observed = made(cloud, desired)
    assert seen(cloud, replace(desired, role=READER)) == observed


def test_two_environments_share_one_assignment_and_the_last_deletes_it(cloud: Cloud, desired: RoleAssignment) -> None:
    theirs = replace(desired, environment=OTHER)
    first = made(cloud, desired)
    shared = seen(cloud, theirs)
    assert not shared.owned
    (change,) = KIND.diff(theirs, shared, view_at(cloud.session.clock.decision_time()))
    assert change.after == f"{OWNER_TAG}={OTHER}"
    assert KIND.update is not None
    KIND.update(cloud, theirs, shared)
    second = seen(cloud, theirs)
    assert (second.owned, second.name) == (True, first.name)
    gone(cloud, seen(cloud, desired))
    assert not seen(cloud, desired).owned
    gone(cloud, second)
    assert KIND.read(cloud, desired) is None


def test_one_that_somebody_else_made_serves_and_is_never_taken_away(
    cloud: Cloud, azure: LocalAzure, desired: RoleAssignment
) -> None:
    name = by_hand(azure, desired)
    observed = made(cloud, desired)
    assert (observed.name, observed.owned) == (name, False)
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    gone(cloud, observed)
    assert seen(cloud, desired) == observed


def test_a_role_that_does_not_exist_is_refused_before_its_principal_is_made(
    cloud: Cloud, desired: RoleAssignment
) -> None:
    principal = service_principal.Outputs.object_id.of(Address("service_principal", "airflow"))
    wrong = replace(desired, role="Key Vault Secret User", principal_id=principal)
    assert KIND.preflight.check is not None
    with pytest.raises(Refused, match="Key Vault Secrets User"):
        KIND.preflight.check(cloud, wrong)
    assert KIND.read(cloud, replace(desired, role=wrong.role)) is None


def test_ours_are_found_on_their_very_scope_only(cloud: Cloud, azure: LocalAzure, desired: RoleAssignment) -> None:
    observed = made(cloud, desired)
    made(cloud, replace(desired, scope=azure.subscription))
    assert not isinstance(KIND.owned, str)
    (found,) = KIND.owned(cloud, Scope(scope=desired.scope, environment=ENVIRONMENT))
    assert found.observed == observed
    assert KIND.owned(cloud, Scope(scope=desired.scope, environment=OTHER)) == ()


def test_one_pass_lists_a_scope_once(cloud: Cloud, desired: RoleAssignment) -> None:
    made(cloud, desired)
    seen(cloud, desired)
    before = cloud.session.request_counts.copy()
    KIND.read(cloud, desired)
    KIND.read(cloud, replace(desired, environment=OTHER))
    assert cloud.session.request_counts == before


def test_a_condition_that_somebody_added_outlives_our_mark(
    azure: LocalAzure, cloud: Cloud, desired: RoleAssignment
) -> None:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    (path,) = (one["id"] for one in listed(azure, desired) if one["properties"]["scope"] == desired.scope)
    narrowed = {"condition": "@Resource[a:b] StringEquals 'c'", "conditionVersion": "2.0"}
    mark = {"description": f"{OWNER_TAG}={OTHER} {OWNER_TAG}={ENVIRONMENT}"}
    put(azure, path, "2022-04-01", {"properties": {**body(azure, desired), **mark, **narrowed}})
    cloud.session.reads.new_pass()
    observed = KIND.read(cloud, desired)
    assert observed is not None

    assert KIND.delete is not None
    KIND.delete(cloud, observed)

    (left,) = (one["properties"] for one in listed(azure, desired) if one["properties"]["scope"] == desired.scope)
    assert (left["condition"], left["description"]) == (narrowed["condition"], f"{OWNER_TAG}={OTHER}")


def test_a_principals_grants_are_found_wherever_they_are(
    cloud: Cloud, azure: LocalAzure, desired: RoleAssignment
) -> None:
    observed = {made(cloud, desired).name, made(cloud, replace(desired, scope=azure.subscription)).name}
    held = AssignmentsOfPrincipal(
        principal_id=desired.principal_id, subscriptions=(azure.subscription_id,), environment=ENVIRONMENT
    )
    assert not isinstance(KIND.owned, str)
    assert {one.name for one in KIND.owned(cloud, held)} == observed
    assert KIND.owned(cloud, replace(held, environment=OTHER)) == ()
    assert KIND.owned(cloud, replace(held, principal_id=OPERATOR_OBJECT_ID)) == ()


@pytest.mark.parametrize("life", ["living", "deleted", "none"])
def test_grants_of_principals_that_the_spec_no_longer_names_are_found(
    cloud: Cloud, azure: LocalAzure, desired: RoleAssignment, life: str
) -> None:
    marked = {"displayName": "dev old", "uniqueName": "old", "tags": [f"{OWNER_TAG}={ENVIRONMENT}"]}
    application = azure.graph("POST", "applications", marked).json()
    granted: list[str] = []
    if life != "none":
        principal_id = azure.graph("POST", "servicePrincipals", {"appId": application["appId"]}).json()["id"]
        granted.append(made(cloud, replace(desired, principal_id=principal_id)).name)
        if life == "deleted":
            azure.graph("DELETE", f"servicePrincipals/{principal_id}")
    removed = AssignmentsOfRemoved(
        unique_names=("kept",), subscriptions=(azure.subscription_id,), environment=ENVIRONMENT
    )
    assert not isinstance(KIND.owned, str)
    assert [one.name for one in KIND.owned(cloud, removed)] == granted
    assert KIND.owned(cloud, replace(removed, unique_names=("old",))) == ()


def assigned_above(azure: LocalAzure, desired: RoleAssignment, **more: str) -> None:
    """The same role for the same principal, on the subscription."""
    name = "1c2d3e4f-55a5-4a0c-8f2e-1d6f0c3b9a77"
    path = f"{azure.subscription}/providers/Microsoft.Authorization/roleAssignments/{name}"
    put(azure, path, "2022-04-01", {"properties": {**body(azure, desired), **more}})


def test_a_role_that_is_assigned_above_serves(cloud: Cloud, azure: LocalAzure, desired: RoleAssignment) -> None:
    assigned_above(azure, desired)
    observed = seen(cloud, desired)
    assert (observed.owned, observed.scope) == (False, azure.subscription)
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    made(cloud, desired)
    assert desired.scope not in [one["properties"]["scope"] for one in listed(azure, desired)]


CONDITION = {"condition": "@Resource[x]", "conditionVersion": "2.0"}


@pytest.mark.parametrize("more", [{"description": f"{OWNER_TAG}={OTHER}"}, CONDITION])
def test_one_above_that_may_go_or_has_a_condition_does_not_serve(
    cloud: Cloud, azure: LocalAzure, desired: RoleAssignment, more: dict[str, str]
) -> None:
    assigned_above(azure, desired, **more)
    assert KIND.read(cloud, desired) is None
    assert made(cloud, desired).owned


def test_one_that_nothing_declares_is_called_by_its_role_and_says_whether_its_principal_is_gone(
    cloud: Cloud, azure: LocalAzure, desired: RoleAssignment
) -> None:
    made(cloud, desired)
    assert not isinstance(KIND.owned, str)
    (found,) = KIND.owned(cloud, Scope(scope=desired.scope, environment=ENVIRONMENT))
    assert found.describe is not None
    assert found.describe() == Described(label="Reader on resourceGroups/rg-dev")

    azure.graph("DELETE", f"servicePrincipals/{desired.principal_id}")

    assert found.describe().lost == "its principal was deleted in Azure"
