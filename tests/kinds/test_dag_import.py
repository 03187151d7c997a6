"""The import of a DAG through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from provisioner.errors import DagNotParsed, NotAuthorized, NotFound, NotYetVisible
from provisioner.kinds import dag_file, linked_service
from provisioner.kinds.dag_import import KIND, DagImport, ObservedDagImport, Scope
from provisioner.model import AirflowApi, AirflowSignIn, Proof, Published, Unproven, View
from provisioner.parsed_dag import ExpectedDag, lines_sha256
from tests.emulator import ARM
from tests.kinds import factories, lakes
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, cloud_of, put
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

SCOPE = "5d13f7d7-0567-429c-9880-320e9555e5fc/.default"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
FILE = dag_file.DagFile(
    account=lakes.ACCOUNT,
    filesystem="airflow",
    path="dags/flink.py",
    content="from airflow import DAG\n",
    environment=ENVIRONMENT,
)


def declare(azure: LocalAzure) -> DagImport:
    """With file, linked service and runtime in place, and the factory's right to read."""
    cloud = cloud_of(azure)
    account = lakes.make_account(azure)
    lakes.make_filesystem(azure, "airflow")
    let_read(azure, account)
    factories.create(cloud, factories.example(azure))
    linked = linked_service.LinkedService(
        factory_id=factories.factory_id(azure),
        name="dags",
        account=lakes.ACCOUNT,
        account_id="",
        vault_id="",
        environment=ENVIRONMENT,
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
        dag=expected(FILE),
        api=AirflowApi(version="2.6.3", right="", setting="", sign_in=AirflowSignIn(way="entra", scope=SCOPE)),
        deadline_seconds=3.0,
    )


def expected(file: dag_file.DagFile) -> ExpectedDag:
    return ExpectedDag(id="flink", file="flink.py", lines_sha256=lines_sha256(file.content))


def change(azure: LocalAzure, desired: DagImport) -> DagImport:
    """The file is another one by now."""
    newer = replace(FILE, content="from airflow import DAG as D\n")
    write(cloud_of(azure), newer)
    return replace(desired, content_sha256=newer.sha256, dag=expected(newer))


def scope(desired: DagImport) -> Scope:
    return Scope(
        factory_id=desired.factory_id,
        runtime=desired.runtime,
        linked_service=desired.linked_service,
        account=desired.account,
        filesystem=desired.filesystem,
        folder=desired.folder,
        environment=desired.environment,
        deadline_seconds=desired.deadline_seconds,
        folders=("dags",),
    )


EXAMPLE = Example(declare=declare, change=change, scope=scope)
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
    cloud.session.reads.new_pass()
    return KIND.read(cloud, desired)


def diff(cloud: Cloud, desired: DagImport) -> list[str]:
    observed = read(cloud, desired)
    assert observed is not None
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return [change.field for change in KIND.diff(desired, observed, view)]


def create(cloud: Cloud, desired: DagImport) -> Proof | Unproven:
    """Import it; what is known of it then."""
    assert KIND.create is not None
    made = KIND.create(cloud, desired)
    observed = read(cloud, desired)
    assert KIND.proofs.written is not None
    assert observed is not None
    return KIND.proofs.written(cloud, desired, observed, made or Published(), None)


