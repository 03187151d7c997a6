"""The import of a DAG through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from provisioner.errors import NotAuthorized, NotFound, NotYetVisible
from provisioner.kinds import dag_file, linked_service
from provisioner.kinds.dag_import import KIND, DagImport, ObservedDagImport
from provisioner.model import View
from tests.kinds import factories, lakes
from tests.kinds.lives import Example
from tests.kinds.worlds import ENVIRONMENT, cloud_of, put

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
FILE = dag_file.DagFile(
    account=lakes.ACCOUNT, filesystem="airflow", path="dags/flink.py", content="dag = 1\n", environment=ENVIRONMENT
)


def declare(azure: LocalAzure) -> DagImport:
    """With file, linked service and runtime in place, and the factory's right to read."""
    cloud = cloud_of(azure)
    account = lakes.make_account(azure)
    lakes.make_filesystem(azure, "airflow")
    let_read(azure, account)
    factories.create(cloud, factories.example(azure))
    linked = linked_service.LinkedService(
        factory_id=factories.factory_id(azure), name="dags", account=lakes.ACCOUNT, environment=ENVIRONMENT
    )
    assert linked_service.KIND.create is not None
    linked_service.KIND.create(cloud, linked)
    write(cloud, FILE)
    return DagImport(
        factory_id=factories.factory_id(azure),
        runtime="airflow",
        linked_service="dags",
        account=lakes.ACCOUNT,
        filesystem="airflow",
        folder="airflow",
        path=FILE.path,
        content_sha256=FILE.sha256,
        environment=ENVIRONMENT,
    )


def change(azure: LocalAzure, desired: DagImport) -> DagImport:
    """The file is another one by now."""
    newer = replace(FILE, content="dag = 2\n")
    write(cloud_of(azure), newer)
    return replace(desired, content_sha256=newer.sha256)


EXAMPLE = Example(declare=declare, change=change)
desired = pytest.fixture(declare, name="desired")


def assignment(account: str) -> str:
    return f"{account}/providers/Microsoft.Authorization/roleAssignments/{uuid5(NAMESPACE_URL, account)}"


def let_read(azure: LocalAzure, account: str) -> None:
    """Grant the factory's identity Storage Blob Data Reader."""
    url = f"https://management.azure.com{factories.factory_id(azure)}?api-version={factories.VERSION}"
    properties: dict[str, Any] = {
        "roleDefinitionId": f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        "principalId": azure.request("GET", url).json()["identity"]["principalId"],
        "principalType": "ServicePrincipal",
    }
    put(azure, assignment(account), "2022-04-01", {"properties": properties})


def write(cloud: Cloud, file: dag_file.DagFile) -> None:
    found = dag_file.KIND.read(cloud, file)
    if found is None:
        assert dag_file.KIND.create is not None
        dag_file.KIND.create(cloud, file)
    else:
        assert dag_file.KIND.update is not None
        dag_file.KIND.update(cloud, file, found)


def read(cloud: Cloud, desired: DagImport) -> ObservedDagImport | None:
    cloud.session.memory.new_pass()
    return KIND.read(cloud, desired)


def diff(cloud: Cloud, desired: DagImport) -> list[str]:
    observed = read(cloud, desired)
    assert observed is not None
    view = View(now=cloud.session.clock.now(), environment_id=ENVIRONMENT)
    return [change.field for change in KIND.diff(desired, observed, view)]


def create(cloud: Cloud, desired: DagImport) -> None:
    assert KIND.create is not None
    KIND.create(cloud, desired)


def test_it_is_imported_once_and_again_only_when_the_content_differs(
    cloud: Cloud, azure: LocalAzure, desired: DagImport
) -> None:
    assert read(cloud, desired) is None
    create(cloud, desired)
    assert diff(cloud, desired) == []
    assert "provisioner_environment" in lakes.lake(azure, "HEAD", "airflow/dags/flink.py").headers["x-ms-properties"]
    newer = replace(FILE, content="dag = 2\n")
    write(cloud, newer)
    again = replace(desired, content_sha256=newer.sha256)
    assert diff(cloud, again) == ["content_sha256"]
    assert KIND.update is not None
    observed = read(cloud, again)
    assert observed is not None
    KIND.update(cloud, again, observed)
    assert diff(cloud, again) == []


def test_a_runtime_that_was_made_anew_has_nothing_imported(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    create(cloud, desired)
    url = f"https://management.azure.com{factories.runtime_id(azure)}?api-version={factories.VERSION}"
    azure.request("DELETE", url)
    assert read(cloud, desired) is None
    factories.create(cloud, factories.example(azure))
    assert read(cloud, desired) is None
    create(cloud, desired)
    assert diff(cloud, desired) == []


def test_without_the_file_nothing_is_imported(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    lakes.lake(azure, "DELETE", "airflow/dags/flink.py")
    lakes.write_file(azure, "airflow/dags/other.py", b"dag = 0")
    assert read(cloud, desired) is None
    with pytest.raises(NotFound):
        create(cloud, desired)


def test_a_runtime_that_goes_meanwhile_is_told(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    azure.fault(fault="error", method="GET", path="integrationruntimes/airflow", status=404, code="NotFound")
    with pytest.raises(NotFound):
        create(cloud, desired)


def test_the_factory_is_waited_for_until_its_grant_arrives(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    azure.control("PUT", "/faults", {"grant_lag_seconds": 3})
    create(cloud, desired)
    assert diff(cloud, desired) == []


def test_a_factory_without_a_grant_is_told_of_it(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    group = f"{azure.subscription}/resourceGroups/rg-kinds"
    path = assignment(f"{group}/providers/Microsoft.Storage/storageAccounts/{lakes.ACCOUNT}")
    azure.request("DELETE", f"https://management.azure.com{path}?api-version=2022-04-01")
    with pytest.raises(NotYetVisible, match="Storage Blob Data Reader"):
        cloud.data_factory.import_dags(
            desired.factory_id, desired.runtime, desired.linked_service, desired.folder, deadline_seconds=0.3
        )


def test_a_caller_without_the_right_is_not_asked_to_wait(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    azure.fault(fault="error", method="POST", path="airflow/sync", status=403, code="AuthorizationFailed")
    with pytest.raises(NotAuthorized):
        create(cloud, desired)


def test_a_lost_answer_is_asked_for_again(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    azure.fault(fault="lost", method="POST", path="airflow/sync")
    create(cloud, desired)
    assert diff(cloud, desired) == []
