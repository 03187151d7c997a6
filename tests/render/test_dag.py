"""The DAG's template → the DAG, and what is wrong with a template."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.render.dag import Hosts, job_name
from tests.environment_files import SUBSCRIPTION, load, loaded, problems
from tests.render.rendered_dag import constants, dag_text

ROOT = Path(__file__).parents[2]


def test_the_dag_has_the_specs_values_as_defaults(tmp_path: Path) -> None:
    job = "{jar: job.jar, directory: a/b, args: '--output /tmp/{job}', parallelism: 3}"
    found = constants(dag_text(loaded(tmp_path, job=job)))
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
    found = constants(dag_text(loaded(tmp_path), hosts))
    assert found["MANAGEMENT"] == "https://management.chinacloudapi.cn"
    assert found["PARAMS"]["jarDirectory"] == "abfs://jobs@stdev.x.cn"


@pytest.mark.parametrize("name", ["local", "self-managed"])
def test_without_a_secret_the_dag_signs_in_with_the_token_of_its_worker(name: str, tmp_path: Path) -> None:
    spec = (ROOT / f"environments/{name}.yaml").read_text().replace("../templates", str(ROOT / "templates"))
    if name == "local":
        trust = "{issuer: https://issuer.example, subjects: [worker]}"
        airflow = "airflow: {target: self-managed, version: 3.3.2}"
        spec = re.sub(r"(?ms)^airflow:\n.*?(?=^job:)", f"{airflow}\n", spec)
        spec += f"\nprincipals: {{airflow: {{credential: {{federated: {trust}}}}}}}\n"
    (tmp_path / "env.yaml").write_text(spec)
    text = dag_text(load(str(tmp_path / "env.yaml"), environ={}))
    assert "WorkloadIdentityCredential(client_id=variable" in text
    before = 'if not environ.get("AZURE_FEDERATED_TOKEN_FILE"):'  # the platform has rolled it out
    assert text.index(before) < text.index("return sign_in_with_secret()") < text.index("def sign_in_with_secret():")


@pytest.mark.parametrize("name", ["local", "self-managed"])
def test_as_an_identity_of_its_machine_the_dag_and_the_probe_sign_in_there(name: str, tmp_path: Path) -> None:
    spec = (ROOT / f"environments/{name}.yaml").read_text().replace("../templates", str(ROOT / "templates"))
    identity = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/a/providers/Microsoft.ManagedIdentity"
    credential = f"{{managed_identity: {identity}/userAssignedIdentities/id}}"
    kept = re.sub(r"(?ms)^(airflow|principals):\n.*?(?=^\w|\Z)", "", spec)
    kept += "\nairflow: {target: self-managed, version: 3.3.2}\n"
    kept += f"principals: {{airflow: {{credential: {credential}}}}}\n"
    (tmp_path / "env.yaml").write_text(kept)
    text = dag_text(load(str(tmp_path / "env.yaml"), environ={}))
    assert 'return ManagedIdentityCredential(client_id=variable("api-client-id")).get_token(' in text
    assert {(key, assigned) for _, key, assigned in constants(text)["SECRETLESS"]} >= {("", True)}
    assert all(assigned for _, _, assigned in constants(text)["SECRETLESS"])
    assert "client_secret" not in text.replace('.get("client_secret")', "").replace('"client_secret in the', "")
    assert "WorkloadIdentityCredential(client_id=variable" not in text
    compile(text, "dag.py", "exec")


def test_arguments_with_quotes_and_lines_stay_arguments(tmp_path: Path) -> None:
    nasty = "' + __import__('os').name + \" \\ {{ x }} {% raw %}"
    environment = loaded(tmp_path, job=json.dumps({"jar": "job.jar", "args": nasty}))
    assert constants(dag_text(environment))["ARGS"] == nasty


def test_a_dag_without_j2_is_deployed_as_it_is(tmp_path: Path) -> None:
    source = "x = '{{ ds }}'\n"
    (tmp_path / "own.py").write_text(source)
    environment = loaded(tmp_path, "dag: own.py")
    assert dag_text(environment) == source
    assert environment.dag.file == "own.py"


def test_a_template_of_any_name_makes_a_python_file(tmp_path: Path) -> None:
    (tmp_path / "own.j2").write_text("dag_id = {{ dag.id | py }}  # {{ environment }}\n")
    environment = loaded(tmp_path, "dag: {template: own.j2, id: mine}")
    assert dag_text(environment) == "dag_id = 'mine'  # dev\n"
    assert environment.dag.file == "own.py"


@pytest.mark.parametrize("name", ["article", "dev", "local", "prod", "self-managed"])
def test_the_shipped_dag_compiles_for_python_3_8(name: str) -> None:
    source = dag_text(load(name, ROOT / "environments", environ={}))
    assert constants(source)["ENTRY_CLASS"] == "provisioner.WordCount"


SHIPPED = sorted(path.name for path in (ROOT / "templates/dags").glob("*.py.j2") if path.name != "key_probe.py.j2")


@pytest.mark.parametrize("template", SHIPPED)
def test_ruff_finds_nothing_in_a_shipped_dag_for_python_3_8(tmp_path: Path, template: str) -> None:
    rendered = tmp_path / "dag.py"
    rendered.write_text(dag_text(loaded(tmp_path, f"dag: {ROOT}/templates/dags/{template}")))
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--target-version", "py38", "--select", "B,E,F,UP,W"]
    done = subprocess.run(
        [*ruff, "--line-length", "120", str(rendered)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "All checks passed!"), done.stdout


def test_the_name_of_a_runs_job_is_the_one_that_the_dag_gives_it(tmp_path: Path) -> None:
    environment = loaded(tmp_path)
    source = dag_text(environment)
    function = next(line for line in ast.parse(source).body if getattr(line, "name", "") == "job_name")
    names: dict[str, Any] = {"JOB_NAME": environment.all_jobs[0].prefix, "hashlib": hashlib}
    exec(compile(ast.Module([function], []), "dag", "exec"), names)  # noqa: S102  # the template's own function
    context = {"dag": SimpleNamespace(dag_id=environment.dag.id), "run_id": "manual__2026-11-25T19:00:00+00:00"}
    assert names["job_name"](context) == job_name(environment.all_jobs[0], "manual__2026-11-25T19:00:00+00:00")


def test_a_template_may_include_what_lies_beside_it_and_our_parts(tmp_path: Path) -> None:
    (tmp_path / "more.j2").write_text("name = {{ job.name | py }}")
    (tmp_path / "own.py.j2").write_text('{% include "more.j2" %}\n{% include "parts/flink_job.py.j2" %}\n')
    found = constants(dag_text(loaded(tmp_path, "dag: own.py.j2")))
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
    (tmp_path / "dag.py").write_text("match 1:\n    case _:\n        pass\n")
    of = "{{factory: fff, runtime: rrr, version: {}}}"
    assert "3.9" in problems(tmp_path, "dag: dag.py", airflow=of.format("3.0.1"), cloud="local")["dag.template"].right
    loaded(tmp_path, "dag: dag.py", airflow=of.format("3.1.0"), cloud="local")