def test_it_is_imported_once_and_again_only_when_the_content_differs(
    cloud: Cloud, azure: LocalAzure, desired: DagImport
) -> None:
    assert read(cloud, desired) is None
    create(cloud, desired)
    assert diff(cloud, desired) == []
    assert "provisioner_environment" in lakes.lake(azure, "HEAD", "airflow/dags/flink.py").headers["x-ms-properties"]
    newer = replace(FILE, content="from airflow import DAG as D\n")
    write(cloud, newer)
    again = replace(desired, content_sha256=newer.sha256, dag=expected(newer))
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
        cloud.client("data_factory").request_dag_import(
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


def airflow(azure: LocalAzure, **settings: Any) -> None:
    azure.control("PUT", "/settings/airflow", {"tells_sources": True, **settings})


def note(cloud: Cloud, desired: DagImport) -> str:
    observed = read(cloud, desired)
    assert observed is not None
    return observed.note


def test_it_is_done_once_airflow_has_parsed_it(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    airflow(azure)
    assert create(cloud, desired) is Proof.USABLE
    assert note(cloud, desired) == ""


def test_where_airflow_does_not_tell_it_is_sent_and_not_confirmed(cloud: Cloud, desired: DagImport) -> None:
    proof = create(cloud, desired)
    assert isinstance(proof, Unproven)
    assert proof.why == "sent, not confirmed: Airflow has flink and does not tell its text"
    assert "`provisioner provision --reimport` sends it again" in note(cloud, desired)


def test_where_airflow_cannot_be_asked_it_is_sent_and_not_confirmed(
    cloud: Cloud, azure: LocalAzure, desired: DagImport
) -> None:
    airflow(azure)
    azure.fault(fault="error", host="airflow.svc", status=403, code="Forbidden", times=None)
    proof = create(cloud, desired)
    assert isinstance(proof, Unproven)
    assert "Airflow did not answer: GET Airflow dags/flink answered 403" in proof.why


def test_an_import_that_was_accepted_and_fails_is_told_and_stays_unconfirmed_until_it_is_sent_again(
    cloud: Cloud, azure: LocalAzure, desired: DagImport
) -> None:
    airflow(azure, imports_fail=True)
    with pytest.raises(DagNotParsed, match=r"has not parsed the current dags/flink\.py"):
        create(cloud, desired)
    assert note(cloud, desired).startswith("sent, not confirmed")
    airflow(azure)
    assert create(cloud, desired) is Proof.USABLE


def test_a_file_in_which_no_id_can_be_read_is_not_asked_for(cloud: Cloud, desired: DagImport) -> None:
    proof = create(cloud, replace(desired, dag=replace(desired.dag, id="")))
    assert proof == Unproven(why="sent, not confirmed: no DAG's id can be read in dags/flink.py")


def owned(cloud: Cloud, desired: DagImport) -> dict[str, Any]:
    """What a search finds, by name."""
    cloud.session.reads.new_pass()
    assert not isinstance(KIND.owned, str)
    return {one.name: one.observed for one in KIND.owned(cloud, scope(desired))}


def delete(cloud: Cloud, observed: ObservedDagImport) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def parsed(azure: LocalAzure) -> int:
    """The status of Airflow's answer about the DAG."""
    airflow(azure)
    runtime = azure.request("GET", f"{ARM}{factories.runtime_id(azure)}?api-version={factories.VERSION}").json()
    url = runtime["properties"]["typeProperties"]["airflowProperties"]["airflowWebUrl"].removesuffix("/login/")
    token = azure.token(SCOPE.removesuffix("/.default"))
    return azure.request("GET", f"{url}/api/v1/dags/flink", token=token).status


def test_one_that_nobody_declares_is_found_under_its_dags_id_and_airflow_has_no_dag_of_it_afterwards(
    cloud: Cloud, azure: LocalAzure, desired: DagImport
) -> None:
    assert owned(cloud, desired) == {}
    create(cloud, desired)
    assert owned(cloud, desired) == {"flink": read(cloud, desired)}
    assert parsed(azure) == 200
    delete(cloud, owned(cloud, desired)["flink"])
    assert parsed(azure) == 404
    assert (owned(cloud, desired), read(cloud, desired)) == ({}, None)


def test_a_file_that_was_there_before_stays_with_its_dag(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    other = replace(desired, environment=OTHER)
    create(cloud, other)
    assert owned(cloud, other) == {}
    observed = read(cloud, other)
    assert observed is not None
    delete(cloud, observed)
    assert (parsed(azure), read(cloud, other)) == (200, None)
    assert (
        dag_file.KIND.diff(FILE, seen(cloud), View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT))
        == ()
    )


def seen(cloud: Cloud) -> dag_file.ObservedDagFile:
    cloud.session.reads.new_pass()
    found = dag_file.KIND.read(cloud, FILE)
    assert found is not None
    return found


def test_one_of_an_earlier_version_has_its_files_name(cloud: Cloud, azure: LocalAzure, desired: DagImport) -> None:
    create(cloud, replace(desired, dag=replace(desired.dag, id="")))
    found = owned(cloud, desired)
    assert list(found) == ["flink.py"]
    lakes.lake(azure, "DELETE", "airflow/dags/flink.py")
    cloud.session.reads.new_pass()
    delete(cloud, found["flink.py"])
    assert owned(cloud, desired) == {}


def test_one_that_is_declared_again_before_it_was_gone_is_imported_again(
    cloud: Cloud, azure: LocalAzure, desired: DagImport
) -> None:
    create(cloud, desired)
    azure.fault(fault="error", method="POST", path="airflow/sync", status=403, code="AuthorizationFailed")
    with pytest.raises(NotAuthorized):
        delete(cloud, owned(cloud, desired)["flink"])
    assert diff(cloud, desired) == ["content_sha256"]
    assert list(owned(cloud, desired)) == ["flink"]
