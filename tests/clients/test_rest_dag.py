"""The DAG for a Flink behind its REST API runs on three versions of Airflow, with a real Flink behind a front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.runtimes.flink import front
from tests.clients import airflows
from tests.clients.conftest import told
from tests.clients.test_dag import DAG, TASKS, provisioner, skip_where_there_is_none
from tests.clients.test_provisioned import TOP
from tests.emulator import ARM
from tests.kinds.test_flink_session import folder
from tests.localazure.runtimes.conftest import flink_azure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.airflows import Airflow
    from tests.emulator import LocalAzure

__all__ = ["flink_azure"]

AUDIENCE = f"api://{front.HOST}"
RUNTIME = (
    "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
    "/integrationruntimes/airflow-rest?api-version=2018-06-01"
)
DAGS = "https://stflinkrest.blob.core.windows.net/airflow/dags/flink_wordcount.py"


def flink(azure: LocalAzure, method: str, path: str) -> Any:
    """What the real Flink answers at its front."""
    answer = azure.request(method, f"https://{front.HOST}{front.PREFIX}{path}", token=azure.token(AUDIENCE))
    assert answer.status == 200, answer.body
    return answer.json()


def jobs(azure: LocalAzure) -> list[dict[str, Any]]:
    """The jobs that Flink has seen, the newest first."""
    return sorted(flink(azure, "GET", "/jobs/overview")["jobs"], key=lambda job: -int(job["start-time"]))


def deployed(
    azure: LocalAzure, place: Path, version: str, flink: dict[str, Any] | None = None, **changed: Any
) -> Airflow:
    """An Airflow with the settings that `provision` gave its runtime, and the DAG that it imported."""
    spec = yaml.safe_load((TOP / "environments/flink-rest.yaml").read_text())
    spec["flink"] |= flink or {}
    spec["job"] = {"jar": str(TOP / "templates/jobs/wordcount/wordcount.jar"), **spec["job"], **changed}
    spec["job"]["jar"] = str(TOP / "templates/jobs/wordcount/wordcount.jar")
    file = place / "flink-rest.yaml"
    file.write_text(yaml.safe_dump(spec))
    provisioner(azure, place, "provision", str(file), "--yes")
    properties = azure.request("GET", f"{ARM}{azure.subscription}{RUNTIME}").json()["properties"]
    variables: dict[str, str] = properties["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    made = airflows.made(version, place / version, told(azure) | variables)
    text = azure.request(
        "GET", DAGS, headers={"x_ms_version": "2023-11-03"}, token=azure.token("https://storage.azure.com")
    )
    (made.dags / "flink_wordcount.py").write_bytes(text.body)
    return made


@pytest.mark.parametrize("version", airflows.VERSIONS)
def test_the_job_runs_and_its_jar_is_uploaded_once(flink_azure: LocalAzure, tmp_path: Path, version: str) -> None:
    skip_where_there_is_none(version)
    airflow = deployed(flink_azure, tmp_path, version, args=f"--output {tmp_path}/{{job}}")
    found = airflow.parsed()
    assert (found["errors"], found["warnings"]) == ({}, [])
    before = len(jobs(flink_azure))
    for jar in flink(flink_azure, "GET", "/jars")["files"]:  # as after a restart of the JobManager
        flink(flink_azure, "DELETE", f"/jars/{jar['id']}")
    said = airflow.test(DAG)
    assert {task: airflow.states().get(task) for task in TASKS} == dict.fromkeys(TASKS, "success"), said
    assert [job["state"] for job in jobs(flink_azure)[: len(jobs(flink_azure)) - before]] == ["FINISHED"]
    assert list(tmp_path.glob("wordcount*/*/part-*"))
    (jar,) = flink(flink_azure, "GET", "/jars")["files"]
    assert jar["name"].endswith("-wordcount.jar")
    assert "eyJ" not in airflow.handed_on()


def test_a_job_that_fails_ends_the_run_with_its_own_error(flink_azure: LocalAzure, tmp_path: Path) -> None:
    airflow = deployed(flink_azure, tmp_path, "airflow-3", args="--input /nowhere/at/all --output /tmp/{job}")
    said = airflow.test(DAG)
    assert airflow.states()["run"] == "failed"
    assert "/nowhere/at/all" in said


def test_a_jar_that_is_not_in_the_lake_ends_the_run(flink_azure: LocalAzure, tmp_path: Path) -> None:
    airflow = deployed(flink_azure, tmp_path, "airflow-3")
    said = airflow.test(DAG, {"jarName": "none.jar"})
    assert airflow.states()["run"] == "failed"
    assert "answered 404" in said


def test_an_answer_that_is_lost_submits_nothing_twice(flink_azure: LocalAzure, tmp_path: Path) -> None:
    airflow = deployed(flink_azure, tmp_path, "airflow-3", args=f"--output {tmp_path}/{{job}}")
    before = len(jobs(flink_azure))
    flink_azure.fault(fault="lost", method="POST", path="/run$")
    said = airflow.test(DAG)
    assert airflow.states()["run"] == "success", said
    assert len(jobs(flink_azure)) == before + 1


def test_a_front_that_does_not_let_the_dag_in_ends_the_run(flink_azure: LocalAzure, tmp_path: Path) -> None:
    airflow = deployed(flink_azure, tmp_path, "airflow-3")
    dag = airflow.dags / "flink_wordcount.py"
    dag.write_text(dag.read_text().replace(f"{AUDIENCE}/.default", "https://management.azure.com/.default"))
    said = airflow.test(DAG)
    assert airflow.states()["run"] == "failed"
    assert "does not let the DAG in" in said


@pytest.mark.parametrize("way", ["basic", "certificate"])
def test_the_job_runs_with_a_password_or_with_a_client_certificate_and_a_ca_of_its_own(
    flink_azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    (status,) = (one for one in flink_azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    pem = (folder(flink_azure) / "tls/flink.pem").read_text()
    (tmp_path / "ca.pem").write_text(pem[pem.index("-----BEGIN CERTIFICATE") :])
    monkeypatch.setenv("FLINK_WORD", front.read_or_create_password(folder(flink_azure)))
    monkeypatch.setenv("FLINK_PEM", pem)
    ways: dict[str, dict[str, Any]] = {
        "basic": {"auth": {"basic": {"username": front.USER, "password": "${FLINK_WORD}"}}},
        "certificate": {"url": status["url"], "auth": {"certificate": "${FLINK_PEM}"}, "ca_bundle": "ca.pem"},
    }
    airflow = deployed(flink_azure, tmp_path, "airflow-3", ways[way], args=f"--output {tmp_path}/{{job}}")
    airflow.variables.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    said = airflow.test(DAG)
    assert {task: airflow.states().get(task) for task in TASKS} == dict.fromkeys(TASKS, "success"), said
    assert list(tmp_path.glob("wordcount*/*/part-*"))
