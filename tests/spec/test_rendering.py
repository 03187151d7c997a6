"""Templates → the DAG and the settings of Airflow."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.spec.loader import load
from provisioner.spec.rendering import Hosts, airflow_settings, as_json, as_python, job_name, render_dag
from tests.spec.writing import SUBSCRIPTION, loaded

if TYPE_CHECKING:
    from provisioner.secret import Secret

VAULT = "https://kv-dev.vault.azure.net/"
ROOT = Path(__file__).parents[2]


def constants(source: str) -> dict[str, Any]:
    """The literals that a rendered DAG assigns at its top."""
    found: dict[str, Any] = {}
    for line in ast.parse(source, feature_version=(3, 8)).body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            try:
                found[line.targets[0].id] = ast.literal_eval(line.value)
            except ValueError:
                continue
    return found


def text(value: str | Secret) -> str:
    assert isinstance(value, str)
    return value


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


@given(st.text())
def test_no_text_becomes_code(value: str) -> None:
    assert ast.literal_eval(as_python(value)) == value
    assert json.loads(as_json(value)) == value


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


def test_airflow_is_told_how_to_read_the_vault(tmp_path: Path) -> None:
    airflow = "{factory: fff, runtime: rrr, connections_prefix: a_b, requirements: [rich==13]}"
    settings = airflow_settings(loaded(tmp_path, airflow=airflow), vault_url=VAULT, tenant_id="t", client_id="c")
    assert text(settings.overrides["AIRFLOW__SECRETS__BACKEND"]).endswith("key_vault.AzureKeyVaultBackend")
    kwargs = json.loads(text(settings.overrides["AIRFLOW__SECRETS__BACKEND_KWARGS"]))
    assert kwargs == {"connections_prefix": "a_b", "variables_prefix": "hdinsight-aks-variables", "vault_url": VAULT}
    assert settings.environment == {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"}
    assert settings.requirements == ("apache-airflow-providers-microsoft-azure==10.0.0", "rich==13")


def test_what_only_a_run_knows_is_shown_as_such_and_another_cloud_names_its_authority(tmp_path: Path) -> None:
    settings = airflow_settings(loaded(tmp_path), vault_url=VAULT, login="https://login.microsoftonline.us")
    assert settings.environment == {
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us",
        "AZURE_CLIENT_ID": "(known after apply)",
        "AZURE_TENANT_ID": "(known after apply)",
    }


def test_settings_of_the_spec_stay_secret(tmp_path: Path) -> None:
    airflow = "{factory: fff, runtime: rrr, overrides: {AIRFLOW__CORE__PARALLELISM: 64}, environment: {TOKEN: s3cret}}"
    settings = airflow_settings(loaded(tmp_path, airflow=airflow), vault_url=VAULT)
    assert f"{settings.overrides['AIRFLOW__CORE__PARALLELISM']} {settings.environment['TOKEN']}" == "(secret) (secret)"


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
