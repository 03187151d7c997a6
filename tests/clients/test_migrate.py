"""A job without end moves to another environment on a real Flink, while jobs run by their schedule: its sum is exact.

The Airflows are modelled, so what a run of the job's DAG does is done here by the DAG's own file, in a real Airflow's
Python with the settings of that environment's workers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app import process
from tests import emulator
from tests.clients import airflows
from tests.clients.conftest import told
from tests.clients.test_upgrade import IN_THE_LAKE, await_number, cancelled, submitted, totals
from tests.command_line import ROOT, Cli
from tests.localazure.fabric.workspace import Fabric
from tests.localazure.runtimes.conftest import start_flink
from tests.migration.moving import EVERY_TEN_MINUTES, HOUR, RUN_SECONDS, Moving, in_fabric, self_managed
from tests.migration.readers import job_in_fabric, settings_of_job, variables_of_platform, variables_of_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.emulator import Answer, LocalAzure

JARS = ROOT / "templates/jobs"
STREAM = "total"


@pytest.fixture
def azure_with_flink(tmp_path: Path) -> Iterator[LocalAzure]:
    """A local Azure of the test's own, whose clock and settings it changes."""
    state = tmp_path / "azure"
    try:
        azure = emulator.start(state)
        start_flink(azure)
        azure.control("PUT", "/settings/modelled-airflow", {"run_seconds": RUN_SECONDS})
        azure.control("PUT", "/settings/airflow", {"tells_sources": True})
        yield azure
    finally:
        process.stop(state)


@dataclass(kw_only=True)
class Stream:
    """Two environments with a job by schedule and one without end, which adds numbers up into a file."""

    moving: Moving
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "total"

    def run_dag(self, cli: Cli, variables: dict[str, str]) -> str:
        """What a run of the job's DAG does there. Returns what it knows the job by."""
        version = "airflow-2-10" if cli.spec["airflow"].get("target") == "fabric" else "airflow-3"
        airflow = airflows.made(version, self.folder / cli.spec["name"], told(self.moving.azure) | variables)
        text = self._dag_of(cli)
        assert text.status == 200, text.body
        (airflow.dags / "total.py").write_bytes(text.body)
        return submitted(airflow)

    def _dag_of(self, cli: Cli) -> Answer:
        azure = self.moving.azure
        if cli.spec["airflow"].get("target") == "fabric":
            return Fabric(azure=azure)("GET", f"{job_in_fabric(azure)}/files/dags/{STREAM}.py?beta=true")
        container = cli.spec["airflow"].get("container", "airflow")
        url = f"https://{cli.spec['storage_account']}.blob.core.windows.net/{container}/dags/{STREAM}.py"
        token = azure.token("https://storage.azure.com")
        return azure.request("GET", url, headers={"x_ms_version": "2023-11-03"}, token=token)

    def grown(self) -> int:
        """How many numbers have been added, once there is one more."""
        before = len(totals(self.output)) if self.output.exists() else 0
        while (now := len(totals(self.output)) if self.output.exists() else 0) <= before:
            await_number(self.moving.azure, self.output)
        return now


def environment(azure: LocalAzure, name: str, folder: Path, savepoints: str) -> dict[str, Any]:
    """A file of environments/ with both jobs."""
    spec = yaml.safe_load((ROOT / f"environments/{name}.yaml").read_text())
    del spec["job"]
    stream = {"jar": str(JARS / "runningtotal/runningtotal.jar"), "until": "running", "parallelism": 1}
    stream |= {"upgrade": "savepoint", "savepoints": savepoints, "args": f"--output {folder}/total --pause 5"}
    words = {"jar": str(JARS / "wordcount/wordcount.jar"), "schedule": EVERY_TEN_MINUTES, "timeout": "1m"}
    spec["jobs"] = {"words": words, STREAM: stream}
    assert spec["subscription"] in azure.subscription
    return spec


def assert_moves(stream: Stream, workers_of_new: Callable[[Cli], dict[str, str]]) -> None:
    """Both jobs move, and each number is added once, each moment of the schedule has its run."""
    moving = stream.moving
    moving.old.done("provision", "--wait-dag")
    stream.run_dag(moving.old, variables_of_runtime(moving.old))
    stream.grown()
    moving.advance(HOUR)

    said = moving.migrate()

    assert said.code == 0, said.out + said.err
    assert f"stopping {STREAM} with a savepoint" in said.out
    stopped_at = len(totals(stream.output))
    begun = [run["dag_id"] for run in moving.runs() if run["dag_run_id"] == "provisioner__migration"]
    assert [dag_id.removeprefix("moved-") for dag_id in begun] == [STREAM]
    stream.run_dag(moving.new, workers_of_new(moving.new))
    assert stream.grown() > stopped_at
    shown = moving.new.done("job", STREAM, "status", "--json").json()["running"]
    (running,) = cancelled(moving.azure)
    assert [one["id"] for one in shown] == [running]
    added = totals(stream.output)
    assert added == [(number, number * (number + 1) // 2) for number in range(1, len(added) + 1)]
    moving.advance(HOUR)
    assert moving.new.done("verify")
    assert moving.lost_or_twice() == []
    assert len(moving.worked()) > 10
    assert moving.new.done("plan", "--json").actions() == {}


@pytest.fixture
def old(
    azure_with_flink: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """The command line on a file that has yet to be written."""
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(azure_with_flink.state))
    monkeypatch.setenv("PROVISIONER_JOURNAL", str(tmp_path / "journal"))
    return Cli(azure=azure_with_flink, file=tmp_path / "env.yaml", spec={}, capture=capsys)


def test_from_hdinsight_on_aks_to_a_flink_behind_its_rest_api(old: Cli, tmp_path: Path) -> None:
    old.spec = environment(old.azure, "local", tmp_path, f"{IN_THE_LAKE}/states")
    spec: dict[str, Any] = {**copy.deepcopy(old.spec), "name": "moved"}
    spec["flink"] = yaml.safe_load((ROOT / "environments/flink-rest.yaml").read_text())["flink"]
    spec["airflow"] |= {"runtime": "airflow-moved", "container": "airflow-moved"}
    spec["airflow"] |= {"variables_prefix": "moved-variables", "connections_prefix": "moved-connections"}
    new = replace(old, file=old.file.with_name("moved.yaml"), spec=spec)

    assert_moves(Stream(moving=Moving(old, new), folder=tmp_path), variables_of_runtime)


def test_from_data_factory_to_an_airflow_of_ones_own_on_the_same_flink(old: Cli, tmp_path: Path) -> None:
    old.spec = environment(old.azure, "flink-rest", tmp_path, f"file://{tmp_path}/states")
    moving = Moving(old, self_managed(old))
    moving.deploy()

    assert_moves(Stream(moving=moving, folder=tmp_path), partial(variables_of_platform, folder=tmp_path))
    (tmp_path / "token").unlink()  # only a pod has it


def test_from_data_factory_to_fabric_on_the_same_flink(old: Cli, tmp_path: Path) -> None:
    old.spec = environment(old.azure, "flink-rest", tmp_path, f"file://{tmp_path}/states")

    assert_moves(Stream(moving=Moving(old, in_fabric(old)), folder=tmp_path), lambda _: settings_of_job(old.azure))
