"""Airflow reads the DAG that `provisioner schedule --kind airflow` renders, and runs a mapped task per environment."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cli.main import main
from tests.clients.conftest import KEPT, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

ODD = 'it\'s 100% "odd" $HOME {{ ds }}'
PROVISIONER = """#!/bin/sh
echo "$1 $2 of $PWD"
case "$1 $2" in
  "rotate environments/dev.yaml") exit 4 ;;
  "plan environments/dev.yaml") exit 2 ;;
  *) exit 0 ;;
esac
"""
READ = """
import json, sys
from airflow.models import DagBag
bag = DagBag(sys.argv[1], include_examples=False)
(dag,) = bag.dags.values()
(task,) = dag.tasks
print("FOUND " + json.dumps({
    "errors": bag.import_errors,
    "dag": dag.dag_id,
    "runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "schedule": dag.timetable.summary,
    "kind": type(task).__name__,
    "count": task.get_parse_time_mapped_ti_count(),
}))
"""


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with the DAG of two environments, whose checkout has an odd name and a provisioner that finds drift."""
    from provisioner.cli.project import CHECKOUT

    place = tmp_path / ODD
    program = place / ".venv/bin/provisioner"
    program.parent.mkdir(parents=True)
    program.write_text(PROVISIONER)
    program.chmod(0o755)
    monkeypatch.chdir(CHECKOUT)
    made = ["--out", str(tmp_path / "dags"), "--directory", str(place)]
    assert main(["schedule", "dev", "prod", "--kind", "airflow", *made]) == 0
    capsys.readouterr()
    return tmp_path / "dags"


def told(dags: Path) -> dict[str, str]:
    """The variables of an Airflow of the test's own."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    home = str(dags.parent / "airflow")
    core = {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    return {**kept, **core, "AIRFLOW_HOME": home}


def called(dags: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=told(dags), capture_output=True, text=True, timeout=SECONDS, check=False)


def test_airflow_finds_one_task_mapped_over_the_environments(airflow_python: Path, dags: Path) -> None:
    done = called(dags, str(airflow_python), "-c", READ, str(dags))
    lines = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(lines[0])
    assert found.pop("schedule") == next(line.split("'")[1] for line in dag_lines(dags) if "schedule=" in line)
    assert found == {
        "errors": {},
        "dag": "provisioner_rotate",
        "runs": 1,
        "catchup": False,
        "kind": "MappedOperator",
        "count": 2,
    }


def dag_lines(dags: Path) -> list[str]:
    return (dags / "provisioner_rotate.py").read_text().splitlines()


def test_airflow_runs_every_environment_and_fails_the_one_where_a_person_is_needed(
    airflow_python: Path, dags: Path
) -> None:
    airflow = str(airflow_python.with_name("airflow"))
    assert called(dags, airflow, "db", "migrate").returncode == 0
    done = called(dags, airflow, "dags", "test", "provisioner_rotate")
    said = done.stdout + done.stderr
    for spec in ("environments/dev.yaml", "environments/prod.yaml"):
        assert f"rotate {spec} of {dags.parent / ODD}" in said
        assert f"plan {spec} of {dags.parent / ODD}" in said
    why = "rotate ended with 4 (a right or a precondition is missing); plan ended with 2 (changes are pending)"
    assert f"AirflowFailException: dev: {why}" in said
    assert "Immediate failure requested" in said
    assert (done.returncode, "prod: " in said) == (1, False)
