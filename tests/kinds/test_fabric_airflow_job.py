"""An Apache Airflow job of Fabric: made, given its definition once, adopted, refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.errors import CloudError, NotAuthorized, Refused, Unreachable
from provisioner.kind import Verdict
from provisioner.kinds.fabric_airflow_job import KIND, FabricAirflowJob
from tests.kinds.azure_setup import ENVIRONMENT, OTHER
from tests.kinds.fabric import JOBS, WORKSPACE_ID, adopted, changes, pool, read
from tests.kinds.lifecycle import Example
from tests.localazure.fabric.workspace import Fabric

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def declare(**more: Any) -> FabricAirflowJob:
    fields = {"name": "airflow-made", "pool": "starter", "version": "2.10.5", "environment": ENVIRONMENT}
    return FabricAirflowJob(**{"workspace": WORKSPACE_ID, **fields, **more})


def other_pool(azure: LocalAzure, desired: FabricAirflowJob) -> FabricAirflowJob:
    return replace(desired, pool=pool(azure))


EXAMPLE = Example(declare=lambda _azure: declare(), change=other_pool)


def create(cloud: Cloud, desired: FabricAirflowJob) -> Any:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return read(cloud, KIND, desired)


def ready(cloud: Cloud, desired: FabricAirflowJob) -> dict[str, Verdict]:
    assert KIND.preflight.ready is not None
    found = KIND.preflight.ready(cloud, desired, read(cloud, KIND, desired))
    return {one.what: one.verdict for one in found}


def test_it_is_made_in_the_workspace_of_that_name_with_its_owner_in_the_description(
    cloud: Cloud, azure: LocalAzure
) -> None:
    desired = declare(workspace="Flink-Workspace")
    assert KIND.read(cloud, desired) is None
    observed = create(cloud, desired)
    assert (observed.owned, observed.finished, changes(cloud, KIND, desired)) == (True, True, [])
    (job,) = Fabric(azure=azure)("GET", JOBS).json()["value"]
    assert job["description"] == f"Made by provisioner; provisioner-environment={ENVIRONMENT}"
    assert KIND.publish(observed, None).known() == {"path": f"{JOBS}/{job['id']}".removeprefix("/v1")}
    assert not read(cloud, KIND, replace(desired, environment=OTHER)).owned


def test_one_whose_creation_was_cut_off_gets_its_definition_later(cloud: Cloud, azure: LocalAzure) -> None:
    azure.fault(fault="error", status=400, code="CorruptedPayload", method="POST", path="updateDefinition$")
    with pytest.raises(CloudError, match="CorruptedPayload"):
        create(cloud, declare())
    observed = read(cloud, KIND, declare())
    assert (observed.owned, observed.finished) == (True, False)
    assert changes(cloud, KIND, declare()) == [("definition", "update")]
    assert KIND.update is not None
    KIND.update(cloud, declare(), observed)
    assert changes(cloud, KIND, declare()) == []


def test_an_adopted_one_keeps_its_pool_and_a_plan_says_so(cloud: Cloud, azure: LocalAzure) -> None:
    adopted(azure)
    desired = declare(name="AIRFLOW-dev", pool=pool(azure))
    assert not read(cloud, KIND, desired).owned
    assert changes(cloud, KIND, desired) == []
    assert ready(cloud, desired)["it runs on the pool StarterPool; it is adopted, so it is left there"] is Verdict.NOTE


def test_a_pool_is_one_of_the_workspace(cloud: Cloud, azure: LocalAzure) -> None:
    pool(azure)
    assert KIND.preflight.check is not None
    KIND.preflight.check(cloud, declare())
    KIND.preflight.check(cloud, declare(pool="OWN"))
    with pytest.raises(Refused, match="it has no pool mine"):
        KIND.preflight.check(cloud, declare(pool="mine"))


def test_one_that_is_finished_moves_to_another_pool_with_its_settings_and_files(
    cloud: Cloud, azure: LocalAzure
) -> None:
    fabric, own = Fabric(azure=azure), pool(azure)
    job = f"/v1{create(cloud, declare()).path}"
    variables = [{"name": "THEIRS", "value": "x"}]
    changed = fabric("POST", f"{job}/environment/updateSettings?beta=true", {"environmentVariables": variables})
    assert (changed.status, fabric("PUT", f"{job}/files/dags/theirs.py?beta=true", b"pass\n").status) == (202, 200)
    desired = declare(pool="own")
    observed = read(cloud, KIND, desired)
    assert (observed.declared_pool, observed.compute.pool_id == own) == (own, False)
    assert KIND.update is not None

    KIND.update(cloud, desired, observed)

    assert (read(cloud, KIND, desired).compute.pool_id, changes(cloud, KIND, desired)) == (own, [])
    shown = fabric("GET", f"{job}/environment/settings?beta=true").json()
    assert shown["environmentVariables"] == variables
    assert fabric("GET", f"{job}/files/dags/theirs.py?beta=true").body == b"pass\n"


def test_one_is_made_on_the_pool_that_the_spec_names(cloud: Cloud, azure: LocalAzure) -> None:
    own = pool(azure)
    assert create(cloud, declare(pool="own")).compute.pool_id == own


def test_a_pool_that_has_gone_keeps_nobody_from_a_teardown(cloud: Cloud, azure: LocalAzure) -> None:
    own = pool(azure)
    create(cloud, declare(pool="own"))
    Fabric(azure=azure)("POST", f"/v1{read(cloud, KIND, declare()).path}/environment/updateCompute?beta=true", {
        "poolTemplateId": "00000000-0000-0000-0000-000000000000"
    })  # fmt: skip
    assert Fabric(azure=azure)("DELETE", f"{JOBS}/poolTemplates/{own}?beta=true").status == 200
    assert read(cloud, KIND, declare(pool="own")).declared_pool == ""


@pytest.mark.parametrize("workspace", ["elsewhere", "3f0b8c1e-7d52-5f0a-9b57-1c2f6d1f4e11"])
def test_a_workspace_that_nobody_shows_is_refused(cloud: Cloud, workspace: str) -> None:
    with pytest.raises(Refused, match=r"there is none of that name in which you have a role.*make you Contributor"):
        KIND.read(cloud, declare(workspace=workspace))


def test_a_paused_capacity_is_named_with_what_resumes_it(cloud: Cloud, azure: LocalAzure) -> None:
    assert ready(cloud, declare())["the capacity of the workspace flink-workspace is Active"] is Verdict.HOLDS
    adopted(azure)
    Fabric(azure=azure).settings(capacity="Inactive")
    cloud.session.reads.new_pass()
    assert ready(cloud, declare(name="new"))["the capacity of the workspace flink-workspace is Inactive"] is (
        Verdict.STOPS
    )
    with pytest.raises(Refused, match=r"currently paused.*Resume the capacity"):
        read(cloud, KIND, declare(name="airflow-dev"))


def test_a_tenant_that_lets_no_principal_in_is_named_with_the_switch(cloud: Cloud, azure: LocalAzure) -> None:
    Fabric(azure=azure).settings(service_principals=False)
    with pytest.raises(NotAuthorized, match="Service principals can call Fabric public APIs"):
        KIND.read(cloud, declare())


@pytest.mark.parametrize(
    ("role", "exists", "expected"),
    [
        ("Contributor", True, Verdict.HOLDS),
        ("Viewer", True, Verdict.STOPS),
        ("Member", False, Verdict.HOLDS),
        ("Contributor", False, Verdict.UNKNOWN),
    ],
)
def test_the_role_in_the_workspace_is_told_as_far_as_fabric_tells_it(
    cloud: Cloud, azure: LocalAzure, *, role: str, exists: bool, expected: Verdict
) -> None:
    if exists:
        adopted(azure)
    Fabric(azure=azure).settings(roles={OPERATOR_OBJECT_ID: role})
    assert KIND.preflight.ready is not None
    desired = declare(name="airflow-dev")
    findings = [*KIND.preflight.ready(cloud, desired, KIND.read(cloud, desired))]
    (found,) = (one for one in findings if "caller" in one.what)
    assert found.verdict is expected
    assert ("az rest --method post" in found.remedy) is (expected is Verdict.STOPS)


@pytest.mark.parametrize(
    ("settings", "says", "verdict"),
    [
        ({"capacity": ""}, "the workspace flink-workspace has no capacity", Verdict.STOPS),
        ({"shows_capacity": False}, "the capacity of the workspace flink-workspace is none that", Verdict.UNKNOWN),
    ],
)
def test_a_workspace_without_a_capacity_or_with_one_that_nobody_shows(
    cloud: Cloud, azure: LocalAzure, settings: dict[str, Any], says: str, verdict: Verdict
) -> None:
    Fabric(azure=azure).settings(**settings)
    assert [found for what, found in ready(cloud, declare()).items() if what.startswith(says)] == [verdict]


def test_a_lost_creation_is_found_again(cloud: Cloud, azure: LocalAzure) -> None:
    azure.fault(fault="lost", method="POST", path="apacheAirflowJobs$")
    with pytest.raises(Unreachable):
        create(cloud, declare())
    assert read(cloud, KIND, declare()).owned
