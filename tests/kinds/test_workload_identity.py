"""A managed identity that the spec names: looked up, never created or changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localazure.app.tenant import SEEDED_IDENTITY
from provisioner.kinds.workload_identity import KIND, Outputs, WorkloadIdentity
from tests.kinds.azure_setup import view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

DESIRED = WorkloadIdentity(id=SEEDED_IDENTITY)
EXAMPLE = Example(declare=lambda _azure: DESIRED)


def test_its_ids_are_published_and_it_is_nobody_s_to_change(cloud: Cloud) -> None:
    observed = KIND.read(cloud, DESIRED)

    assert observed is not None
    assert not observed.owned
    view = view_at(cloud.session.clock.decision_time())
    assert KIND.diff(DESIRED, observed, view) == ()
    assert KIND.publish(observed, view) == Outputs(client_id=observed.client_id, object_id=observed.object_id)
    assert observed.client_id != observed.object_id
    assert (KIND.create, KIND.update, KIND.delete) == (None, None, None)


def test_one_that_does_not_exist_is_not_there(cloud: Cloud) -> None:
    assert KIND.read(cloud, replace(DESIRED, id=f"{SEEDED_IDENTITY}-two")) is None
