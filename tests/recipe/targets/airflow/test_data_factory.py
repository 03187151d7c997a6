"""An Airflow runtime that was there before us, through the command line: our keys come and go, the runtime stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulator import ARM

if TYPE_CHECKING:
    from tests.command_line import Cli

RUNTIME = (
    "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
    "/integrationruntimes/airflow-local?api-version=2018-06-01"
)
THEIRS = {"THEIRS": "their-value"}


def runtime(cli: Cli, method: str, body: Any = None) -> dict[str, Any]:
    answer = cli.azure.request(method, f"{ARM}{cli.azure.subscription}{RUNTIME}", body)
    assert answer.status == 200, answer.body
    return answer.json()["properties"]["typeProperties"]["airflowProperties"]


def adopt(cli: Cli, **variables: str) -> None:
    version = cli.spec["airflow"]["version"]
    airflow = {"airflowVersion": version, "airflowEnvironmentVariables": {**THEIRS, **variables}}
    properties = {"type": "Airflow", "typeProperties": {"airflowProperties": airflow}}
    runtime(cli, "PUT", {"properties": properties})


def dag_status(cli: Cli) -> int:
    """The status of Airflow's answer about the DAG."""
    cli.azure.control("PUT", "/settings/airflow", {"tells_sources": True})
    web_url = runtime(cli, "GET")["airflowWebUrl"].removesuffix("/login/")
    token = cli.azure.token("5d13f7d7-0567-429c-9880-320e9555e5fc")
    return cli.azure.request("GET", f"{web_url}/api/v1/dags/FlinkWordCountExample", token=token).status


def test_a_dag_that_the_file_no_longer_has_runs_no_more(cli: Cli) -> None:
    adopt(cli)
    cli.done("provision")
    cli.spec["dag"] = {"id": "Another", "file": "another.py"}
    plan = cli.done("plan", "--json").actions()
    assert plan["dag_import/FlinkWordCountExample"] == plan["dag_file/airflow/dags/flink_wordcount.py"] == "delete"
    cli.done("provision", "--yes")
    assert dag_status(cli) == 404
    assert cli.done("plan", "--json").actions() == {}


def test_our_keys_come_and_go_and_the_runtime_stays(cli: Cli) -> None:
    adopt(cli)
    cli.done("provision")
    there = runtime(cli, "GET")["airflowEnvironmentVariables"]
    assert {"THEIRS", "AZURE_CLIENT_SECRET", "AIRFLOW__SECRETS__BACKEND"} <= set(there)
    assert cli.done("plan", "--json").actions() == {}
    assert dag_status(cli) == 200
    torn = cli.done("teardown", "--yes", "--json")
    assert torn.actions()["dag_import/FlinkWordCountExample"] == "delete"
    assert dag_status(cli) == 404
    assert runtime(cli, "GET")["airflowEnvironmentVariables"] == THEIRS
    again = cli.done("teardown", "--yes", "--json")
    assert again.actions() == {}


def test_a_setting_of_others_stops_the_plan_before_anything_is_written(cli: Cli) -> None:
    adopt(cli, AZURE_CLIENT_ID="theirs")
    cli.forget_calls()
    said = cli("provision")
    assert said.code != 0
    assert "AZURE_CLIENT_ID" in said.err + said.out
    assert "take_over" in said.err + said.out
    assert cli.writes() == []


def test_doctor_notes_that_whoever_may_read_the_factory_reads_the_secret(cli: Cli) -> None:
    notes = [line for line in cli.done("doctor").out.splitlines() if line.startswith("note: ")]
    assert any("AZURE_CLIENT_SECRET" in note for note in notes)
