"""Settings and packages that somebody changes in a Fabric job while a run changes others stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.kinds.fabric_environment import KIND
from tests.kinds.fabric import adopted, read
from tests.kinds.fabric import settings as stored
from tests.kinds.test_fabric_environment import PACKAGE, THEIRS, create, declare, status
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


def test_a_package_that_is_installed_once_settings_are_rolled_out_stays(cloud: Cloud, azure: LocalAzure) -> None:
    job, desired = adopted(azure), declare(azure)
    deploy = f"/v1{job}/environment/deployRequirements?beta=true"
    fabric = Fabric(azure=azure)

    def install(_wait: Wait) -> None:
        if status(azure) == "Started":
            fabric.settings(rollout_seconds=0.0)
            assert fabric("POST", deploy, b"pandas==2.2.3\n").status == 202
            cloud.session.waits.report = lambda _wait: None

    cloud.session.waits.report = install
    fabric.settings(rollout_seconds=1.5)

    create(cloud, desired)

    assert read(cloud, KIND, desired).found.libraries == {"pandas": "2.2.3", PACKAGE: "12.8.1"}


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
