"""The DAG's file through its life."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.kinds.dag_file import KIND, DagFile, ObservedDagFile, Scope
from provisioner.model import Change, View
from tests.kinds.azure_setup import ENVIRONMENT, OTHER
from tests.kinds.lakes import ACCOUNT, content, make_account, make_filesystem, names, write_file
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

DESIRED = DagFile(
    account=ACCOUNT, filesystem="airflow", path="dags/flink.py", content="dag = 'ä'\n", environment=ENVIRONMENT
)


def declare(azure: LocalAzure) -> DagFile:
    """In a filesystem that is there."""
    make_account(azure)
    make_filesystem(azure, "airflow")
    return DESIRED


EXAMPLE = Example(
    name="airflow/dags/flink.py",
    declare=declare,
    change=lambda _azure, desired: replace(desired, content="dag = 2\n"),
    scope=lambda desired: Scope(account=desired.account, filesystem=desired.filesystem, environment=ENVIRONMENT),
)
filesystem = pytest.fixture(declare, name="filesystem", autouse=True)


def read(cloud: Cloud, desired: DagFile = DESIRED) -> ObservedDagFile:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def diff(cloud: Cloud, desired: DagFile = DESIRED) -> dict[str, Change]:
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return {change.field: change for change in KIND.diff(desired, read(cloud, desired), view)}


def create(cloud: Cloud, desired: DagFile = DESIRED) -> None:
    assert KIND.create is not None
    KIND.create(cloud, desired)


def delete(cloud: Cloud, observed: ObservedDagFile) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def test_it_is_absent_then_written_then_as_declared_then_gone(cloud: Cloud, azure: LocalAzure) -> None:
    assert KIND.read(cloud, DESIRED) is None
    create(cloud)
    observed = read(cloud)
    assert observed.owned
    assert diff(cloud) == {}
    assert KIND.publish(observed, None).known()["sha256"] == DESIRED.sha256
    assert content(azure, "airflow/dags/flink.py") == b"dag = '\xc3\xa4'\n"
    create(cloud)
    delete(cloud, observed)
    delete(cloud, observed)
    assert names(azure, "airflow") == []


def test_a_changed_text_is_written_anew(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud)
    newer = replace(DESIRED, content="dag = 2\n")
    assert diff(cloud, newer)["sha256"].reason == "the DAG changed"
    assert KIND.update is not None
    KIND.update(cloud, newer, read(cloud, newer))
    assert diff(cloud, newer) == {}
    assert content(azure, "airflow/dags/flink.py") == b"dag = 2\n"


def test_an_edit_by_hand_is_drift_and_one_of_another_environment_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    write_file(azure, "airflow/dags/flink.py", b"by hand")
    assert diff(cloud)["sha256"].reason == "it was not written by this tool"
    mark = f"provisioner_environment={b64encode(OTHER.encode()).decode()}"
    write_file(azure, "airflow/dags/flink.py", b"theirs", x_ms_properties=mark)
    assert diff(cloud)["path"].forces.value == "refuse"


def test_one_that_the_spec_no_longer_names_is_found_by_its_mark(cloud: Cloud) -> None:
    create(cloud)
    create(cloud, replace(DESIRED, path="dags/empty.py", content=""))
    assert not isinstance(KIND.owned, str)
    scope = Scope(account=ACCOUNT, filesystem="airflow", environment=ENVIRONMENT)
    assert [one.name for one in KIND.owned(cloud, scope)] == ["airflow/dags/empty.py", "airflow/dags/flink.py"]
    assert KIND.owned(cloud, replace(scope, filesystem="nothing-here")) == ()


def test_what_differs_is_shown_as_a_unified_diff_without_passwords(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, replace(DESIRED, content="dag = 1\npassword = 'hush'\n"))

    changes = diff(cloud, replace(DESIRED, content="dag = 2\npassword = 'hush'\n"))

    assert changes["sha256"].diff.splitlines() == [
        "--- dags/flink.py (Azure)",
        "+++ dags/flink.py (file)",
        "@@ -1,2 +1,2 @@",
        "-dag = 1",
        "+dag = 2",
        " password = '(secret)'",
    ]
    azure.fault(fault="error", method="GET", path="/dags/flink.py", status=403, code="AuthorizationPermissionMismatch")
    assert diff(cloud)["sha256"].diff == ""


def test_of_a_file_that_is_too_long_for_a_dag_nothing_is_shown(cloud: Cloud) -> None:
    create(cloud, replace(DESIRED, content="#" * (1 << 20) + "\n"))

    assert {name: change.diff for name, change in diff(cloud).items()} == {"sha256": "", "size": ""}
