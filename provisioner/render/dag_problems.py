"""What is wrong with the DAGs of an environment, before anything is written: read for the Python of its Airflow."""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from provisioner.render.dag import Hosts, render_dag
from provisioner.render.dags import own_text
from provisioner.render.declared_dags import is_empty, read_dags
from provisioner.render.template import MORE_BYTES, SECONDS, TemplateProblem
from provisioner.spec import airflow_version
from provisioner.spec.bounds import OutOfBounds, bounded
from provisioner.spec.cron import cron_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from provisioner.render.declared_dags import ReadDag
    from provisioner.spec.document import Found
    from provisioner.spec.model import Environment

FILE = re.compile(r"\w[\w.-]{0,200}\.py")


def dag_problems(environment: Environment) -> Iterator[Found]:
    """What is wrong with each DAG, and DAGs or files that meet."""
    yield from _of_jobs(environment)
    yield from _of_own(environment)


def _of_jobs(environment: Environment) -> Iterator[Found]:
    for job in environment.all_jobs:
        section = ("dag",) if job.spec is environment.job else job.path
        try:
            dags = _read_checked_dags(render_dag(environment, job), job.dag.file, environment.airflow.version)
            _require_declared_dag(job.dag.id, [dag for dag in dags if dag.id != environment.probe_id])
        except TemplateProblem as problem:
            yield (*section, "template"), _located(problem, job.dag.template), problem.right


def _of_own(environment: Environment) -> Iterator[Found]:
    ids = {job.dag.id: f"the job {job.name}" for job in environment.all_jobs}
    files = {job.dag.file: f"the job {job.name}" for job in environment.all_jobs}
    ids[environment.probe_id] = files[f"{environment.name}_key_probe.py"] = "the probe DAG"
    for index, path in environment.own_dags:
        name = path.name.removesuffix(".j2")
        if FILE.fullmatch(name) is None:
            yield (
                ("dags", index),
                f"has the file {path.name}, which Airflow does not read",
                "name it NAME.py or NAME.py.j2",
            )
            continue
        other = files.setdefault(name, str(path))
        if other != str(path):
            yield ("dags", index), f"has the file {name}, as {other} has", "rename one of them"
        try:
            dags = _read_checked_dags(own_text(environment, path, Hosts()), name, environment.airflow.version)
        except TemplateProblem as problem:
            line = "" if problem.line is None else f":{problem.line}"
            yield ("dags", index), f"{path.name}{line}: {problem.wrong}", problem.right
            continue
        for wrong, right in _of_ids(dags, path, environment.airflow.own_prefix, ids):
            yield ("dags", index), wrong, right


def _of_ids(dags: Sequence[ReadDag], path: Path, prefix: str, ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with the ids of a file, and what is right. ids: whose each id is so far; those are added."""
    for dag in dags:
        if dag.id and not dag.id.startswith(prefix):
            wrong = f"{path.name}:{dag.line}: is the DAG {dag.id}; the ids of this environment's begin with {prefix}"
            yield wrong, f"name it {prefix}{dag.id}, in a template {{{{ airflow.own_prefix }}}}{dag.id}"
        other = ids.setdefault(dag.id, str(path)) if dag.id else str(path)
        if other != str(path):
            yield f"{path.name}:{dag.line}: is the DAG {dag.id}, as {other} is", "rename one of them"


def _located(problem: TemplateProblem, path: Path) -> str:
    return problem.wrong if problem.line is None else f"{path.name}:{problem.line}: {problem.wrong}"


def _require_declared_dag(dag_id: str, dags: Sequence[ReadDag]) -> None:
    """Raise TemplateProblem if every DAG of the file can be read, and none is the declared one."""
    ids = [dag.id for dag in dags]
    if ids and None not in ids and dag_id not in ids:
        wrong = f"declares the DAG {ids[0]}, not {dag_id}"
        right = "give the DAG of the file the declared id, or declare the file's"
        raise TemplateProblem(wrong=wrong, right=right, line=dags[0].line)


@lru_cache(maxsize=64)
def _read_checked_dags(text: str, file_name: str, airflow_release: str) -> Sequence[ReadDag]:
    """The DAGs of a file. Raises TemplateProblem."""
    tree = _compiled(text, file_name, airflow_release)
    if is_empty(tree):
        raise TemplateProblem(wrong="holds no DAG", right="write one, or leave the file out")
    dags = read_dags(tree)
    for dag in dags:
        problem = cron_problem(dag.schedule) if dag.schedule else ""
        if problem:
            wrong = f"has the schedule {dag.schedule!r}, a {problem}"
            raise TemplateProblem(wrong=wrong, right="correct the cron expression", line=dag.line)
    return dags


def _compiled(text: str, file: str, airflow: str) -> ast.Module:
    version = airflow_version.oldest_python(airflow)
    said = f"Python {version[0]}.{version[1]}, which Airflow {airflow} may run on"
    try:
        with warnings.catch_warnings(), bounded(seconds=SECONDS, more_bytes=MORE_BYTES):
            warnings.simplefilter("ignore")  # Airflow would only log them
            tree = ast.parse(text, feature_version=version)
            compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        wrong = f"does not compile: {error.msg}"
        raise TemplateProblem(wrong=wrong, right=f"correct it; it is read as {said}", line=error.lineno) from None
    except (ValueError, RecursionError, MemoryError, OutOfBounds) as error:
        wrong = f"does not compile: {str(error) or 'it takes too much memory or time'}"
        raise TemplateProblem(wrong=wrong, right=f"correct it; it is read as {said}") from None
    return tree
