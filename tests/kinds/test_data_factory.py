"""The data factory that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.tenant import SEEDED_FACTORY
from provisioner.kinds.data_factory import KIND, VERSION, DataFactory
from provisioner.model import Forces
from tests.kinds.azure_setup import put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

EXAMPLE = Example(declare=lambda _azure: DataFactory(id=SEEDED_FACTORY))


def test_it_is_found_with_its_identity_and_place(cloud: Cloud) -> None:
    desired = DataFactory(id=SEEDED_FACTORY)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert set(KIND.publish(observed, None).known()) == {"id", "principal_id", "location"}
    assert KIND.create is None


def test_a_factory_without_an_identity_is_refused_with_the_line_that_gives_it_one(
    cloud: Cloud, azure: LocalAzure
) -> None:
    bare = f"{SEEDED_FACTORY}-bare"
    put(azure, bare, VERSION, {"location": "westeurope", "properties": {}})
    desired = DataFactory(id=bare)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    (change,) = KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time()))
    assert (change.forces, "az resource update" in change.reason) == (Forces.REFUSE, True)


def test_one_that_is_not_there_is_absent(cloud: Cloud) -> None:
    assert KIND.read(cloud, DataFactory(id=f"{SEEDED_FACTORY}-other")) is None
