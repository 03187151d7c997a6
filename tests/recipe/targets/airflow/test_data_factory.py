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


def test_our_keys_come_and_go_and_the_runtime_stays(cli: Cli) -> None:
    adopt(cli)
    cli.done("provision")
    there = runtime(cli, "GET")["airflowEnvironmentVariables"]
    assert {"THEIRS", "AZURE_CLIENT_SECRET", "AIRFLOW__SECRETS__BACKEND"} <= set(there)
    assert cli.done("plan", "--json").actions() == {}
    torn = cli("teardown", "--yes", "--json")
    left = {s["address"]: (s["outcome"], s["remains"]) for s in torn.json()["steps"] if s.get("remains")}
    assert torn.code == 3, torn.out + torn.err
    assert list(left) == ["dag_import/FlinkWordCountExample"], left
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
