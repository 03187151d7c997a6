"""`jobs`: as many as there are, each with its DAG; `job` and `dag` are the short form of one."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.commands import declared_recipe
from provisioner.render.dag import environment_job_id_prefix, job_id_prefix, job_name, run_digest
from provisioner.render.dags import rendered_dags
from tests.environment_files import LEAST, jar, loaded, problems
from tests.render.rendered_dag import constants, dag_text, define

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.model import Environment

TWO = """
jobs:
  counts: {jar: job.jar, args: [--output, 'a b', '{job}'], schedule: 0 6 * * *, timeout: 2h}
  clicks-eu: {jar: job.jar, directory: eu, until: running, configuration: {state.backend.type: rocksdb}, dag_id: Eu}
"""
REST = "{target: rest, url: 'https://flink.internal'}"
OWN = "{target: self-managed, version: 3.3.2, key_prefix: team}"


@pytest.mark.parametrize("flink", [LEAST["flink"], REST])
def test_each_job_has_its_dag_with_its_own_values(tmp_path: Path, flink: str) -> None:
    environment = loaded(tmp_path, TWO, job=None, flink=flink)
    counts, clicks, probe = rendered_dags(environment)
    assert (counts.id, counts.name) == ("counts", "counts.py")
    assert (clicks.id, clicks.name) == ("Eu", "clicks-eu.py")
    assert (probe.id, probe.name, probe.job) == ("dev_key_probe", "dev_key_probe.py", None)
    found = constants(counts.content)
    assert (found["ARGS"], found["JOB_NAME"], found["UNTIL"]) == ("--output 'a b' '{job}'", "counts", "finished")
    assert constants(clicks.content)["JOB_NAME"] == "clickseu"
    assert "'state.backend.type': 'rocksdb'" in clicks.content
    assert environment.all_jobs[0].dag.timeout == timedelta(hours=2)
    assert "dev_key_probe" not in counts.content
    assert "dag_id='dev_key_probe'" in probe.content


def test_the_only_job_keeps_its_probe_beside_its_dag(tmp_path: Path) -> None:
    (dag,) = rendered_dags(loaded(tmp_path))
    assert dag.id == "FlinkWordCountExample"
    assert "FlinkWordCountExample_key_probe" in dag.content


def test_each_job_has_nodes_and_a_shared_jar_has_one(tmp_path: Path) -> None:
    jobs = "jobs: {a: {jar: job.jar}, b: {jar: job.jar, role: Reader}, c: {jar: job.jar, directory: c}}"
    addresses = {str(node.address) for node in declared_recipe(loaded(tmp_path, jobs, job=None)).nodes}
    jars = {address for address in addresses if address.startswith("job_jar/")}
    assert jars == {"job_jar/jobs/job.jar", "job_jar/jobs/c/job.jar"}
    assert {"dag_import/a", "dag_import/b", "dag_import/c", "dag_import/dev_key_probe"} < addresses
    assert {"role_assignment/flink.reader", "role_assignment/flink.storage-blob-data-owner"} < addresses


def test_in_an_airflow_of_your_own_the_ids_of_dags_begin_with_its_prefix(tmp_path: Path) -> None:
    jobs = "jobs: {a: {jar: job.jar}, b: {jar: job.jar, dag_id: B}}"
    assert [dag.id for dag in rendered_dags(loaded(tmp_path, jobs, job=None, airflow=OWN))] == [
        "team-a", "team-B", "team-dev_key_probe",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("jobs", "path", "wrong"),
    [
        ("{a: {jar: none.jar}}", "jobs.a.jar", "does not exist"),
        ("{A: {jar: job.jar}}", "jobs.A.[key]", "cannot be used"),
        ("{a-b: {jar: job.jar}, ab: {jar: job.jar}}", "jobs.ab", "differs from a-b in hyphens only"),
        ("{a: {jar: job.jar}, b: {jar: job.jar, dag_id: a}}", "jobs.b.dag_id", "would be the DAG a, as a is"),
        ("{a: {jar: job.jar, dag_id: dev_key_probe}}", "jobs.a.dag_id", "as the probe DAG is"),
        ("{a: {jar: job.jar}, b: {jar: more/job.jar}}", "jobs.b.jar", "would be uploaded to job.jar, as the jar of a"),
        ("{a: {jar: job.jar, parallelism: 0}}", "jobs.a.parallelism", "'0' cannot be used"),
        ("{a: {jar: job.jar, schedul: '@daily'}}", "jobs.a.schedul", "is no field here"),
        ("{a: {}}", "jobs.a.jar", "is missing"),
        ("{a: {jar: job.jar, args: [null]}}", "jobs.a.args", "has an argument without a value"),
        ("{a: {jar: job.jar, template: none.py}}", "jobs.a.template", "cannot be read"),
        ("{a: {jar: job.jar, configuration: {pipeline.name: x}}}", "jobs.a.configuration.pipeline.name", "tool itself"),
    ],
)
def test_what_is_wrong_with_jobs_is_said_of_each(tmp_path: Path, jobs: str, path: str, wrong: str) -> None:
    (tmp_path / "more").mkdir()
    jar(tmp_path / "more/job.jar")
    found = problems(tmp_path, f"jobs: {jobs}", job=None)
    assert list(found) == [path]
    assert wrong in found[path].wrong


def test_a_session_cluster_takes_no_options_of_the_cluster(tmp_path: Path) -> None:
    options = "{taskmanager.numberOfTaskSlots: 4, state.backend.type: rocksdb}"
    found = problems(tmp_path, job=f"{{jar: job.jar, configuration: {options}}}", flink=REST)
    assert list(found) == ["job.configuration.taskmanager.numberOfTaskSlots"]
    assert loaded(tmp_path, job=f"{{jar: job.jar, configuration: {options}}}").all_jobs[0].spec.configuration


def test_one_form_is_used_at_a_time(tmp_path: Path) -> None:
    assert "below `jobs`" in problems(tmp_path, "jobs: {a: {jar: job.jar}}")["job"].right
    assert "`schedule`" in problems(tmp_path, "jobs: {a: {jar: job.jar}}\ndag: {id: X}", job=None)["dag"].right
    assert problems(tmp_path, job=None)["job"].wrong == "is missing"


def test_a_mistake_elsewhere_hides_none_in_jobs(tmp_path: Path) -> None:
    found = problems(tmp_path, "jobs: {a: {jar: none.jar}}", job=None, name="not/a/name")
    assert [*found] == ["name", "jobs.a.jar"]


LAKE = "abfss://jobs@stdev.dfs.core.windows.net/states"


@pytest.mark.parametrize(
    ("upgrade", "states"),
    [
        (f"upgrade: savepoint, savepoints: '{LAKE}/'", f"{LAKE}/job"),
        ("upgrade: savepoint, savepoints: 'file:///shared/states'", "file:///shared/states/job"),
        (f"upgrade: last-state, configuration: {{state.checkpoints.dir: '{LAKE}'}}", LAKE),
        (f"upgrade: last-state, configuration: {{execution.checkpointing.dir: '{LAKE}'}}", LAKE),
        ("upgrade: stateless", ""),
    ],
)
def test_a_job_without_end_says_how_it_is_upgraded(tmp_path: Path, upgrade: str, states: str) -> None:
    environment = loaded(tmp_path, job=f"{{jar: job.jar, until: running, {upgrade}}}", flink=REST)
    found = constants(dag_text(environment))
    assert (found["STATES"], found["UPGRADE"]) == (states, environment.all_jobs[0].spec.upgrade)
    assert "'max_active_runs': 1" in dag_text(environment).replace('"', "'")


@pytest.mark.parametrize(
    ("job", "path", "wrong"),
    [
        ("upgrade: stateless", "job.upgrade", "is for jobs without end"),
        (f"savepoints: '{LAKE}'", "job.savepoints", "is of no use without"),
        ("until: running, upgrade: savepoint", "job.savepoints", "is needed for `upgrade: savepoint`"),
        ("until: running, upgrade: last-state", "job.configuration.state.checkpoints.dir", "is needed for"),
        ("until: running, upgrade: savepoint, savepoints: 'abfss://jobs@other.dfs.core.windows.net/x'",
         "job.savepoints", "is elsewhere"),
    ],
)  # fmt: skip
def test_an_upgrade_that_cannot_be_is_a_mistake(tmp_path: Path, job: str, path: str, wrong: str) -> None:
    found = problems(tmp_path, job=f"{{jar: job.jar, {job}}}", flink=REST)
    assert list(found) == [path]
    assert wrong in found[path].wrong


@pytest.mark.parametrize("flink", [LEAST["flink"], REST])
def test_secrets_are_refused_where_flinks_pages_would_show_them(tmp_path: Path, flink: str) -> None:
    found = problems(tmp_path, job="{jar: job.jar, secrets: {KAFKA_PASSWORD: kafka-password}}", flink=flink)
    assert "which Flink's pages show" in found["job.secrets"].wrong


@pytest.mark.parametrize(
    ("job", "path", "wrong"),
    [
        (f"upgrade: last-state, configuration: {{state.checkpoints.dir: '{LAKE}'}}", "job.upgrade", "HDInsight on AKS"),
        ("upgrade: savepoint, savepoints: 'file:///states'", "job.savepoints", "does not have"),
        (f"upgrade: savepoint, savepoints: '{LAKE}', configuration: {{savepoint.directory: '{LAKE}'}}",
         "job.configuration.savepoint.directory", "is what `savepoints` says"),
    ],
)  # fmt: skip
def test_what_hdinsight_on_aks_cannot_do_for_a_job_is_a_mistake(
    tmp_path: Path, job: str, path: str, wrong: str
) -> None:
    found = problems(tmp_path, job=f"{{jar: job.jar, until: running, {job}}}")
    assert list(found) == [path]
    assert wrong in found[path].wrong


def test_a_jar_that_is_not_there_is_one_mistake_also_of_a_job_that_is_upgraded(tmp_path: Path) -> None:
    found = problems(tmp_path, job="{jar: gone.jar, until: running, upgrade: stateless}")
    assert {path: one.wrong for path, one in found.items()} == {"job.jar": "does not exist"}


@pytest.mark.parametrize("upgrade", [f"savepoint, savepoints: '{LAKE}'", "stateless"])
def test_a_dag_that_upgrades_a_job_of_hdinsight_on_aks_knows_it_and_the_content_of_its_jar(
    tmp_path: Path, upgrade: str
) -> None:
    environment = loaded(tmp_path, job=f"{{jar: job.jar, until: running, upgrade: {upgrade}}}")
    found = constants(dag_text(environment))
    (job,) = environment.all_jobs
    assert found["JAR_SHA256"] == hashlib.sha256((tmp_path / "job.jar").read_bytes()).hexdigest()
    assert ("savepoint.directory" in found["CONFIGURATION"]) == (job.spec.upgrade == "savepoint")
    assert f"NAME = JOB_NAME + '{job_id_prefix(environment, job)}'" in dag_text(environment)
    ruff_finds_nothing(tmp_path, environment)
    nodes = {node.address: node for node in declared_recipe(environment).nodes}
    (file,) = (node for node in nodes.values() if node.address.kind == "dag_file")
    assert "job_jar/jobs/job.jar" in map(str, file.needs)


def ruff_finds_nothing(tmp_path: Path, environment: Environment) -> None:
    """In any DAG of the environment."""
    for dag in rendered_dags(environment):
        (tmp_path / dag.name).write_text(dag.content)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--target-version", "py38", "--select", "B,E,F,UP,W"]
    command = [*ruff, "--line-length", "120", *map(str, tmp_path.glob("*.py"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "All checks passed!"), done.stdout


@pytest.mark.parametrize("upgrade", ["savepoint", "last-state", "stateless"])
def test_ruff_finds_nothing_in_a_dag_that_upgrades(tmp_path: Path, upgrade: str) -> None:
    more = f"savepoints: '{LAKE}'" if upgrade == "savepoint" else f"configuration: {{state.checkpoints.dir: '{LAKE}'}}"
    jobs = f"jobs: {{a: {{jar: job.jar, until: running, upgrade: {upgrade}, {more}}}, b: {{jar: job.jar}}}}"
    ruff_finds_nothing(tmp_path, loaded(tmp_path, jobs, job=None, flink=REST))


@pytest.mark.parametrize(
    "flink", [LEAST["flink"], "{target: rest, url: 'https://a.b', auth: {entra: {scope: 'a/.default'}}}"]
)
def test_ruff_finds_nothing_in_the_dags_of_jobs_whose_workers_have_tokens(tmp_path: Path, flink: str) -> None:
    credential = "{federated: {issuer: 'https://issuer.example', subjects: [airflow]}}"
    more = f"{TWO}principals: {{airflow: {{credential: {credential}}}}}"
    ruff_finds_nothing(tmp_path, loaded(tmp_path, more, job=None, flink=flink, airflow=OWN))


def test_the_ids_of_a_runs_jobs_are_those_that_the_dag_gives_them(tmp_path: Path) -> None:
    environment = loaded(tmp_path, flink=REST)
    (job,) = environment.all_jobs
    names: dict[str, Any] = {"ID_PREFIX": job_id_prefix(environment, job), "hashlib": hashlib}
    define(names, dag_text(environment), "run_prefix")
    found = names["run_prefix"]({"dag": SimpleNamespace(dag_id=job.dag.id), "run_id": "manual__1"})
    assert found == job_id_prefix(environment, job) + run_digest(job, "manual__1")
    assert found.startswith(environment_job_id_prefix(environment))


def ids_of_one_run(text: str, *, digest: str = "1", max_tries: int = 1, **changed: Any) -> list[str]:
    """Those that jobs may have in it. max_tries: a task that was cleared has more than its retries."""
    job = {"ENTRY_CLASS": "a.B", "ARGS": ["--a"], "PARALLELISM": 1, "CONFIGURATION": {"a": "1"}, **changed}
    names: dict[str, Any] = {**job, "ATTEMPTS": 3, "ID_PREFIX": "0123", "hashlib": hashlib, "json": json}
    define(names, text, "run_prefix", "job_ids")
    task = {"ti": SimpleNamespace(max_tries=max_tries), "task": SimpleNamespace(retries=1)}
    context = {"dag": SimpleNamespace(dag_id="dag"), "run_id": "manual__1", **task}
    return list(names["job_ids"](context, digest))


@pytest.mark.parametrize(
    "changed",
    [{"ARGS": ["--b"]}, {"CONFIGURATION": {"a": "2"}}, {"PARALLELISM": 2}, {"digest": "2"}, {"max_tries": 3}],
    ids=str,
)
def test_a_job_that_was_changed_or_cleared_gets_other_ids_in_the_same_run(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    text = dag_text(loaded(tmp_path, flink=REST))
    before = ids_of_one_run(text)
    assert len(set(before)) == 3
    assert before == ids_of_one_run(text)
    assert not {*before} & {*ids_of_one_run(text, **changed)}


def test_an_endless_job_that_is_upgraded_is_called_alike_in_each_run(tmp_path: Path) -> None:
    environment = loaded(tmp_path, job="{jar: job.jar, until: running, upgrade: stateless}", flink=REST)
    (job,) = environment.all_jobs
    assert job_name(job, "manual__1") == job_name(job, "manual__2") == "job"
