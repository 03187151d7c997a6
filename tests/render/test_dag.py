"""The DAG's template → the DAG, and what is wrong with a template."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.render.dag import Hosts, job_name, render_dag
from tests.environment_files import SUBSCRIPTION, load, loaded, problems
from tests.render.rendered_dag import constants

ROOT = Path(__file__).parents[2]


def test_the_dag_has_the_specs_values_as_defaults(tmp_path: Path) -> None:
    job = "{jar: job.jar, directory: a/b, args: '--output /tmp/{job}', parallelism: 3}"
    found = constants(render_dag(loaded(tmp_path, job=job)))
    assert found["PARAMS"] == {
        "jarName": "job.jar",
        "jarDirectory": "abfs://jobs@stdev.dfs.core.windows.net/a/b",
        "subscription": SUBSCRIPTION,
        "rg": "platform",
        "poolNm": "pool",
        "clusterNm": "flink",
    }
    assert (found["ARGS"], found["PARALLELISM"], found["JOB_NAME"]) == ("--output /tmp/{job}", 3, "job")


def test_the_dag_speaks_to_the_hosts_it_is_given(tmp_path: Path) -> None:
    hosts = Hosts(
        management="https://management.chinacloudapi.cn/", login="https://login.chinacloudapi.cn", dfs_suffix="x.cn"
    )
    found = constants(render_dag(loaded(tmp_path), hosts))
    assert found["MANAGEMENT"] == "https://management.chinacloudapi.cn"
    assert found["PARAMS"]["jarDirectory"] == "abfs://jobs@stdev.x.cn"


def test_arguments_with_quotes_and_lines_stay_arguments(tmp_path: Path) -> None:
    nasty = "' + __import__('os').name + \" \\ {{ x }} {% raw %}"
    environment = loaded(tmp_path, job=json.dumps({"jar": "job.jar", "args": nasty}))
    assert constants(render_dag(environment))["ARGS"] == nasty


def test_a_dag_without_j2_is_deployed_as_it_is(tmp_path: Path) -> None:
    source = "x = '{{ ds }}'\n"
    (tmp_path / "own.py").write_text(source)
    environment = loaded(tmp_path, "dag: own.py")
    assert render_dag(environment) == source
    assert environment.dag.file == "own.py"


def test_a_template_of_any_name_makes_a_python_file(tmp_path: Path) -> None:
    (tmp_path / "own.j2").write_text("dag_id = {{ dag.id | py }}  # {{ environment }}\n")
    environment = loaded(tmp_path, "dag: {template: own.j2, id: mine}")
    assert render_dag(environment) == "dag_id = 'mine'  # dev\n"
    assert environment.dag.file == "own.py"


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_the_shipped_dag_compiles_for_python_3_8(name: str) -> None:
    source = render_dag(load(name, ROOT / "environments", environ={}))
    assert constants(source)["ENTRY_CLASS"] == "provisioner.WordCount"


SHIPPED = sorted(path.name for path in (ROOT / "templates/dags").glob("*.py.j2"))


@pytest.mark.parametrize("template", SHIPPED)
def test_ruff_finds_nothing_in_a_shipped_dag_for_python_3_8(tmp_path: Path, template: str) -> None:
    rendered = tmp_path / "dag.py"
    rendered.write_text(render_dag(loaded(tmp_path, f"dag: {ROOT}/templates/dags/{template}")))
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--target-version", "py38", "--select", "B,E,F,UP,W"]
    done = subprocess.run(
        [*ruff, "--line-length", "120", str(rendered)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "All checks passed!"), done.stdout


def test_the_name_of_a_runs_job_is_the_one_that_the_dag_gives_it(tmp_path: Path) -> None:
    environment = loaded(tmp_path)
    source = render_dag(environment)
    function = next(line for line in ast.parse(source).body if getattr(line, "name", "") == "job_name")
    names: dict[str, Any] = {"JOB_NAME": environment.job.name, "hashlib": hashlib}
    exec(compile(ast.Module([function], []), "dag", "exec"), names)  # noqa: S102  # the template's own function
    context = {"dag": SimpleNamespace(dag_id=environment.dag.id), "run_id": "manual__2026-11-25T19:00:00+00:00"}
    assert names["job_name"](context) == job_name(environment, "manual__2026-11-25T19:00:00+00:00")


def test_a_template_may_include_what_lies_beside_it_and_our_parts(tmp_path: Path) -> None:
    (tmp_path / "more.j2").write_text("name = {{ job.name | py }}")
    (tmp_path / "own.py.j2").write_text('{% include "more.j2" %}\n{% include "parts/flink_job.py.j2" %}\n')
    found = constants(render_dag(loaded(tmp_path, "dag: own.py.j2")))
    assert (found["name"], found["JOB_NAME"]) == ("job", "job")


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("dag.py.j2", "{{ nothing }}", "dag.py.j2:1: does not render: 'nothing' is undefined"),
        ("dag.py.j2", "\n{% if %}", "dag.py.j2:2: does not render"),
        ("dag.py.j2", "{% include 'x' %}", "does not render"),
        ("dag.py.j2", "{{ 1 / 0 }}", "does not render: division by zero"),
        ("dag.py.j2", "{{ job | py }}", "the filter py takes one plain value, not dict"),
        ("dag.py.j2", "{{ ''.__class__.__mro__ }}", "does not render"),
        ("dag.py.j2", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "it grows without end"),
        ("dag.py.j2", "x = = {{ job.name | py }}", "dag.py.j2:1: does not compile: invalid syntax"),
        ("dag.py", "return 1", "'return' outside function"),
        ("dag.py", "match x:\n    case 1: pass", "does not compile: Pattern matching"),
        ("dag.py", "x = '\\d'; x = = 1", "does not compile: invalid syntax"),
        ("dag.py", "x = 1\0", "does not compile"),
        ("dag.py", "x = " + "(" * 500 + ")" * 500, "does not compile"),
        ("dag.py", "x" + ".a" * 5000, "does not compile: maximum recursion depth"),
        ("dag.py", "x" * (2 * 1024 * 1024 + 1), "larger than 2 MiB"),
        ("dag.py", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_dag_that_would_not_run_is_refused(tmp_path: Path, name: str, text: str | None, wrong: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    assert wrong in problems(tmp_path, f"dag: {name}")["dag.template"].wrong


def test_a_dag_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dag.py").write_bytes(b"\xff")
    assert "not UTF-8" in problems(tmp_path, "dag: dag.py")["dag.template"].wrong


def test_a_dag_may_use_what_the_python_of_its_airflow_knows(tmp_path: Path) -> None:
    (tmp_path / "dag.py").write_text("with (open('a') as a, open('b') as b): pass\n")
    assert "3.8" in problems(tmp_path, "dag: dag.py")["dag.template"].right
    loaded(tmp_path, "dag: dag.py", airflow="{factory: fff, runtime: rrr, version: 3.0.1}", cloud="local")
