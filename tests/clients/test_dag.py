"""The rendered DAGs parse and run, unmodified, on Airflow 2.6.3, 2.10 and the newest, with variables from the vault."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.clients import airflows
from tests.clients.conftest import told
from tests.clients.test_provisioned import TOP, runtime_settings
from tests.emulator import ARM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.airflows import Airflow
    from tests.emulator import LocalAzure

DAG = "FlinkWordCountExample"
PROBE = f"{DAG}_key_probe"
TASKS = ("get_token", "submit_flink_example_job", "follow_flink_example_job")
CLUSTER = "/resourceGroups/flink-platform/providers/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
VAULT = "/resourceGroups/flink-local/providers/Microsoft.KeyVault/vaults/kv-flink-local"
ACCOUNT = "/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts/stflinklocal"
OWN = ("own_constructor", "own_context_manager", "own_decorator")
RUN_JOB = "/runJob$"
SNAPSHOTS: set[Path] = set()  # local Azures that can go back to when they were provisioned


def skip_where_there_is_none(version: str) -> None:
    if not airflows.runs_here(version):
        pytest.skip("Airflow 2.6.3 has no release for this Python")


def provisioner(azure: LocalAzure, place: Path, *arguments: str) -> str:
    """What the command says, as a process."""
    own = {"PROVISIONER_LOCAL_STATE": str(azure.state), "PROVISIONER_JOURNAL": str(place / "journal")}
    command = [sys.executable, "-m", "provisioner", *arguments]
    done = subprocess.run(
        command, cwd=TOP, env={**os.environ, **own}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr if "provision" in arguments else done.stdout


def spec(place: Path, **changed: Any) -> str:
    """environments/local.yaml with changes; its jobs are followed to their start, since none runs for real here."""
    found = yaml.safe_load((TOP / "environments/local.yaml").read_text())
    jar = str(TOP / "templates/jobs/wordcount/wordcount.jar")
    file = place / "env.yaml"
    file.write_text(yaml.safe_dump({**found, "job": {"jar": jar, "until": "running"}, **changed}))
    return str(file)


def imported(azure: LocalAzure, name: str) -> str:
    """A DAG as it lies in the data lake."""
    url = f"https://stflinklocal.blob.core.windows.net/airflow/dags/{name}"
    token = azure.token("https://storage.azure.com")
    return azure.request("GET", url, headers={"x_ms_version": "2023-11-03"}, token=token).body.decode()


@pytest.fixture(params=airflows.VERSIONS)
def airflow(request: pytest.FixtureRequest, azure: LocalAzure, tmp_path: Path) -> Airflow:
    """An Airflow as its runtime has it after `provision`: the deployed settings, the imported DAG."""
    skip_where_there_is_none(request.param)
    if azure.state not in SNAPSHOTS:
        provisioner(azure, tmp_path, "provision", spec(tmp_path), "--yes")
        azure.control("PUT", "/snapshots/dags")
        SNAPSHOTS.add(azure.state)
    azure.control("POST", "/snapshots/dags")
    azure.control("DELETE", "/calls")
    made = airflows.made(request.param, tmp_path / request.param, told(azure) | runtime_settings(azure))
    (made.dags / "flink_wordcount.py").write_text(imported(azure, "flink_wordcount.py"))
    return made


def jobs(azure: LocalAzure) -> list[dict[str, Any]]:
    """What was submitted to the cluster."""
    listed = azure.request("GET", f"{ARM}{azure.subscription}{CLUSTER}/jobs?api-version=2024-05-01-preview").json()
    return [one["properties"] for one in listed["value"]]


def answers(azure: LocalAzure, path: str) -> list[int]:
    """How each call to such a path was answered; 0: not at all."""
    calls = azure.control("GET", "/calls")["calls"]
    return [call["status"] for call in calls if path.lower() in call["path"].lower()]


def revoke(azure: LocalAzure, scope: str, *, of: Callable[[dict[str, Any]], bool]) -> None:
    """Take grants away."""
    found = azure.request(
        "GET",
        f"{ARM}{azure.subscription}{scope}/providers/Microsoft.Authorization/roleAssignments"
        "?api-version=2022-04-01&$filter=atScope()",
    ).json()["value"]
    gone = [azure.request("DELETE", f"{ARM}{one['id']}?api-version=2022-04-01").status for one in found if of(one)]
    assert gone == [200]


def test_the_dags_parse_without_a_warning(azure: LocalAzure, airflow: Airflow, tmp_path: Path) -> None:
    for own in OWN:
        template = str(TOP / f"templates/dags/{own}.py.j2")
        rendered = provisioner(
            azure, tmp_path, "render", spec(tmp_path, dag={"template": template, "id": own}), "--json"
        )
        (airflow.dags / f"{own}.py").write_text(yaml.safe_load(rendered)["dag"]["content"])
    found = airflow.parsed()
    assert (found["errors"], found["warnings"]) == ({}, [])
    assert set(found["dags"]) == {name for dag in (DAG, *OWN) for name in (dag, f"{dag}_key_probe")}
    chain: dict[str, list[str]] = {TASKS[0]: [TASKS[1]], TASKS[1]: [TASKS[2]], TASKS[2]: []}
    assert found["dags"][DAG]["tasks"] == chain
    longer = {**chain, TASKS[2]: ["report"], "report": []}
    assert [found["dags"][own]["tasks"] for own in OWN] == [longer, longer, longer]
    assert {dag["schedule"] for dag in found["dags"].values()} == {"NullTimetable"}
    assert found["dags"][DAG]["params"]["jarName"] == "wordcount.jar"


def test_a_run_submits_one_job_through_throttles_failures_and_a_lost_answer(
    azure: LocalAzure, airflow: Airflow
) -> None:
    azure.fault(fault="throttle", method="POST", path=RUN_JOB, retry_after=1)
    azure.fault(fault="error", method="POST", path=RUN_JOB, status=503, skip=1)
    azure.fault(fault="lost", method="POST", path=RUN_JOB, skip=2)
    azure.fault(fault="error", method="POST", path="/oauth2/v2.0/token$", status=502)
    said = airflow.test(DAG, {"subscritpion": azure.subscription_id, "jarName": "wordcount.jar"})
    assert airflow.states() == dict.fromkeys((*TASKS, "run"), "success"), said
    assert answers(azure, "/runJob") == [429, 503, 0, 409]
    (job,) = jobs(azure)
    assert job["jobName"].startswith("wordcount")
    assert (job["jarName"], job["status"]) == ("wordcount.jar", "RUNNING")
    assert "subscritpion is misspelt; write subscription" in said
    for hidden in ("eyJ", settings_secret(azure), api_secret(azure)):
        assert hidden not in said + airflow.handed_on()


def test_a_worker_shows_its_key_by_reading_a_variable_with_it(azure: LocalAzure, airflow: Airflow) -> None:
    said = airflow.test(PROBE, {"keyId": runtime_settings(azure)["PROVISIONER_KEY_ID"]})
    assert airflow.states() == {"has_key": "success", "run": "success"}, said
    assert answers(azure, "/secrets/hdinsight-aks-variables-tenant-id")[-1] == 200  # after the vault's challenge


def settings_secret(azure: LocalAzure) -> str:
    return runtime_settings(azure)["AZURE_CLIENT_SECRET"]


def api_secret(azure: LocalAzure) -> str:
    url = "https://kv-flink-local.vault.azure.net/secrets/hdinsight-aks-variables-api-secret?api-version=7.4"
    return azure.request("GET", url, token=azure.token("https://vault.azure.net")).json()["value"]


def test_a_run_without_the_vaults_grant_says_so_and_is_not_tried_again(azure: LocalAzure, airflow: Airflow) -> None:
    secrets_officer = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
    label = "provisioner-environment"  # the operator's own grant names an environment, too
    mine = azure.graph("GET", f"servicePrincipals(appId='{azure.operator_client_id}')").json()["id"]
    revoke(
        azure,
        VAULT,
        of=lambda one: (
            one["properties"]["roleDefinitionId"].endswith(secrets_officer)
            and one["properties"]["principalId"] != mine
            and label in (one["properties"]["description"] or "")
        ),
    )
    said = airflow.test(DAG)
    assert airflow.states()["get_token"] == "failed", said
    assert airflow.states()["run"] == "failed"
    assert "The variable api-client-id cannot be read" in said
    assert "Caller is not authorized" in said
    asked = 2 if airflow.version == "airflow-3" else 1  # Airflow 3 then asks its API server, which asks the vault
    assert answers(azure, "/secrets/hdinsight-aks-variables-api-client-id").count(403) == asked
    assert jobs(azure) == []


def test_a_job_that_fails_fails_the_run_with_its_own_error(azure: LocalAzure, airflow: Airflow) -> None:
    owner = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    identity = azure.request("GET", f"{ARM}{azure.subscription}{CLUSTER}?api-version=2024-05-01-preview").json()
    reader = identity["properties"]["clusterProfile"]["identityProfile"]["msiObjectId"]
    revoke(
        azure,
        ACCOUNT,
        of=lambda one: (
            one["properties"]["roleDefinitionId"].endswith(owner) and one["properties"]["principalId"] == reader
        ),
    )
    said = airflow.test(DAG)
    wanted = {TASKS[0]: "success", TASKS[1]: "success", TASKS[2]: "failed", "run": "failed"}
    assert airflow.states() == wanted, said
    assert "has failed (JOB_LAUNCH_FAILED): Job execution failed." in said
    assert "AuthorizationPermissionMismatch" in said
    assert len(jobs(azure)) == 1


@pytest.mark.parametrize("airflow", ["airflow-3"], indirect=True)
def test_a_task_is_tried_again_while_azure_stays_busy(azure: LocalAzure, airflow: Airflow) -> None:
    azure.fault(fault="error", method="POST", path=RUN_JOB, status=500, times=4)
    said = airflow.test(DAG)
    assert airflow.states()["run"] == "success", said
    assert answers(azure, "/runJob") == [500, 500, 500, 500, 202]
    assert airflow.tries("submit_flink_example_job") == 2


@pytest.mark.parametrize("airflow", ["airflow-3"], indirect=True)
def test_what_azure_refuses_is_not_tried_again(azure: LocalAzure, airflow: Airflow) -> None:
    azure.fault(fault="error", method="POST", path=RUN_JOB, status=400, code="BadRequest", message="No such thing.")
    said = airflow.test(DAG)
    assert airflow.states()["submit_flink_example_job"] == "failed", said
    assert "answered 400: BadRequest: No such thing." in said
    assert (answers(azure, "/runJob"), airflow.tries("submit_flink_example_job")) == ([400], 1)
