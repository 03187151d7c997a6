"""A filesystem through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import Conflict
from provisioner.kinds.filesystem import KIND, Filesystem, ObservedFilesystem
from provisioner.model import Address, View
from tests.kinds.azure_setup import ENVIRONMENT
from tests.kinds.lakes import ACCOUNT, lake, make_account, make_filesystem, names, write_file
from tests.kinds.lifecycle import CREATE, Example, recipe_of
from tests.kinds.lifecycle import planned as planned_creation

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

DESIRED = Filesystem(account=ACCOUNT, name="jobs", environment=ENVIRONMENT)


def declare(azure: LocalAzure) -> Filesystem:
    """In an account that is there."""
    make_account(azure)
    return DESIRED


EXAMPLE = Example(declare=declare)


def read(cloud: Cloud) -> ObservedFilesystem:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, DESIRED)
    assert found is not None
    return found


def diff(cloud: Cloud) -> list[str]:
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return [change.forces.value for change in KIND.diff(DESIRED, read(cloud), view)]


def create(cloud: Cloud) -> None:
    assert KIND.create is not None
    KIND.create(cloud, DESIRED)


def delete(cloud: Cloud, observed: ObservedFilesystem) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure)
    assert KIND.read(cloud, DESIRED) is None
    create(cloud)
    observed = read(cloud)
    assert observed.owned
    assert diff(cloud) == []
    assert KIND.publish(observed, None).known() == {"url": f"abfss://jobs@{ACCOUNT}.dfs.core.windows.net/"}
    create(cloud)
    delete(cloud, observed)
    delete(cloud, observed)
    assert KIND.read(cloud, DESIRED) is None


def test_one_that_was_there_is_adopted_and_keeps_its_metadata(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure)
    lake(azure, "PUT", "jobs?resource=filesystem", x_ms_properties="team=Ymx1ZQ==")
    create(cloud)
    assert not read(cloud).owned
    assert diff(cloud) == []
    planned, _ = planned_creation(cloud, recipe_of(EXAMPLE, Address("filesystem", "jobs"), DESIRED), CREATE)
    assert [step.reason for step in planned.steps] == ["adopted: it existed before, so it is left as it is"]
    assert "team=" in lake(azure, "HEAD", "jobs?resource=filesystem").headers["x-ms-properties"]


def test_a_folder_where_airflow_reads_its_dags_itself_is_told(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure)
    desired = replace(DESIRED, flat="dags")
    assert findings(cloud, desired, None) == []
    create(cloud)
    observed = read(cloud)
    assert findings(cloud, desired, observed) == []  # the folder itself is not there yet
    write_file(azure, "jobs/dags/flat.py", b"#")
    write_file(azure, "jobs/other/deep.py", b"#")
    assert findings(cloud, desired, observed) == []
    write_file(azure, "jobs/dags/team/a.py", b"#")
    (told,) = findings(cloud, desired, observed)
    assert told.startswith("the folder dags/team keeps Airflow's WasbDagBundle from reading any DAG")
    assert findings(cloud, DESIRED, observed) == []


def findings(cloud: Cloud, desired: Filesystem, observed: ObservedFilesystem | None) -> list[str]:
    """What is wrong before the first write."""
    ready = KIND.preflight.ready
    assert ready is not None
    return [one.what for one in ready(cloud, desired, observed)]


def test_a_flat_account_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure, hierarchical=False)
    make_filesystem(azure, "jobs")
    assert diff(cloud) == ["refuse"]


def test_files_of_others_are_strangers_and_directories_are_not(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure)
    create(cloud)
    assert KIND.container is not None
    assert KIND.container.unmanaged is not None
    assert KIND.container.unmanaged(cloud, read(cloud)) == ()
    lake(azure, "PUT", "jobs/empty?resource=directory")
    write_file(azure, "jobs/theirs/notes.txt", b"notes")
    assert KIND.container.unmanaged(cloud, read(cloud)) == ("theirs/notes.txt",)
    assert "empty" in names(azure, "jobs")


def test_one_that_is_still_being_deleted_is_waited_for(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure)
    azure.fault(fault="error", method="PUT", path="jobs", status=409, code="ContainerBeingDeleted", times=2)
    create(cloud)
    assert read(cloud).owned


def test_deleting_one_that_is_being_deleted_is_fine_and_a_leased_one_is_not_deleted(
    cloud: Cloud, azure: LocalAzure
) -> None:
    make_account(azure)
    create(cloud)
    observed = read(cloud)
    azure.fault(fault="error", method="DELETE", path="jobs", status=409, code="ContainerBeingDeleted")
    delete(cloud, observed)
    azure.fault(fault="error", method="DELETE", path="jobs", status=409, code="LeaseIdMissing")
    with pytest.raises(Conflict):
        delete(cloud, observed)


def test_a_lost_answer_changes_nothing(cloud: Cloud, azure: LocalAzure) -> None:
    make_account(azure)
    azure.fault(fault="lost", method="PUT", path="jobs")
    create(cloud)
    azure.fault(fault="lost", method="DELETE", path="jobs")
    delete(cloud, read(cloud))
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, DESIRED) is None
