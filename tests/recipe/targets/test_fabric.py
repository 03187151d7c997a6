"""Airflow in Microsoft Fabric: the job, its settings and its files, made, adopted, rotated and taken out again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.commands.run import declared_recipe
from tests.command_line import cli
from tests.environment_files import load
from tests.kinds.fabric import adopted, settings
from tests.localazure.fabric.workspace import JOBS, Fabric

if TYPE_CHECKING:
    from tests.command_line import Cli

__all__ = ["cli"]

DAY = 86_400.0
KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"
URL = "https://airflow-dev.fabric.airflow.svc.datafactory.azure.com"
DAG = "from airflow import DAG\nwith DAG('own'):\n    pass\n"


@pytest.fixture
def fabric(cli: Cli) -> Cli:
    cli.spec["airflow"] = {"target": "fabric", "workspace": "flink-workspace", "job": "airflow-dev", "url": URL}
    cli.spec["principals"] = {"airflow": {"role": "Key Vault Secrets User"}}
    return cli


def jobs(cli: Cli) -> list[dict[str, Any]]:
    return Fabric(azure=cli.azure)("GET", JOBS).json()["value"]


def path(cli: Cli) -> str:
    """Of the only job."""
    (job,) = jobs(cli)
    return f"{JOBS}/{job['id']}"


def files(cli: Cli) -> list[str]:
    shown = Fabric(azure=cli.azure)("GET", f"{path(cli)}/files?beta=true").json()["value"]
    return [one["filePath"] for one in shown if not one["filePath"].endswith(".owner")]


def stored(cli: Cli) -> dict[str, dict[str, str]]:
    return settings(cli.azure, path(cli).removeprefix("/v1"))


def secret(cli: Cli) -> str:
    """The client secret that its workers have."""
    return json.loads(stored(cli)["airflowConfigurationOverrides"][KWARGS])["client_secret"]


def let_pass(cli: Cli, seconds: float) -> None:
    """Time passes; tokens of before have ended."""
    cli.azure.advance(seconds)
    cli.azure.tokens.clear()


def findings(cli: Cli) -> dict[str, str]:
    said = cli("doctor", "--json").json()["findings"]
    return {f"{one['what']}. {one.get('remedy') or ''}": one["verdict"] for one in said}


def test_provision_makes_the_job_with_its_settings_and_files_and_a_plan_is_empty_then(fabric: Cli) -> None:
    made = {step["address"] for step in fabric.done("provision", "--json").json()["steps"]}
    assert {"fabric_airflow_job/airflow", "fabric_environment/airflow", "fabric_file/dags/flink_wordcount.py"} <= made
    assert not {address.partition("/")[0] for address in made} & {"airflow_runtime", "data_factory", "dag_file"}
    assert fabric.done("plan", "--detailed-exitcode", "--json").actions() == {}
    assert files(fabric) == ["dags/flink_wordcount.py"]
    there = stored(fabric)
    assert "AZURE_CLIENT_ID" not in {**there["environmentVariables"], **there["airflowConfigurationOverrides"]}
    arguments = json.loads(there["airflowConfigurationOverrides"][KWARGS])
    assert arguments["vault_url"] == "https://kv-flink-local.vault.azure.net/"
    assert arguments["variables_prefix"] == "airflow-variables"
    fabric.done("teardown", "--yes")
    assert jobs(fabric) == []


def test_the_credential_is_shown_nowhere(fabric: Cli) -> None:
    text = fabric.done("render").out
    assert f"{KWARGS}=(secret)" in text
    assert "AZURE_CLIENT" not in text
    fabric.done("provision")
    word = secret(fabric)
    for verb in ("plan", "status", "doctor", "render", "verify"):
        said = fabric(verb, "--json")
        assert word not in said.out + said.err
    fabric.spec["airflow"]["connections_prefix"] = "conns"
    changed = fabric.done("plan", "--json")
    assert word not in changed.out
    assert changed.actions()["fabric_environment/airflow"] == "update"


def test_without_an_address_all_works_but_what_asks_airflow(fabric: Cli) -> None:
    del fabric.spec["airflow"]["url"]
    fabric.done("provision")
    said = fabric("run")
    assert (said.code, "write that into `airflow.url`" in said.err) == (4, True)
    found = {one["what"]: one for one in fabric("verify", "--json").json()["findings"]}
    assert found["Airflow has parsed the DAG"]["state"] == "not known"
    assert found["airflow signs in"]["state"] == "ok"
    assert found["variable tenant-id"]["state"] == "ok"


def test_a_starter_pool_that_stopped_is_no_drift_and_is_started_by_who_asks_its_airflow(fabric: Cli) -> None:
    fabric.done("provision")
    call = Fabric(azure=fabric.azure)
    assert call("POST", f"{path(fabric)}/environment/stop?beta=true").status == 202
    assert fabric.done("plan", "--detailed-exitcode", "--json").actions() == {}
    fabric("verify")
    assert call("GET", f"{path(fabric)}/environment?beta=true").json()["status"] == "Started"


def test_a_job_that_somebody_else_has_made_is_asked_for_its_address_and_missed(fabric: Cli) -> None:
    fabric.spec["airflow"]["workspace"] = "nobodys"
    said = fabric("provision", "--yes")
    assert (said.code, "there is none of that name in which you have a role" in said.err) == (4, True)
    assert jobs(fabric) == []


def test_an_adopted_job_keeps_what_others_have_put_there(fabric: Cli) -> None:
    job = adopted(fabric.azure, environmentVariables={"THEIRS": "1"})
    Fabric(azure=fabric.azure)("PUT", f"/v1{job}/files/dags/theirs.py?beta=true", DAG.encode())
    fabric.done("provision")
    assert sorted(files(fabric)) == ["dags/flink_wordcount.py", "dags/theirs.py"]
    fabric.done("teardown", "--yes")
    assert files(fabric) == ["dags/theirs.py"]
    assert stored(fabric) == {"environmentVariables": {"THEIRS": "1"}, "airflowConfigurationOverrides": {}}


def test_a_job_of_ours_with_somebody_elses_file_stays(fabric: Cli) -> None:
    fabric.done("provision")
    Fabric(azure=fabric.azure)("PUT", f"{path(fabric)}/files/dags/theirs.py?beta=true", DAG.encode())
    said = fabric("teardown", "--yes")
    assert (said.code, "it contains dags/theirs.py" in said.out) == (3, True)
    assert files(fabric) == ["dags/theirs.py"]
    fabric.done("teardown", "--yes", "--with-contents")
    assert jobs(fabric) == []


def test_a_dag_that_the_file_no_longer_names_goes(fabric: Cli) -> None:
    own = fabric.file.with_name("own.py")
    own.write_text(DAG)
    fabric.spec["dags"] = [str(own)]
    fabric.done("provision")
    assert "dags/own.py" in files(fabric)
    del fabric.spec["dags"]
    assert fabric.done("plan", "--json").actions() == {"fabric_file/dags/own.py": "delete"}
    fabric.done("provision", "--yes")
    assert files(fabric) == ["dags/flink_wordcount.py"]


def test_the_jar_of_a_job_that_is_upgraded_comes_before_its_dag(fabric: Cli) -> None:
    jar = fabric.spec.pop("job")
    total = {"jar": jar, "until": "running", "upgrade": "stateless", "args": "--output /tmp/x"}
    fabric.spec["jobs"] = {"total": total}
    fabric.file.write_text(yaml.safe_dump(fabric.spec))
    nodes = declared_recipe(load(str(fabric.file))).nodes
    (file,) = (node for node in nodes if node.address.name.startswith("dags/total"))
    assert [need.kind for need in file.needs] == ["job_jar"]


def test_rotation_leaves_the_older_key_until_the_overlap_is_over(fabric: Cli) -> None:
    fabric.done("provision")
    first = secret(fabric)
    said = fabric.done("rotate", "--force", "--only", "airflow", "--json").json()
    (change,) = (step for step in said["steps"] if step["address"] == "fabric_environment/airflow")
    assert "Airflow restarts, which takes minutes" in json.dumps(change)
    assert secret(fabric) != first
    let_pass(fabric, 1.2 * DAY)
    fabric.done("rotate", "--json")
    passwords = fabric.azure.graph("GET", "applications?$filter=startswith(displayName,'local airflow')").json()
    (left,) = passwords["value"][0]["passwordCredentials"]
    assert secret(fabric).startswith(left["hint"])


def test_the_plan_of_a_rotation_names_the_runs_that_the_restart_interrupts(fabric: Cli) -> None:
    fabric.azure.control("PUT", "/settings/modelled-airflow", {"run_seconds": DAY})
    fabric.done("provision")
    token, run = fabric.azure.token("5d13f7d7-0567-429c-9880-320e9555e5fc"), {"dag_run_id": "by-hand"}
    asked = fabric.azure.request("POST", f"{URL}/api/v1/dags/FlinkWordCountExample/dagRuns", run, token=token)
    assert asked.status == 200, asked.body

    said = fabric("rotate", "--force", "--only", "airflow", "--plan-only")

    assert "which takes minutes and interrupts FlinkWordCountExample by-hand" in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"service_principals": False}, "Service principals can call Fabric public APIs"),
        ({"capacity": "Inactive"}, "az fabric capacity resume"),
        ({"roles": {OPERATOR_OBJECT_ID: "Viewer"}}, "az rest --method post --resource https://api.fabric"),
        ({"roles": {}}, "make you Contributor in it"),
    ],
)
def test_doctor_says_what_keeps_it_from_fabric(fabric: Cli, setting: dict[str, Any], says: str) -> None:
    fabric.done("provision")
    fabric.spec["variables"] = {"greeting": "another"}
    Fabric(azure=fabric.azure).settings(**setting)
    fabric.forget_calls()
    for verb in ("doctor", "provision"):
        said = fabric(verb, *(("--yes",) if verb == "provision" else ()))
        assert (said.code, says in said.out + said.err) == (4, True), said.out + said.err
    assert [one for one in fabric.writes() if not one.endswith("/getDefinition")] == []


@pytest.mark.parametrize(
    ("network", "verdict"),
    [({"public_network_access": "disabled"}, "stops"), ({"network_rules": {"ips": ["203.0.113.0/24"]}}, "note")],
)
def test_doctor_says_before_it_is_made_that_airflow_will_not_reach_the_vault(
    fabric: Cli, network: dict[str, Any], verdict: str
) -> None:
    fabric.spec["vault"] = {"name": "kv-flink-local", **network}
    found = [
        (what, one) for what, one in findings(fabric).items() if what.startswith("Airflow cannot read its secrets")
    ]
    assert [one for _, one in found] == [verdict]
    assert "Leave `public_network_access` and `network_rules` of `vault` out of the spec" in found[0][0]


def test_doctor_shows_what_it_has_found_to_be_right(fabric: Cli) -> None:
    found = findings(fabric)
    assert found["the capacity of the workspace flink-workspace is Active. "] == "holds"
    assert any("only the creation of the job shows" in one for one in found if found[one] == "not known")
    assert any(one.startswith("dags/flink_wordcount.py has ") for one in found)
    said = fabric("status", "--json").json()["notes"]
    assert any("Fabric gives no identity to Airflow's secrets backend" in note for note in said)
