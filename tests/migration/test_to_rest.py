"""From a cluster of HDInsight on AKS to a Flink behind its REST API, with a job without end that runs.

Flink is modelled here; tests/clients/test_migrate.py has a real one, and the sum.
"""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from provisioner.commands.handover import MIGRATION_RUN_ID
from tests.command_line import ROOT, Cli
from tests.emulator import ARM
from tests.migration.moving import HOUR, RUN_SECONDS, Moving, with_schedule
from tests.migration.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "api-version=2024-05-01-preview"
SAVEPOINTS = "abfss://jobs@stflinklocal.dfs.core.windows.net/states"


@pytest.fixture
def to_rest(cli: Cli) -> Moving:
    """The state of the job cannot be handed over."""
    return ready(cli, upgrade="stateless")


def ready(cli: Cli, **upgrade: str) -> Moving:
    """Both have a runtime of Data Factory, and prefixes of their own."""
    with_schedule(cli.spec)
    cli.spec["job"] = {"jar": cli.spec["job"], "until": "running", **upgrade}
    spec: dict[str, Any] = {**copy.deepcopy(cli.spec), "name": "moved"}
    spec["flink"] = yaml.safe_load((ROOT / "environments/flink-rest.yaml").read_text())["flink"]
    spec["airflow"] |= {"runtime": "airflow-moved", "container": "airflow-moved"}
    spec["airflow"] |= {"variables_prefix": "moved-variables", "connections_prefix": "moved-connections"}
    cli.azure.control("PUT", "/settings/modelled-airflow", {"run_seconds": RUN_SECONDS})
    cli.azure.control("PUT", "/settings/airflow", {"tells_sources": True})
    new = replace(cli, file=cli.file.with_name("moved.yaml"), spec=spec)
    cli.done("provision", "--wait-dag")
    cli.azure.advance(HOUR)
    return Moving(cli, new)


def begin_job(cli: Cli, savepoints: str = "") -> None:
    """What a run of the DAG has the cluster do."""
    name = re.findall(r"NAME = JOB_NAME \+ '([0-9a-f]{16})'", cli.done("render").out)[0]
    launch = {"jobName": f"wordcount{name}", "action": "NEW", "entryClass": "provisioner.WordCount"}
    jar = {"jobJarDirectory": "abfs://jobs@stflinklocal.dfs.core.windows.net", "jarName": "wordcount.jar"}
    configuration = {"parallelism": "1", **({"savepoint.directory": savepoints} if savepoints else {})}
    body = {"properties": {"jobType": "FlinkJob", **launch, **jar, "flinkConfiguration": configuration}}
    assert cli.azure.request("POST", f"{ARM}{cli.spec['flink']}/runJob?{VERSION}", body).status == 202
    assert "RUNNING" in cli.done("job", "wordcount", "status").out


@pytest.fixture
def stream(cli: Cli) -> Moving:
    return with_stream(cli)


def with_stream(cli: Cli) -> Moving:
    """The job runs, and its state can be handed over."""
    moving = ready(cli, upgrade="savepoint", savepoints=SAVEPOINTS)
    begin_job(moving.old, f"{SAVEPOINTS}/wordcount")
    return moving


def test_a_job_whose_state_cannot_be_handed_over_is_stopped_only_on_a_persons_word(to_rest: Moving) -> None:
    begin_job(to_rest.old)
    to_rest.old.forget_calls()

    refused = to_rest.migrate()

    assert (refused.code, "`--stop`, which cancels it" in refused.err) == (4, True), refused.out + refused.err
    assert to_rest.old.writes() == []

    said = to_rest.migrate("--stop")

    assert said.code == 0, said.out + said.err
    assert "cancelling wordcount" in said.out
    assert first_runs(to_rest) == [True]
    to_rest.advance(HOUR)
    assert to_rest.lost_or_twice() == []
    assert to_rest.new.done("plan", "--json").actions() == {}
    assert "nothing of wordcount runs" in to_rest.old.done("job", "wordcount", "status").out


def first_runs(moving: Moving) -> list[bool]:
    """Of each run that a migration begins for a job without end, whether it has worked."""
    return [run["has_worked"] for run in moving.runs() if run["dag_run_id"] == MIGRATION_RUN_ID]


def stops(cli: Cli) -> list[str]:
    """What the cluster says of its jobs: status and last action."""
    listed = cli.azure.request("GET", f"{ARM}{cli.spec['flink']}/jobs?{VERSION}").json()["value"]
    return [f"{one['properties']['status']} {one['properties']['action']}" for one in listed]


def test_a_job_whose_state_is_kept_is_stopped_with_a_savepoint(stream: Moving) -> None:

    said = stream.migrate()

    assert (said.code, "stopping wordcount with a savepoint" in said.out) == (0, True), said.out + said.err
    assert stops(stream.old) == ["STOPPED STOP"]
    assert first_runs(stream) == [True]
    stream.advance(HOUR)
    assert stream.lost_or_twice() == []


def test_a_stop_that_a_run_died_of_is_waited_for_by_the_next(stream: Moving, tmp_path: Path) -> None:
    trial = Trial(stream, tmp_path)
    assert trial.wanted.counted
    (stop,) = [call for call in trial.writes if "runJob" in call.path_pattern]
    for after in (False, True):
        assert trial.meet(stop, after=after) == (True, [])
        assert stops(stream.old) == ["STOPPED STOP"]


def test_a_job_whose_savepoints_go_elsewhere_is_not_stopped(cli: Cli) -> None:
    moving = ready(cli, upgrade="savepoint", savepoints=SAVEPOINTS)
    begin_job(moving.old, f"{SAVEPOINTS}/of-old")
    moving.old.forget_calls()

    refused = moving.migrate()

    assert (refused.code, f"its savepoints go to {SAVEPOINTS}/of-old" in refused.err) == (4, True), refused.err
    assert moving.old.writes() == []


def test_a_cluster_of_hdinsight_takes_no_job_of_another_environment_over(stream: Moving) -> None:
    stream.new.spec["flink"] = stream.old.spec["flink"]
    stream.old.forget_calls()

    refused = stream.migrate()

    assert (refused.code, "its state cannot be handed over" in refused.err) == (4, True), refused.err
    assert stream.old.writes() == []
