"""The DAG's template → the DAG file as it is deployed, and what is wrong with the template."""

from __future__ import annotations

import ast
import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.render.template import LARGEST, MORE_BYTES, SECONDS, TemplateProblem, render_text
from provisioner.spec import airflow_version
from provisioner.spec.bounds import OutOfBounds, bounded
from provisioner.spec.templates import FOLDER, SHIPPED

if TYPE_CHECKING:
    from provisioner.spec.model import Environment

INCLUDED = (FOLDER / "dags", SHIPPED / "dags")  # where `include` looks, after the folder of the template itself


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Where the DAG finds Azure; the defaults are those of the public cloud, which the local one answers for."""

    management: str = "https://management.azure.com"
    login: str = "https://login.microsoftonline.com"
    dfs_suffix: str = "dfs.core.windows.net"


def render_dag(environment: Environment, hosts: Hosts | None = None) -> str:
    """The DAG file. A template that does not end in .j2 is a DAG already. Raises TemplateProblem."""
    path = environment.dag.template
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for who writes into it
            raise TemplateProblem(wrong="is no regular file", right="write the path of the template itself")
        with path.open("rb") as file:
            text = file.read(LARGEST + 1).decode()
    except OSError as error:
        raise TemplateProblem(wrong=f"cannot be read: {error.strerror}", right="correct the path") from None
    except UnicodeDecodeError:
        raise TemplateProblem(wrong="is not UTF-8 text", right="save it as UTF-8") from None
    if len(text) > LARGEST:
        raise TemplateProblem(wrong="is larger than 2 MiB", right="a DAG is a page; keep data elsewhere")
    if path.suffix != ".j2":
        return text
    return render_text(text, dag_values(environment, hosts or Hosts()), folders=(path.parent, *INCLUDED))


def dag_values(environment: Environment, hosts: Hosts) -> dict[str, Any]:
    """What a DAG template can name; docs/environment.md lists it."""
    job, account = environment.job, environment.account_name
    parts = environment.cluster_id.split("/")
    directory = f"/{job.directory}" if job.directory else ""
    filesystem = f"{environment.storage_account.filesystem}@{account}.{hosts.dfs_suffix}"
    return {
        "environment": environment.name,
        "dag": {
            "id": environment.dag.id,
            "schedule": environment.dag.schedule,
            "timeout_seconds": int(environment.dag.timeout.total_seconds()),
        },
        "probe": {
            "id": environment.dag.probe_id,
            "timeout_seconds": 2 * int(environment.airflow.rollout.total_seconds()),
        },
        "job": {
            "args": job.args,
            "directory": f"abfs://{filesystem}{directory}",
            "entry_class": job.entry_class,
            "jar": job.jar.name,
            "name": job.name,
            "parallelism": job.parallelism,
            "until": job.until,
        },
        "cluster": {"subscription": parts[2], "group": parts[4], "pool": parts[8], "name": parts[10]},
        "hosts": {"management": hosts.management.rstrip("/"), "login": hosts.login.rstrip("/")},
    }


def job_name(environment: Environment, run_id: str) -> str:
    """The job that an Airflow run submits, as `job_name` in templates/dags/parts/flink_job.py.j2 derives it."""
    run = f"{environment.dag.id} {run_id}"
    return environment.job.name + hashlib.sha256(run.encode()).hexdigest()[:12]


def template_problem(environment: Environment) -> tuple[str, str] | None:
    """What is wrong with the DAG's template and what would be right; None if it renders and compiles."""
    try:
        _compile(render_dag(environment), environment)
    except TemplateProblem as problem:
        location = "" if problem.line is None else f"{environment.dag.template.name}:{problem.line}: "
        return f"{location}{problem.wrong}", problem.right
    return None


def _compile(text: str, environment: Environment) -> None:
    version = airflow_version.python(environment.airflow.version)
    said = f"Python {version[0]}.{version[1]}, which Airflow {environment.airflow.version} may run on"
    try:
        with warnings.catch_warnings(), bounded(seconds=SECONDS, more_bytes=MORE_BYTES):
            warnings.simplefilter("ignore")  # Airflow would only log them
            tree = ast.parse(text, feature_version=version)
            compile(tree, environment.dag.file, "exec", dont_inherit=True)
    except SyntaxError as error:
        wrong = f"does not compile: {error.msg}"
        raise TemplateProblem(wrong=wrong, right=f"correct it; it is read as {said}", line=error.lineno) from None
    except (ValueError, RecursionError, MemoryError, OutOfBounds) as error:
        wrong = f"does not compile: {str(error) or 'it takes too much memory or time'}"
        raise TemplateProblem(wrong=wrong, right=f"correct it; it is read as {said}") from None
