"""From a cluster of HDInsight on AKS to a Flink behind its REST API, with a job without end that runs."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import yaml

from tests.command_line import ROOT, Cli
from tests.emulator import ARM
from tests.migration.moving import HOUR, RUN_SECONDS, Moving, with_schedule

VERSION = "api-version=2024-05-01-preview"


@pytest.fixture
def to_rest(cli: Cli) -> Moving:
    """Both have a runtime of Data Factory, and prefixes of their own."""
    with_schedule(cli.spec)
    cli.spec["job"] = {"jar": cli.spec["job"], "until": "running", "upgrade": "stateless"}
    spec: dict[str, Any] = {**copy.deepcopy(cli.spec), "name": "moved"}
    spec["flink"] = yaml.safe_load((ROOT / "environments/flink-rest.yaml").read_text())["flink"]
    spec["airflow"] |= {"runtime": "airflow-moved", "container": "airflow-moved"}
    spec["airflow"] |= {"variables_prefix": "moved-variables", "connections_prefix": "moved-connections"}
    cli.azure.control("PUT", "/settings/airflow-model", {"run_seconds": RUN_SECONDS})
    cli.azure.control("PUT", "/settings/airflow", {"tells_sources": True})
    new = Cli(azure=cli.azure, file=cli.file.with_name("moved.yaml"), spec=spec, capture=cli.capture)
    cli.done("provision", "--wait-dag")
    cli.azure.advance(HOUR)
    return Moving(cli, new)


def begin_job(cli: Cli) -> None:
    """What a run of the DAG has the cluster do."""
    name = re.findall(r"NAME = JOB_NAME \+ '([0-9a-f]{16})'", cli.done("render").out)[0]
    launch = {"jobName": f"wordcount{name}", "action": "NEW", "entryClass": "provisioner.WordCount"}
    jar = {"jobJarDirectory": "abfs://jobs@stflinklocal.dfs.core.windows.net", "jarName": "wordcount.jar"}
    body = {"properties": {"jobType": "FlinkJob", **launch, **jar, "flinkConfiguration": {"parallelism": "1"}}}
    assert cli.azure.request("POST", f"{ARM}{cli.spec['flink']}/runJob?{VERSION}", body).status == 202
    assert "RUNNING" in cli.done("job", "wordcount", "status").out


def test_a_job_whose_state_cannot_be_handed_over_is_stopped_only_on_a_persons_word(to_rest: Moving) -> None:
    begin_job(to_rest.old)
    to_rest.old.forget_calls()

    refused = to_rest.migrate()

    assert (refused.code, "`--stop`, which cancels it" in refused.err) == (4, True), refused.out + refused.err
    assert to_rest.old.writes() == []

    said = to_rest.migrate("--stop")

    assert said.code == 0, said.out + said.err
    assert "cancelling wordcount" in said.out
    begun = [run for run in to_rest.runs() if run["dag_run_id"] == "provisioner__migration"]
    assert [run["has_worked"] for run in begun] == [True]
    to_rest.advance(HOUR)
    assert to_rest.lost_or_twice() == []
    assert to_rest.new.done("plan", "--json").actions() == {}
    assert "nothing of wordcount runs" in to_rest.old.done("job", "wordcount", "status").out
