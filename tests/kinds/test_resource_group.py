"""A resource group through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import Conflict
from provisioner.kind import OWNER_TAG
from provisioner.kinds.resource_group import KIND, ObservedResourceGroup, ResourceGroup
from provisioner.model import Forces
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def declare(azure: LocalAzure) -> ResourceGroup:
    """One that is not there."""
    group = f"{azure.subscription}/resourceGroups/rg-dev"
    return ResourceGroup(id=group, location="westeurope", tags={"team": "a"}, environment=ENVIRONMENT)


def change(_azure: LocalAzure, desired: ResourceGroup) -> ResourceGroup:
    """Another tag."""
    return replace(desired, tags={"team": "b"})


EXAMPLE = Example(declare=declare, change=change)
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: ResourceGroup) -> ObservedResourceGroup:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return seen(cloud, desired)


def seen(cloud: Cloud, desired: ResourceGroup) -> ObservedResourceGroup:
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, desired: ResourceGroup) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert KIND.publish(observed, None).known() == {"id": desired.id}
    assert made(cloud, desired) == observed
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    KIND.delete(cloud, observed)
    assert KIND.read(cloud, desired) is None


def test_our_tags_are_brought_back_and_tags_of_others_stay(
    cloud: Cloud, azure: LocalAzure, desired: ResourceGroup
) -> None:
    made(cloud, desired)
    tags = {OWNER_TAG: ENVIRONMENT, "team": "b", "cost": "7"}
    put(azure, desired.id, "2021-04-01", {"location": "westeurope", "tags": tags})
    cloud.session.reads.new_pass()
    drifted = seen(cloud, desired)
    changes = KIND.diff(desired, drifted, view_at(cloud.session.clock.decision_time()))
    assert [(c.field, c.before, c.after, c.forces) for c in changes] == [("tags.team", "b", "a", Forces.UPDATE)]
    assert KIND.update is not None
    KIND.update(cloud, desired, drifted)
    assert seen(cloud, desired).tags == {OWNER_TAG: ENVIRONMENT, "team": "a", "cost": "7"}


def test_a_group_of_ours_does_not_move_and_an_adopted_one_need_not(cloud: Cloud, desired: ResourceGroup) -> None:
    observed = made(cloud, desired)
    elsewhere = replace(desired, location="North Europe")
    (change,) = KIND.diff(elsewhere, observed, view_at(cloud.session.clock.decision_time()))
    assert (change.field, change.forces) == ("location", Forces.REFUSE)
    assert KIND.diff(elsewhere, replace(observed, owned=False), view_at(cloud.session.clock.decision_time())) == ()


def test_one_that_somebody_made_since_the_plan_is_not_taken(
    cloud: Cloud, azure: LocalAzure, desired: ResourceGroup
) -> None:
    assert KIND.read(cloud, desired) is None
    put(azure, desired.id, "2021-04-01", {"location": "westeurope", "tags": {OWNER_TAG: OTHER}})
    cloud.session.reads.new_pass()  # a run looks again right before it writes
    with pytest.raises(Conflict, match="meanwhile"):
        made(cloud, desired)


def test_what_lies_in_it_without_our_mark_is_a_stranger(
    cloud: Cloud, azure: LocalAzure, desired: ResourceGroup
) -> None:
    observed = made(cloud, desired)
    for name, tags in (("mine", {OWNER_TAG: ENVIRONMENT}), ("theirs", {}), ("others", {OWNER_TAG: OTHER})):
        identity = f"{desired.id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        put(azure, identity, "2023-01-31", {"location": "westeurope", "tags": tags})
    assert KIND.container is not None
    assert KIND.container.unmanaged is not None
    assert sorted(KIND.container.unmanaged(cloud, observed)) == [
        "userAssignedIdentities/others",
        "userAssignedIdentities/theirs",
    ]
