"""Settings that somebody changes in a Fabric job while a run changes others stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.kinds.fabric_environment import KIND
from tests.kinds.fabric import adopted
from tests.kinds.fabric import settings as stored
from tests.kinds.test_fabric_environment import THEIRS, create, declare
from tests.localazure.fabric.workspace import Fabric

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.transport.waits import Wait
    from tests.emulator import LocalAzure


def also(azure: LocalAzure, job: str) -> None:
    """Somebody sets THEIRS on the job's page, beside what there is."""
    there = stored(azure, job)
    adopted(azure, **{name: {**values, **THEIRS[name]} for name, values in there.items()})


def has(azure: LocalAzure, job: str) -> bool:
    there = stored(azure, job)
    return all(there[name].items() >= values.items() for name, values in THEIRS.items())


def test_what_is_set_since_the_plan_stays(cloud: Cloud, azure: LocalAzure) -> None:
    job, desired = adopted(azure), declare(azure)
    assert KIND.read(cloud, desired) is not None
    also(azure, job)

    assert KIND.create is not None
    KIND.create(cloud, desired)

    assert has(azure, job)


def test_what_is_set_while_a_teardown_restarts_airflow_stays(cloud: Cloud, azure: LocalAzure) -> None:
    job, desired = adopted(azure), declare(azure)
    observed: Any = create(cloud, desired)

    def change(_wait: Wait) -> None:
        Fabric(azure=azure).settings(rollout_seconds=0.0)
        also(azure, job)
        cloud.session.waits.report = lambda _wait: None

    cloud.session.waits.report = change
    Fabric(azure=azure).settings(rollout_seconds=1.5)
    assert KIND.delete is not None

    KIND.delete(cloud, observed)

    assert stored(azure, job) == THEIRS
