"""`run` and `--wait-dag` through a real Airflow to a real Flink."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app import process
from tests import emulator
from tests.command_line import ROOT, Said
from tests.documents import assert_as_published

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.emulator import LocalAzure

SECONDS = 600  # of one call; a busy machine takes many times what a quiet one does
DAG = "FlinkWordCountExample"
BROKEN = "from airflow import DAG\nimport a_module_that_nobody_wrote\n"  # Airflow parses files that name both
FACTORY = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
RUNTIME = f"{FACTORY}/integrationruntimes/airflow-local?api-version=2018-06-01"


@dataclass
class Real:
    """An environment on a local Azure of its own, whose Airflow and Flink are real; every call is a process.

    Each document that one prints is compared with the published schema.
    """

    azure: LocalAzure
    folder: Path
    spec: dict[str, Any] = field(default_factory=dict[str, Any])

    def start(self, verb: str, *options: str) -> subprocess.Popen[str]:
        (self.folder / "env.yaml").write_text(yaml.safe_dump(self.spec))
        own = {"PROVISIONER_LOCAL_STATE": str(self.azure.state), "PROVISIONER_JOURNAL": str(self.folder / "journal")}
        command = [sys.executable, "-m", "provisioner", verb, str(self.folder / "env.yaml"), *options]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, text=True, **pipes)

    def __call__(self, verb: str, *options: str) -> Said:
        return ended(self.start(verb, *options))

    def done(self, verb: str, *options: str) -> Said:
        said = self(verb, *options)
        assert said.code == 0, said.out + said.err
        return said

    def airflow(self, method: str, path: str, body: Any = None) -> Any:
        """One request to its Airflow."""
        url = f"https://management.azure.com{self.azure.subscription}{RUNTIME}"
        told = self.azure.request("GET", url).json()["properties"]["typeProperties"]["airflowProperties"]
        api = "v2" if told["airflowVersion"].startswith("3") else "v1"
        answer = self.azure.request(method, told["airflowWebUrl"].replace("/login/", f"/api/{api}/{path}"), body)
        assert answer.status == 200, answer.body
        return answer.json()

    def with_dag(self, **dag: str) -> Real:
        """The same environment with another DAG."""
        return Real(azure=self.azure, folder=self.folder, spec={**self.spec, "dag": dag})


def hold(real: Real) -> None:
    """Let the next job's state be told to nobody but who submits it, so that its run goes on."""
    real.azure.fault(fault="error", method="GET", path="/clusters/[^/]*/jobs$", status=503, skip=1, times=None)


def ended(process_: subprocess.Popen[str]) -> Said:
    out, err = process_.communicate(timeout=SECONDS)
    command: Any = process_.args
    assert_as_published(command[3:], out)
    return Said(code=process_.returncode, out=out, err=err)


@contextmanager
def begun(folder: Path) -> Generator[Real]:
    """Not provisioned yet. The words that a job counts come to a folder of the test's own."""
    spec = yaml.safe_load((ROOT / "environments/local.yaml").read_text())
    jar = str(ROOT / "templates/jobs/wordcount/wordcount.jar")
    spec["job"] = {"jar": jar, "args": f"--output {folder}/words/{{job}}"}
    try:
        yield Real(azure=emulator.start(folder / "azure"), folder=folder, spec=spec)
    finally:
        process.stop(folder / "azure")


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """With Airflow 3, which takes a minute to start."""
    with begun(tmp_path_factory.mktemp("newest")) as made:
        yield made


@pytest.fixture
def real(newest: Real) -> Real:
    """The same, whatever the test before made of it: each begins with a provision and has a DAG of its own."""
    newest.azure.control("DELETE", "/faults")
    return newest


