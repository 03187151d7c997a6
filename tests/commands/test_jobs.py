"""Several jobs in one environment: provisioned, shown, and removed when the spec no longer names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cli.show import AFTER_WRITES
from tests.cli.test_terminal import at_terminal
from tests.emulator import ARM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli


VERSION = "api-version=2024-05-01-preview"


def jobs(cli: Cli, **changed: dict[str, Any] | None) -> None:
    """The spec with two jobs in place of one, changed."""
    jar = cli.spec.pop("job", None) or cli.spec["jobs"]["counts"]["jar"]
    two = {"counts": {"jar": jar}, "clicks-eu": {"jar": jar, "directory": "eu", "schedule": "0 6 * * *"}}
    cli.spec["jobs"] = {name: job for name, job in {**two, **changed}.items() if job is not None}


def launch(cli: Cli, job: str) -> str:
    """Start an upgraded job on the cluster, as its DAG does. Returns its name there."""
    found = re.search(rf"JOB_NAME = '{job}'(?s:.*?)NAME = JOB_NAME \+ '([0-9a-f]{{16}})'", cli.done("render").out)
    assert found
    name = f"{job}{found[1]}"
    running = {"jobName": name, "action": "NEW", "entryClass": "provisioner.WordCount"}
    jar = {"jobJarDirectory": "abfs://jobs@stflinklocal.dfs.core.windows.net", "jarName": "wordcount.jar"}
    body = {"properties": {"jobType": "FlinkJob", **running, **jar, "flinkConfiguration": {"parallelism": "1"}}}
    assert cli.azure.request("POST", f"{ARM}{cli.spec['flink']}/runJob?{VERSION}", body).status == 202
    return name


def test_status_shows_of_each_job_whether_it_is_deployed_and_runs(cli: Cli) -> None:
    jobs(cli)
    before = cli.done("status", "--json").json()["jobs"]
    assert [(job["name"], job["dag"], job["deployed"]) for job in before] == [
        ("clicks-eu", "clicks-eu", False),
        ("counts", "counts", False),
    ]

    cli.done("provision")

    cli.spec["jobs"]["clicks-eu"]["schedule"] = "0 7 * * *"
    after = cli.done("status", "--json").json()["jobs"]
    assert [(job["deployed"], job["running"], job["unknown"]) for job in after] == [(False, [], ""), (True, [], "")]
    assert "job counts: deployed, nothing of it runs" in cli.done("status").out


def test_status_shows_the_last_complete_savepoint(cli: Cli) -> None:
    place = {"savepoints": "abfss://jobs@stflinklocal.dfs.core.windows.net/saved"}
    endless = {"jar": cli.spec["job"], "until": "running", "upgrade": "savepoint", **place}
    jobs(cli, counts=endless)
    cli.done("provision")
    assert "savepoint" not in cli.done("status").out
    for file in ("one/_metadata", "two/_metadata", "three/data"):
        cli.azure.advance(2)
        url = f"https://stflinklocal.dfs.core.windows.net/jobs/saved/counts/{file}?resource=file"
        token = cli.azure.token("https://storage.azure.com")
        assert cli.azure.request("PUT", url, headers={"x_ms_version": "2023-11-03"}, token=token).status == 201
    found = cli.done("status", "--json").json()["jobs"][1]
    assert found["savepoint"] == "abfss://jobs@stflinklocal.dfs.core.windows.net/saved/counts/two"
    assert f"last savepoint {found['savepoint_at'][:16]} UTC in abfss://jobs@" in cli.done("status").out

    listing = {"method": "GET", "host": r"\.blob\.", "path": "^/jobs$"}  # the folder's is the last one
    cli.azure.fault(fault="latency", **listing, times=None)
    cli.done("status")
    listings = cli.azure.control("GET", "/faults")["rules"][0]["seen"]
    cli.azure.fault(fault="error", **listing, status=403, code="AuthorizationFailure", skip=listings - 1)
    assert "savepoint" not in cli.done("status").out


def test_a_second_provision_writes_nothing(cli: Cli) -> None:
    jobs(cli)
    cli.done("provision")
    cli.forget_calls()
    assert cli("plan", "--detailed-exitcode").code == 0
    assert cli.done("provision").code == 0
    assert cli.writes() == []


def test_a_job_that_the_spec_no_longer_names_goes_with_its_jar_and_its_file(cli: Cli) -> None:
    jobs(cli)
    cli.done("provision")
    jobs(cli, **{"clicks-eu": None})
    assert cli.done("plan", "--json").actions() == {
        "dag_file/airflow/dags/clicks-eu.py": "delete",
        "dag_import/clicks-eu": "delete",
        "job_jar/jobs/eu/wordcount.jar": "delete",
    }
    cli.done("provision", "--yes")
    assert cli("plan", "--detailed-exitcode").code == 0


def test_run_asks_which_job(cli: Cli) -> None:
    jobs(cli)
    assert "name one of clicks-eu, counts" in cli("run").err
    assert "none is no job of this environment; there are: clicks-eu, counts" in cli("run", "none").err


@pytest.mark.parametrize("text", [True, False])
def test_render_prints_every_dag(cli: Cli, *, text: bool) -> None:
    jobs(cli)
    if text:
        assert "# dags/clicks-eu.py" in cli.done("render").out
    else:
        files = [dag["file"] for dag in cli.done("render", "--json").json()["dags"]]
        assert files == ["dags/clicks-eu.py", "dags/counts.py", "dags/local_key_probe.py"]


def test_verify_checks_the_dag_of_each_job_and_each_jar_once(cli: Cli) -> None:
    jobs(cli)
    cli.done("provision")
    checks = cli("verify", "--json").json()["findings"]
    assert [check["what"] for check in checks].count("Airflow has parsed the DAG") == 3  # theirs, and the probe
    jars = sorted((check["told"].split()[0], check["state"]) for check in checks if check["what"] == "the job's jar")
    assert jars == [("jobs/eu/wordcount.jar", "ok"), ("jobs/wordcount.jar", "ok")]


def test_job_shows_what_runs_and_acts_through_a_dag_only_where_that_can(cli: Cli, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("from airflow import DAG\nDAG('counts')\n")
    jar = str(cli.spec["job"])
    jobs(cli, counts={"jar": jar, "template": str(own)})
    cli.done("provision")
    assert cli.done("job", "counts", "status").out == "nothing of counts runs\n"
    document: dict[str, Any] = {"format": 1, "environment": "local", "job": "counts", "running": []}
    assert cli.done("job", "counts", "cancel", "--json").json() == document
    refused = cli("job", "counts", "cancel", "--via-dag")
    assert (refused.code, "its runs cannot act on the job" in refused.err) == (4, True)
    assert "is no job of this environment" in cli("job", "none", "status").err


def test_what_runs_of_an_upgraded_job_that_the_spec_no_longer_names_is_said_and_stopped(cli: Cli) -> None:
    endless = {"jar": cli.spec["job"], "until": "running", "upgrade": "stateless"}
    jobs(cli, counts=endless)
    cli.done("provision")
    name = launch(cli, "counts")
    shown = cli.done("status", "--json").json()["jobs"]
    assert [[one["name"] for one in job["running"]] for job in shown] == [[], [name]]
    assert name in cli.done("job", "counts", "status").out
    (running,) = cli.done("job", "counts", "status", "--json").json()["running"]
    assert (running["name"], running["status"]) == (name, "RUNNING")

    jobs(cli, counts=None)
    assert f"still running, and no longer in the spec: {name}" in cli.done("provision", "--yes").err
    assert f"cancelled: {name}" in cli.done("provision", "--yes", "--stop-jobs").err
    assert "no longer in the spec" not in cli.done("provision").err


def test_a_person_is_asked_whether_a_job_that_the_spec_no_longer_names_is_cancelled(cli: Cli) -> None:
    jobs(cli, counts={"jar": cli.spec["job"], "until": "running", "upgrade": "stateless"})
    cli.done("provision")
    name = launch(cli, "counts")
    jobs(cli, counts=None)
    cli.done("provision", "--yes")
    for typed, is_left in (("n\n", True), ("y\n", False)):
        seen = at_terminal(cli, "provision", str(cli.file), types=typed)
        assert "running, and no longer in the spec. Cancel? [y/N]" in seen.screen
        assert (seen.code, f"cancelled: {name}" in seen.screen) == (0, not is_left)
        assert (name in cli.done("provision", "--yes").err) is is_left


def test_what_fails_after_one_job_was_cancelled_exits_with_3(cli: Cli) -> None:
    endless = {"jar": cli.spec["job"], "until": "running", "upgrade": "stateless"}
    jobs(cli, counts=endless, more={**endless})
    cli.done("provision")
    for job in ("counts", "more"):
        launch(cli, job)
    jobs(cli, counts=None)
    cli.done("provision", "--yes")
    cli.azure.fault(fault="error", method="POST", path="runJob", skip=1, status=400, code="NotNow", times=None)

    said = cli("provision", "--yes", "--stop-jobs")

    assert (said.code, "NotNow" in said.err, AFTER_WRITES in said.err) == (3, True, True), said.err
