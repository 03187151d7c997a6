"""`job … --via-dag`: a run of the job's DAG is triggered and followed. What it does: tests/clients/test_upgrade.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.certificates import Certificates
from tests.airflow_server import USER, WORD, airflow_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.airflow_server import AirflowServer
    from tests.command_line import Cli
    from tests.emulator import LocalAzure

ID = r"provisioner__\d{8}__[0-9a-f]{8}__1"
SUBMIT = "submit_flink_example_job"
ANSWER = "Savepoint: abfss://jobs@stflinklocal.dfs.core.windows.net/saved/1-by-hand"
VERSIONS = ("2.10.5", "3.3.2")


@pytest.fixture
def airflow(cli: Cli, azure_env: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowServer]:
    """It answers this machine, which does not reach the Flink behind it."""
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("no_proxy", "localhost")
    certificates = Certificates(Path(azure_env.ca_bundle).parent)
    with airflow_server(certificates.context("localhost")) as server:
        cli.spec |= {"cloud": "public", "tenant": azure_env.tenant_id}
        cli.spec["flink"] = {"target": "rest", "url": "https://flink.internal"}
        cli.spec["job"] = {"jar": cli.spec["job"], "args": "--output /tmp/words"}
        yield server


def hosted(cli: Cli, airflow: AirflowServer, version: str) -> None:
    way = "basic" if version.startswith("2.") else "token"
    api = {way: {"username": USER, "password": WORD}}
    cli.spec["airflow"] = {"target": "self-managed", "version": version, "url": airflow.url, "api": api}
    airflow.tasks = {"get_token": "Signed in", SUBMIT: ANSWER}


def triggered(airflow: AirflowServer) -> tuple[str, Any]:
    """Path and body of the one run that was."""
    (call,) = [(path, body) for method, path, body in airflow.calls if (method, path[:5]) == ("POST", "/api/")]
    return call


@pytest.mark.parametrize("action", ["cancel", "savepoint", "status"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_of_the_dag_is_told_the_action_and_followed_to_its_answer(
    cli: Cli, airflow: AirflowServer, version: str, action: str
) -> None:
    hosted(cli, airflow, version)
    airflow.states = ["queued", "queued", "running"]

    said = cli.done("job", "wordcount", action, "--via-dag")

    path, body = triggered(airflow)
    run_id = str(body["dag_run_id"])
    since_3 = version.startswith("3")
    assert path == f"/api/{'v2' if since_3 else 'v1'}/dags/local-FlinkWordCountExample/dagRuns"
    assert (body["conf"], re.fullmatch(ID, run_id) is not None) == ({"action": action}, True)
    assert body.get("logical_date", "none") == (None if since_3 else "none")
    page = f"runs/{run_id}" if since_3 else f"grid?dag_run_id={run_id}"
    assert said.out.splitlines() == [
        f"{run_id}: triggered",
        f"{run_id}: queued",
        "get_token: success",
        f"{SUBMIT}: success",
        f"{run_id}: running",
        f"{run_id}: success",
        f"  {ANSWER}",
        f"{run_id} succeeded: {airflow.url}/dags/local-FlinkWordCountExample/{page}",
    ]
    assert said.err == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_that_fails_ends_the_command_with_the_words_of_its_log(
    cli: Cli, airflow: AirflowServer, version: str
) -> None:
    hosted(cli, airflow, version)
    airflow.state = "failed"
    airflow.tasks[SUBMIT] = "AirflowFailException: Flink takes no savepoint of 1 (400): no directory"

    said = cli("job", "wordcount", "savepoint", "--via-dag")

    run_id = triggered(airflow)[1]["dag_run_id"]
    assert (said.code, "  AirflowFailException: Flink takes no savepoint of 1 (400): no" in said.out) == (1, True)
    assert said.err.startswith(f"{run_id} failed in {SUBMIT}. All of it: {airflow.url}/dags/")
    assert len(said.err.splitlines()) == 1

    shown = cli("job", "wordcount", "savepoint", "--via-dag", "--json")
    found = shown.json()
    assert (shown.code, found["state"], found["failed"], found["log"]) == (1, "failed", SUBMIT, [airflow.tasks[SUBMIT]])
    assert (found["job"], found["job_name"], found["job_error"]) == (None, "", "")


def test_a_dag_that_is_paused_is_told_how_it_can_run(cli: Cli, airflow: AirflowServer) -> None:
    hosted(cli, airflow, "3.3.2")
    airflow.paused = True
    said = cli("job", "wordcount", "cancel", "--via-dag")
    assert (said.code, "the DAG is paused" in said.err, "--unpause" in said.err) == (4, True, True)
    assert airflow.runs == {}
    cli.done("job", "wordcount", "cancel", "--via-dag", "--unpause")
    assert [*airflow.runs] == [triggered(airflow)[1]["dag_run_id"]]