def test_a_job_runs_and_calls_join_it_until_it_has_ended(real: Real) -> None:
    real.done("provision", "--yes")
    hold(real)
    real.azure.fault(fault="lost", method="POST", path="/dagRuns$", times=2)
    calls = [real.start("run", "--no-wait", "--json") for _ in range(3)]
    said = [ended(call) for call in calls]
    assert [one.code for one in said] == [0, 0, 0], [one.err for one in said]
    begun = [one.json() for one in said]
    (run_id,) = {one["run_id"] for one in begun}
    assert sorted(one["joined"] for one in begun) == [False, True, True]
    assert re.fullmatch(r"provisioner__\d{8}__[0-9a-f]{8}__1", run_id)
    late = real("run", "--timeout", "1s")
    assert (late.code, f"{run_id} is still" in late.err, "--timeout" in late.err) == (1, True, True)
    following = real.start("run")
    assert following.stdout is not None
    assert any(line.strip() == f"{run_id}: joined" for line in following.stdout)
    real.azure.control("DELETE", "/faults")
    assert f"result: {real.folder}/words/" in ended(following).out
    followed = real.done("run", "--run-id", run_id, "--json").json()
    assert (followed["run_id"], followed["joined"], followed["state"]) == (run_id, True, "success")
    assert [task["state"] for task in followed["tasks"]] == ["success"] * 3
    assert re.fullmatch("[0-9a-f]{32}", followed["job"]["id"])
    assert followed["job"]["status"] == "FINISHED"
    assert followed["result"] == str(real.folder / "words" / followed["job_name"])
    assert list(Path(followed["result"]).rglob("part-*"))

    _what_comes_after(real, run_id)


def _what_comes_after(real: Real, run_id: str) -> None:
    """A second run, a third that fails, a fourth that is not begun."""
    said = real.done("run")
    assert f"{run_id[:-1]}2: triggered" in said.out
    assert f"result: {real.folder}/words/" in said.out

    failed = real("run", "--conf", '{"jarName": "nobody.jar", "poolNm": "flink-pool"}')
    assert failed.code == 1
    assert "failed in follow_flink_example_job" in failed.err
    assert "The specified path does not exist" in failed.out
    assert len(real.airflow("GET", f"dags/{DAG}/dagRuns")["dag_runs"]) == 3

    real.airflow("PATCH", f"dags/{DAG}", {"is_paused": True})
    paused = real("run", "--no-wait")
    assert (paused.code, "--unpause" in paused.err) == (4, True)
    assert real.done("run", "--no-wait", "--unpause", "--json").json()["state"] in {"queued", "running"}


def test_a_dag_that_airflow_cannot_read_is_told_with_its_own_words(real: Real) -> None:
    (real.folder / "broken.py").write_text(BROKEN)
    broken = real.with_dag(template="broken.py", id="Broken")
    real.done("provision", "--yes")
    refused = broken("run")
    assert refused.code == 4
    assert "dag_import/Broken: Airflow has not been given this DAG" in refused.err
    said = broken("provision", "--yes", "--wait-dag")
    assert (said.code, said.out.splitlines()[-1].startswith("local: ")) == (3, True)
    assert "Airflow cannot import dags/broken.py" in said.out + said.err
    assert "No module named 'a_module_that_nobody_wrote'" in said.out + said.err
    found = {one["what"]: one for one in broken("verify", "--json").json()["findings"]}
    assert found["Airflow has parsed the DAG"]["state"] == "failed"
    assert "a_module_that_nobody_wrote" in found["Airflow has parsed the DAG"]["told"]

    (real.folder / "broken.py").write_text(BROKEN.replace("import a_module_that_nobody_wrote", "DAG('Other')"))
    another = broken("provision", "--yes", "--wait-dag")
    assert (another.code, "Other" in another.err) == (1, True)
    template = str(ROOT / "templates/dags/own_constructor.py.j2")
    real.with_dag(template=template, id="Mine").done("provision", "--yes", "--wait-dag")
    found = real.with_dag(template=template, id="Mine").done("verify", "--json").json()
    assert found["summary"]["failed"] == found["summary"]["not known"] == 0


@pytest.fixture
def before_3(tmp_path: Path) -> Iterator[Real]:
    """With Airflow 2."""
    with begun(tmp_path) as made:
        made.spec["airflow"] = {**made.spec["airflow"], "version": "2.10.5"}
        yield made


def test_airflow_2_is_asked_in_its_own_way(before_3: Real) -> None:
    real = before_3
    real.done("provision", "--yes")
    said = real.done("run", "--json").json()
    assert (said["state"], said["joined"], said["job"]["status"]) == ("success", False, "FINISHED")
    assert "/grid?dag_run_id=" in said["url"]
    failed = real("run", "--conf", '{"jarName": "nobody.jar"}', "--json")
    told = failed.json()
    assert (failed.code, told["state"], told["failed"]) == (1, "failed", "follow_flink_example_job")
    assert any("The specified path does not exist" in line for line in told["log"])
