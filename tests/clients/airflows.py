"""Airflow in three versions, each in an environment of its own: what Data Factory has, what Fabric has, the newest."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clients.environment import PLACE, environment

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ("airflow-2-6", "airflow-2-10", "airflow-3")
SECONDS = 400  # of one call; a busy machine takes many times what a quiet one does
READ = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from airflow.models import DagBag
    bag = DagBag(sys.argv[1])
dags = {
    dag.dag_id: {
        "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "schedule": type(dag.timetable).__name__,
        "params": dict(dag.params),
    }
    for dag in bag.dags.values()
}
ours = [str(one.message) for one in caught if one.filename.startswith(sys.argv[1])]
kept = (str(one) for many in getattr(bag, "captured_warnings", {}).values() for one in many)
ours += [one for one in kept if one.startswith(sys.argv[1])]
print("FOUND " + json.dumps({"errors": bag.import_errors, "dags": dags, "warnings": ours}))
"""


def runs_here(version: str) -> bool:
    """Whether there is a release of it for this Python: Airflow 2.6.3 has none for 3.12."""
    return version != "airflow-2-6" or sys.version_info < (3, 12)


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """One Airflow with a database and a folder of DAGs of its own. variables: what its processes get besides."""

    version: str
    home: Path
    variables: dict[str, str]

    @property
    def dags(self) -> Path:
        return self.home / "dags"

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A program of its environment."""
        program = environment(self.version) / "bin" / command[0]
        core = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
        }
        return subprocess.run(
            [str(program), *command[1:]],
            env={**self.variables, **core},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )

    def parsed(self) -> dict[str, Any]:
        """What its DagBag makes of the folder: errors, DAGs, warnings that our files cause."""
        done = self.call("python", "-c", READ, str(self.dags))
        lines = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
        assert lines, done.stdout + done.stderr
        return json.loads(lines[0])

    def test(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Run the DAG once, in one process; what was logged. Its exit status says nothing on 2.6.3: see `states`."""
        asked = ["--conf", json.dumps(conf)] if conf else []
        done = self.call("airflow", "dags", "test", dag_id, *asked)
        return done.stdout + done.stderr

    def states(self) -> dict[str, str]:
        """By task, how it ended, and the run under its own name."""
        return dict(self._rows("SELECT task_id, state FROM task_instance UNION SELECT 'run', state FROM dag_run"))

    def tries(self, task: str) -> int:
        """How often a task was tried."""
        (row,) = self._rows(f"SELECT try_number, try_number FROM task_instance WHERE task_id = '{task}'")  # noqa: S608  # a test's own word
        return int(row[0])

    def handed_on(self) -> str:
        """All that tasks left for each other."""
        return repr(self._rows("SELECT key, CAST(value AS TEXT) FROM xcom"))

    def _rows(self, query: str) -> list[tuple[Any, Any]]:
        with sqlite3.connect(self.home / "airflow.db") as database:
            return list(database.execute(query))


def made(version: str, home: Path, variables: dict[str, str]) -> Airflow:
    """An Airflow with an empty database; the first of each version migrates one for all."""
    airflow = Airflow(version=version, home=home, variables=variables)
    airflow.dags.mkdir(parents=True)
    empty = environment(version) / "airflow.db"
    if not empty.exists():
        done = airflow.call("airflow", "db", "init" if version == "airflow-2-6" else "migrate")
        assert done.returncode == 0, done.stdout + done.stderr
        shutil.copy(home / "airflow.db", PLACE / f"{home.name}.db")
        (PLACE / f"{home.name}.db").replace(empty)
    shutil.copy(empty, home / "airflow.db")
    return airflow
