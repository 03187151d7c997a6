"""A DAG's file in an Apache Airflow job of Fabric, and whose it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.errors import CloudError, Refused
from provisioner.kinds.fabric_file import KIND, MOST_BYTES, FabricFile, Scope
from tests.kinds.azure_setup import ENVIRONMENT, OTHER
from tests.kinds.fabric import adopted, changes, read, view
from tests.kinds.lifecycle import Example
from tests.localazure.fabric.workspace import Fabric

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

PATH = "dags/count.py"


def declare(azure: LocalAzure, **more: Any) -> FabricFile:
    fields = {"job": adopted(azure), "path": PATH, "content": "print('ü')\n", "environment": ENVIRONMENT}
    return FabricFile(**{**fields, **more})


EXAMPLE = Example(
    declare=declare,
    change=lambda _azure, desired: replace(desired, content="print('two')\n"),
    name=PATH,
    scope=lambda desired: Scope(job=desired.job, environment=ENVIRONMENT),
)


def create(cloud: Cloud, desired: FabricFile) -> Any:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return read(cloud, KIND, desired)


def owned(cloud: Cloud, desired: FabricFile) -> list[str]:
    cloud.session.reads.new_pass()
    assert callable(KIND.owned)
    return [one.name for one in KIND.owned(cloud, Scope(job=desired.job, environment=desired.environment))]


def put(azure: LocalAzure, desired: FabricFile, content: bytes, path: str = PATH) -> None:
    assert Fabric(azure=azure)("PUT", f"/v1{desired.job}/files/{path}?beta=true", content).status == 200


@pytest.mark.parametrize("status", [404, 500])
def test_it_is_absent_then_there_then_gone_whatever_a_get_of_none_answers(
    cloud: Cloud, azure: LocalAzure, status: int
) -> None:
    Fabric(azure=azure).settings(missing_file_status=status)
    desired = declare(azure)
    assert KIND.read(cloud, desired) is None
    observed = create(cloud, desired)
    assert (observed.owned, observed.content, owned(cloud, desired)) == (True, desired.content, [PATH])
    assert changes(cloud, KIND, desired) == []
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    assert (read(cloud, KIND, desired), owned(cloud, desired)) == (None, [])


def test_a_failure_is_no_absence(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    create(cloud, desired)
    azure.fault(fault="error", status=500, method="GET", path="files/dags/count.py$", times=None)
    with pytest.raises(CloudError):
        read(cloud, KIND, desired)


def test_another_text_is_shown_and_replaced(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    create(cloud, desired)
    put(azure, desired, b"print(2)\n")
    (change,) = KIND.diff(desired, read(cloud, KIND, desired), view(cloud))
    assert (change.field, "-print(2)" in change.diff, "+print('ü')" in change.diff) == ("sha256", True, True)
    assert KIND.update is not None
    KIND.update(cloud, desired, read(cloud, KIND, desired))
    assert changes(cloud, KIND, desired) == []


def test_a_file_of_somebody_else_becomes_this_environments(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    put(azure, desired, desired.content.encode())
    assert changes(cloud, KIND, desired) == [("owner", "update")]
    assert owned(cloud, desired) == []
    create(cloud, desired)
    assert changes(cloud, KIND, desired) == []


def test_a_file_of_another_environment_is_refused(cloud: Cloud, azure: LocalAzure) -> None:
    create(cloud, declare(azure, environment=OTHER))
    assert changes(cloud, KIND, declare(azure)) == [("path", "refuse")]
    assert owned(cloud, declare(azure)) == []


def test_one_whose_upload_was_cut_off_is_owned_already(cloud: Cloud, azure: LocalAzure) -> None:
    desired = declare(azure)
    azure.fault(fault="error", status=400, code="InvalidRequest", method="PUT", path="count.py$")
    with pytest.raises(CloudError):
        create(cloud, desired)
    assert (read(cloud, KIND, desired), owned(cloud, desired)) == (None, [PATH])


def test_what_fabric_would_not_take_is_refused_before_anything_is_written(cloud: Cloud, azure: LocalAzure) -> None:
    assert KIND.preflight.check is not None
    desired = declare(azure, content="#" * MOST_BYTES)
    KIND.preflight.check(cloud, desired)
    with pytest.raises(Refused, match=rf"it has {MOST_BYTES + 1} bytes, and Fabric takes {MOST_BYTES}. Split the DAG"):
        KIND.preflight.check(cloud, replace(desired, content="#" * (MOST_BYTES + 1)))
    assert KIND.preflight.ready is not None
    (size,) = KIND.preflight.ready(cloud, desired, None)
    assert size.what == f"{PATH} has {MOST_BYTES} of at most {MOST_BYTES} bytes"
