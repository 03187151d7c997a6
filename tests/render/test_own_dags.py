"""DAGs of people's own: read before anything is written, deployed as they are or rendered."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from provisioner.commands import declared_recipe
from provisioner.render.dags import rendered_dags
from provisioner.render.declared_dags import ReadDag, read_dags
from provisioner.spec.cron import cron_problem
from tests.environment_files import loaded, problems

if TYPE_CHECKING:
    from pathlib import Path

MINE = 'from airflow import DAG\nwith DAG("Mine", schedule="0 6 * * *"):\n    pass\n'
OWN = "dags: [own/*.py, own/*.j2]"


def own(folder: Path, **files: str) -> None:
    """Files of the folder `own`; `__` in a name stands for a period."""
    (folder / "own").mkdir()
    for name, text in files.items():
        (folder / "own" / name.replace("__", ".")).write_text(text)


def test_they_are_deployed_as_they_are_or_rendered(tmp_path: Path) -> None:
    own(tmp_path, b__py=MINE, a__py__j2="import airflow\nairflow.DAG({{ environment | py }}, x={{ lake.url | py }})\n")
    environment = loaded(tmp_path, OWN)
    found = {dag.name: dag for dag in rendered_dags(environment)[1:]}
    assert (found["b.py"].id, found["b.py"].content) == ("Mine", MINE)
    assert (found["a.py"].id, found["a.py"].job) == ("dev", None)
    assert "'https://stdev.dfs.core.windows.net/jobs'" in found["a.py"].content
    addresses = {str(node.address) for node in declared_recipe(environment).nodes}
    assert {"dag_import/Mine", "dag_file/airflow/dags/a.py"} < addresses


def test_a_file_whose_ids_cannot_be_read_is_deployed_without_one(tmp_path: Path) -> None:
    own(tmp_path, helpers__py="X = 1\n", dynamic__py="import m\nm.DAG(m.name())\n")
    environment = loaded(tmp_path, "dags: [own/*.py]")
    assert [(dag.name, dag.id) for dag in rendered_dags(environment)[1:]] == [("dynamic.py", ""), ("helpers.py", "")]
    assert "dag_import/helpers.py" in {str(node.address) for node in declared_recipe(environment).nodes}


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({"a__py": ""}, "a.py: holds no DAG"),
        ({"a__py": '"""About."""\n# nothing\n'}, "a.py: holds no DAG"),
        ({"a__py": "def f(:\n"}, "a.py:1: does not compile"),
        ({"a__py": "match 1:\n    case 1:\n        pass\n"}, "a.py:3: does not compile"),
        ({"a__py": MINE.replace("0 6", "0 25")}, "a.py:2: has the schedule '0 25 * * *', a bad hour"),
        ({"a__py": MINE, "b__py": MINE}, "b.py:2: is the DAG Mine, as "),
        (
            {"a__py": MINE.replace("Mine", "FlinkWordCountExample")},
            "is the DAG FlinkWordCountExample, as the job job is",
        ),
        ({"flink_wordcount__py": MINE}, "has the file flink_wordcount.py, as the job job has"),
        ({"a__py": MINE, "a__py__j2": "X = 1\n"}, "has the file a.py, as "),
        ({"a b__py": MINE}, "has the file a b.py, which Airflow does not read"),
        ({"a__py": MINE, "b__py__j2": "{{ nothing }}"}, "b.py.j2:1: does not render: 'nothing' is undefined"),
        ({}, "matches no file: *.py"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_its_pattern(tmp_path: Path, files: dict[str, str], wrong: str) -> None:
    own(tmp_path, **files)
    patterns = "dags: [own/*.py, own/*.j2]" if any("j2" in name for name in files) else "dags: [own/*.py]"
    found = [*problems(tmp_path, patterns).values()]
    assert len(found) == 1
    assert wrong in found[0].wrong


def test_in_an_airflow_that_serves_many_environments_ids_begin_with_this_ones_prefix(tmp_path: Path) -> None:
    own(tmp_path, a__py=MINE, b__py__j2=MINE.replace('"Mine"', "{{ (airflow.own_prefix ~ 'Other') | py }}"))
    airflow = "{target: self-managed, version: 3.3.2, key_prefix: team}"
    found = problems(tmp_path, OWN, airflow=airflow)
    assert [problem.path for problem in found.values()] == ["dags[0]"]
    assert found["dags[0]"].wrong == "a.py:2: is the DAG Mine; the ids of this environment's begin with team-"
    assert found["dags[0]"].right == "name it team-Mine, in a template {{ airflow.own_prefix }}Mine"

    (tmp_path / "own/a.py").write_text(MINE.replace("Mine", "team-Mine"))
    ids = [dag.id for dag in rendered_dags(loaded(tmp_path, OWN, airflow=airflow))]
    assert ids[1:] == ["team-Mine", "team-Other"]


def test_the_id_in_a_jobs_own_file_is_the_declared_one(tmp_path: Path) -> None:
    own(tmp_path, a__py=MINE)
    found = problems(tmp_path, "dag: {template: own/a.py, id: Other}")
    assert found["dag.template"].wrong == "a.py:2: declares the DAG Mine, not Other"
    assert loaded(tmp_path, "dag: {template: own/a.py, id: Mine}").dag.id == "Mine"


def test_ids_and_schedules_are_read_however_a_dag_is_declared() -> None:
    text = (
        'models.DAG(dag_id="a", schedule_interval="@daily")\n'
        "DAG(name)\n"
        "@dag\ndef b(): ...\n"
        '@task\n@dag(dag_id="c", schedule=None)\ndef d(): ...\n'
        '@dag(schedule="@once")\nasync def e(): ...\n'
        "(lambda: 1)()\n"
    )
    assert [(dag.id, dag.schedule) for dag in read_dags(ast.parse(text))] == [
        ("a", "@daily"), (None, None), ("b", None), ("c", None), ("e", "@once"),
    ]  # fmt: skip
    assert read_dags(ast.parse("DAG()")) == (ReadDag(id=None, schedule=None, line=1),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 6 * * 1-5", ""),
        ("*/15 * * * * 30", ""),
        ("0 0 ? * MON#1", ""),
        ("@daily", ""),
        ("@dayly", "no preset of Airflow"),
        ("60 * * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 6 * *", "4 fields, not five"),
    ],
)
def test_a_schedule_is_read_field_by_field(text: str, problem: str) -> None:
    assert cron_problem(text) == problem


def test_a_jobs_schedule_is_read_too(tmp_path: Path) -> None:
    assert "bad hour" in problems(tmp_path, "dag: {schedule: 0 24 * * *}")["dag.schedule"].right
