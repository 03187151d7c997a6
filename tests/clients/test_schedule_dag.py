"""Airflow reads the DAG that `provisioner schedule --kind airflow` renders, and runs a mapped task per environment."""

from __future__ import annotations

import json
import os
import select
import shutil
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cli.main import main
from tests.cli.test_many import VARIABLE, two, write
from tests.clients.airflows import SECONDS as AIRFLOW_SECONDS
from tests.clients.airflows import Airflow
from tests.clients.conftest import KEPT, SECONDS
from tests.clients.environment import environment
from tests.command_line import ROOT, cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Cli

__all__ = ["cli", "two"]  # fixtures
STATE_VARIABLE = "PROVISIONER_LOCAL_STATE"
JAR = ROOT / "templates/jobs/wordcount/wordcount.jar"
MANY = 20
BASE = """
cloud: public
resource_group: rg-many
location: westeurope
flink: {target: rest, url: https://flink.example.com, auth: {entra: {scope: api://flink/.default}}}
airflow: {target: self-managed, version: 3.3.2}
job: job.jar
"""
SUBSCRIPTIONS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
# Says so where another environment of its subscription is under way. The first two wait for each other.
ONE_AT_A_TIME = """#!/bin/sh
subscription=$(grep ^subscription: "$2")
mkdir "under way in ${subscription#*: }" || exec echo "two at once: $*" > done
case "$1 ${2##*/}" in
  "rotate many-00.yaml") : > meeting ;;
  "rotate many-01.yaml") : < meeting ;;
esac
rmdir "under way in ${subscription#*: }"
echo "$*" > done
"""
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
    kept = {name: os.environ[name] for name in (*KEPT, STATE_VARIABLE) if name in os.environ}
    home = str(dags.parent / "airflow")
    core = {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    return {**kept, **core, "AIRFLOW_HOME": home}


def called(dags: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=told(dags), capture_output=True, text=True, timeout=SECONDS, check=False)


def triggered(airflow_python: Path, dags: Path, **conf: str) -> tuple[int, str]:
    """A run of the DAG with that configuration. Returns the exit code and what it printed."""
    airflow = str(airflow_python.with_name("airflow"))
    assert called(dags, airflow, "db", "migrate").returncode == 0
    done = called(dags, airflow, "dags", "test", "provisioner_rotate", *(("--conf", json.dumps(conf)) if conf else ()))
    return done.returncode, done.stdout + done.stderr


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
    code, said = triggered(airflow_python, dags)
    for spec in ("environments/dev.yaml", "environments/prod.yaml"):
        assert f"rotate {spec} of {dags.parent / ODD}" in said
        assert f"plan {spec} of {dags.parent / ODD}" in said
    why = "rotate ended with 4 (a right or a precondition is missing); plan ended with 2 (changes are pending)"
    assert f"AirflowFailException: dev: {why}" in said
    assert "Immediate failure requested" in said
    assert (code, "prod: " in said) == (1, False)


def test_a_run_provisions_if_that_is_what_it_was_triggered_for(airflow_python: Path, dags: Path) -> None:
    code, said = triggered(airflow_python, dags, verb="provision")
    for spec in ("environments/dev.yaml", "environments/prod.yaml"):
        assert f"provision {spec} of {dags.parent / ODD}" in said
    assert (code, "rotate environments" in said, "plan environments" in said) == (0, False, False)


def test_a_run_only_looks_for_drift_if_that_is_what_it_was_triggered_for(airflow_python: Path, dags: Path) -> None:
    code, said = triggered(airflow_python, dags, verb="plan")
    for spec in ("environments/dev.yaml", "environments/prod.yaml"):
        assert f"plan {spec} of {dags.parent / ODD}" in said
    assert "AirflowFailException: dev: plan ended with 2 (changes are pending)" in said
    assert (code, "rotate environments" in said, "provision environments" in said) == (1, False, False)
    assert "prod: " not in said


def test_a_run_for_another_verb_does_nothing_and_says_which_there_are(airflow_python: Path, dags: Path) -> None:
    code, said = triggered(airflow_python, dags, verb="teardown")
    assert "AirflowFailException: 'teardown' is no verb of this DAG; there are rotate, plan, provision" in said
    assert (code, f"of {dags.parent / ODD}" in said) == (1, False)


def test_the_real_command_plans_each_environment_of_a_local_azure(airflow_python: Path, two: Cli) -> None:
    """In the tests above and below the commands are stubs."""
    checkout = two.file.parent
    program = checkout / ".venv/bin/provisioner"
    program.parent.mkdir(parents=True)
    program.symlink_to(ROOT / ".venv/bin/provisioner")
    write(two, "west", variables={})
    dags = checkout / "dags"
    made = ("--out", str(dags), "--directory", str(checkout))
    assert two.run("schedule", "east", "west", "--kind", "airflow", *made).code == 0

    code, said = triggered(airflow_python, dags, verb="plan")

    assert "east: no changes; 30 unchanged" in said
    assert f"delete {VARIABLE}" in said
    assert "AirflowFailException: west: plan ended with 2 (changes are pending)" in said
    assert (code, "AirflowFailException: east" in said) == (1, False)


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with many environments in two subscriptions."""
    place = tmp_path / "many"
    (place / ".venv/bin").mkdir(parents=True)
    (place / "environments").mkdir()
    program = place / ".venv/bin/provisioner"
    program.write_text(ONE_AT_A_TIME)
    program.chmod(0o755)
    os.mkfifo(place / "meeting")
    os.mkfifo(place / "done")
    shutil.copy(JAR, place / "environments/job.jar")
    names = [f"many-{number:02}" for number in range(MANY)]
    for number, name in enumerate(names):
        own = f"name: {name}\nvault: kv-{name}\nstorage_account: stmany{number:02}\n"
        subscription = f"subscription: {SUBSCRIPTIONS[number % 2]}\n"
        (place / f"environments/{name}.yaml").write_text(own + subscription + BASE)
    monkeypatch.chdir(place)
    made = ["--pools", "--out", str(tmp_path / "airflow/dags"), "--directory", str(place)]
    assert main(["schedule", *names, "--kind", "airflow", *made]) == 0
    capsys.readouterr()
    return place


@pytest.fixture
def several_workers(many: Path) -> Airflow:
    """An Airflow that runs four tasks at once, each in a process, with the pools that the DAG asks for."""
    home = many.parent / "airflow"
    variables = {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=300",
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # of sqlite; in WAL mode a few writers work
    }
    airflow = Airflow(version="airflow-2-10", home=home, variables=variables)
    assert airflow.call("airflow", "db", "migrate").returncode == 0
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
    for subscription in SUBSCRIPTIONS:
        pool = ("pools", "set", f"provisioner_{subscription}", "1", "environments at once")
        assert airflow.call("airflow", *pool).returncode == 0
    return airflow


def lines_of(fifo: Path, count: int) -> Iterator[str]:
    """So many lines, as processes write them; it ends early if none comes for long."""
    opened = os.open(fifo, os.O_RDWR)  # for writing, too: so it does not end when one that writes has gone
    try:
        content = b""
        while content.count(b"\n") < count and select.select([opened], [], [], AIRFLOW_SECONDS)[0]:
            content += os.read(opened, 4096)
        yield from content.decode().splitlines()
    finally:
        os.close(opened)


def test_workers_run_many_environments_at_once_as_far_as_pools_let_them(several_workers: Airflow, many: Path) -> None:
    command = [str(environment(several_workers.version) / "bin/airflow"), "scheduler", "--skip-serve-logs"]
    with (many.parent / "scheduler.log").open("w") as log:
        scheduler = subprocess.Popen(
            command, env=several_workers.variables, stdout=log, stderr=log, start_new_session=True
        )
        try:
            done = sorted(lines_of(many / "done", 2 * MANY))
        finally:
            scheduler.terminate()
            scheduler.wait(SECONDS)

    options = {"plan": "--detailed-exitcode --notify", "rotate": "--yes --notify"}
    assert done == sorted(
        f"{verb} {many}/environments/many-{number:02}.yaml {text}"
        for verb, text in options.items()
        for number in range(MANY)
    )
