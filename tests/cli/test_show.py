"""`status`, `output`, `render`, `graph`, `schema`, `validate`: what they show, and that they change nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.test_lifecycle import secret

if TYPE_CHECKING:
    from tests.command_line import Cli

DAY = 24 * 60 * 60


def credentials(cli: Cli) -> dict[str, dict[str, Any]]:
    return {found["address"]: found for found in cli.done("status", "--json").json()["credentials"]}


def test_a_status_tells_the_age_and_the_end_of_each_credential(provisioned: Cli) -> None:
    provisioned.azure.advance(10 * DAY)

    found = credentials(provisioned)

    assert set(found) == {"client_secret/airflow", "client_secret/flink-api"}
    for one in found.values():
        assert re.fullmatch(r"[0-9a-f-]{36}", one["key_id"])
        assert (one["age_days"], one["days_left"]) == (10, 49)
        assert one["since"] < one["expires"]
    assert "10 days old, expires in 49 days" in provisioned.done("status").out


def test_a_status_tells_of_a_credential_that_has_ended(provisioned: Cli) -> None:
    provisioned.azure.advance(61 * DAY)

    said = provisioned("status", "--json")

    assert said.code == 0, said.err
    assert said.json()["drift"] is True


def test_a_status_tells_what_is_there_and_what_has_drifted(provisioned: Cli) -> None:
    assert provisioned.done("status", "--json").json()["drift"] is False
    secret(provisioned, "PUT", "hdinsight-aks-variables-greeting", {"value": "edited"})

    found = provisioned.done("status", "--json").json()

    drifted = [one["address"] for one in found["resources"] if not one["as_declared"]]
    assert (found["drift"], drifted) == (True, ["vault_secret/hdinsight-aks-variables-greeting"])
    assert all(one["there"] for one in found["resources"])
    text = provisioned.done("status").out
    assert "~ update vault_secret/hdinsight-aks-variables-greeting" in text
    assert "key_vault/kv-flink-local" in text


def test_a_status_before_anything_is_there_says_so(cli: Cli) -> None:
    found = cli.done("status", "--json").json()

    there = {one["address"] for one in found["resources"] if one["there"]}
    assert there == {"flink_cluster/flink", "data_factory/airflow"}
    assert found["credentials"] == []
    assert cli.writes() == []


def test_doctor_says_that_a_smaller_role_is_enough_and_not_every_status(provisioned: Cli) -> None:
    assert "`role: Key Vault Secrets User` is enough" in provisioned.done("doctor").out
    assert any("Key Vault Secrets User" in note for note in provisioned.done("status", "--json").json()["notes"])
    assert "Key Vault Secrets User" not in provisioned.done("status").out


def test_outputs_are_ids_urls_and_names(provisioned: Cli) -> None:
    found = provisioned.done("output", "--json").json()

    assert set(found) == {"format", "environment", "resources"}
    assert found["resources"]["key_vault/kv-flink-local"]["uri"] == "https://kv-flink-local.vault.azure.net/"
    assert found["resources"]["flink_cluster/flink"]["id"].endswith("/clusters/flink-cluster")
    assert all(isinstance(value, str) and value for one in found["resources"].values() for value in one.values())
    assert all(found["resources"].values())
    assert "key_vault/kv-flink-local.uri = https://kv-flink-local.vault.azure.net/\n" in provisioned.done("output").out


def test_an_airflow_rendered_is_the_airflow_deployed(provisioned: Cli) -> None:
    from tests.commands.test_lifecycle import FACTORY, LAKE, arm

    found = provisioned.done("render", "--json").json()

    runtime = arm(provisioned, "GET", f"{FACTORY}/integrationruntimes/airflow-local", "2018-06-01")
    there = runtime["properties"]["typeProperties"]["airflowProperties"]
    overrides = found["airflow"]["configuration_overrides"]
    assert overrides.items() <= there["airflowEnvironmentVariables"].items()
    kwargs = json.loads(overrides["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    assert kwargs["vault_url"] == "https://kv-flink-local.vault.azure.net/"
    assert "'" not in overrides["AIRFLOW__SECRETS__BACKEND_KWARGS"]
    assert set(found["airflow"]["requirements"]) <= set(there["airflowRequirements"])
    token = provisioned.azure.token("https://storage.azure.com")
    deployed = provisioned.azure.request(
        "GET", f"{LAKE}/airflow/{found['dag']['file']}", token=token, headers={"x-ms-version": "2023-11-03"}
    )
    assert deployed.body.decode() == found["dag"]["content"]
    compile(found["dag"]["content"], "dag.py", "exec")


def test_a_rendering_for_people_has_settings_and_dag(cli: Cli) -> None:
    out = cli.done("render").out

    assert "AIRFLOW__SECRETS__BACKEND=airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend" in out
    assert "AZURE_CLIENT_SECRET=(secret)" in out
    assert "# dags/flink_wordcount.py" in out


def test_a_graph_is_a_mermaid_flowchart_of_all_resources(cli: Cli) -> None:
    lines = cli.done("graph").out.splitlines()

    assert lines[0] == "flowchart LR"
    nodes = {found[1]: found[2] for line in lines if (found := re.fullmatch(r'  (n\d+)\["(.+)"\]', line))}
    arrows = [found.groups() for line in lines if (found := re.fullmatch(r"  (n\d+) --> (n\d+)", line))]
    assert len(nodes) + len(arrows) + 1 == len(lines)
    assert {end for arrow in arrows for end in arrow} <= set(nodes)
    planned = {step["address"] for step in cli.done("plan", "--json").json()["steps"]}
    assert {label.replace("<br/>", "/") for label in nodes.values()} == planned


def test_a_schema_is_a_json_schema_of_the_file(cli: Cli) -> None:
    found = cli.run("schema").json()

    assert found["$schema"].startswith("https://json-schema.org/")
    assert {"name", "cloud", "vault", "airflow"} <= set(found["properties"])


def test_a_valid_file_says_so(cli: Cli) -> None:
    assert cli.done("validate").out == "local: valid\n"
    assert cli.done("validate", "--json").json() == {"format": 1, "environment": "local", "valid": True, "problems": []}


@pytest.mark.parametrize("verb", ["validate", "render", "graph"])
def test_what_needs_no_network_asks_for_none(cli: Cli, verb: str) -> None:
    cli.done(verb)

    assert cli.azure.control("GET", "/calls")["calls"] == []
