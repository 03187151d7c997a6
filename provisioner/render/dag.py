"""The template of a job's DAG → the DAG's file, and what the names and ids of its runs follow from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.render.template import LARGEST, TemplateProblem, render_text
from provisioner.spec.templates import FOLDER, SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.jobs import DeclaredJob
    from provisioner.spec.model import Environment

INCLUDED = (FOLDER / "dags", SHIPPED / "dags")  # where `include` looks, after the folder of the template itself


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Where the DAG finds Azure; the defaults are those of the public cloud, which the local one answers for."""

    management: str = "https://management.azure.com"
    login: str = "https://login.microsoftonline.com"
    dfs_suffix: str = "dfs.core.windows.net"

    @property
    def blob_suffix(self) -> str:
        """Where the same account's blobs are."""
        return f"blob.{self.dfs_suffix.partition('.')[2]}"


def render_dag(environment: Environment, job: DeclaredJob, hosts: Hosts | None = None, *, paused: bool = False) -> str:
    """The file of a job's DAG. A template that does not end in .j2 is a DAG already. Raises TemplateProblem.

    paused: the DAG is paused where Airflow does not know it yet.
    """
    path = job.dag.template
    text = read_template(path)
    if path.suffix != ".j2":
        return text
    values = dag_values(environment, job, hosts or Hosts(), paused=paused)
    return render_text(text, values, folders=(path.parent, *INCLUDED))


def read_template(path: Path) -> str:
    """A file's text, if it is one that a DAG can be. Raises TemplateProblem."""
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
    return text


def common_values(environment: Environment) -> dict[str, Any]:
    """What every template can name."""
    return {
        "environment": environment.name,
        "airflow": {
            "own_prefix": environment.airflow.own_prefix,
            "reports": environment.airflow.federates,
            "backend_signs_in": environment.airflow.backend_signs_in,
            "sign_in": sign_in_hash(environment),
            "secretless": [
                (name, key and f"{environment.airflow.own_prefix}{key}", environment.principals.named[name].assigned)
                for name, key in environment.secretless_client_id_keys.items()
            ],
        },
        "api": {
            "federated": environment.principals.flink_api.federation is not None,
            "assigned": environment.principals.flink_api.assigned,
        },
        "probe": {
            "id": environment.probe_id,
            "alone": environment.job is None,
            "timeout_seconds": 2 * int(environment.airflow.rollout.total_seconds()),
        },
    }


def sign_in_hash(environment: Environment) -> str:
    """A hash of how Airflow and its DAGs sign in, by which workers report whose DAGs they have."""
    named = environment.principals.named
    ways = {
        name: [part and part.model_dump(mode="json") for part in (named[name].credential, named[name].application)]
        for name in ("airflow", "flink-api", *environment.secretless_client_id_keys)
    }
    return hashlib.sha256(json.dumps(ways, sort_keys=True).encode()).hexdigest()[:16]


def lake_and_hosts(environment: Environment, hosts: Hosts) -> dict[str, dict[str, str]]:
    """Where a DAG finds the data lake and Azure."""
    filesystem = f"{environment.account_name}.{hosts.dfs_suffix}/{environment.storage_account.filesystem}"
    return {
        "lake": {"url": f"https://{filesystem}"},
        "hosts": {"management": hosts.management.rstrip("/"), "login": hosts.login.rstrip("/")},
    }


def dag_values(environment: Environment, job: DeclaredJob, hosts: Hosts, *, paused: bool = False) -> dict[str, Any]:
    """What the template of a job's DAG can name; docs/environment.md lists it."""
    lake = f"{environment.account_name}.{hosts.dfs_suffix}"
    filesystem = environment.storage_account.filesystem
    places = lake_and_hosts(environment, hosts)
    return {
        **common_values(environment),
        **places,
        "dag": {
            "id": job.dag.id,
            "paused": paused,
            "schedule": job.dag.schedule,
            "timeout_seconds": int(job.dag.timeout.total_seconds()),
        },
        "job": _job_values(environment, job, f"abfs://{filesystem}@{lake}"),
        "flink": {"service": environment.flink.service, "part": f"parts/targets/{environment.flink.part}.py.j2"},
        "lake": {**places["lake"], "directory": job.spec.directory},
        **environment.flink.dag_values(),
    }


def _job_values(environment: Environment, job: DeclaredJob, filesystem: str) -> dict[str, Any]:
    spec = job.spec
    return {
        "args": spec.args,
        "configuration": spec.configuration,
        "directory": f"{filesystem}/{spec.directory}" if spec.directory else filesystem,
        "entry_class": spec.entry_class,
        "id_prefix": job_id_prefix(environment, job),
        "jar": spec.jar.name,
        "jar_sha256": _sha256(spec.jar) if spec.upgrade else "",
        "name": job.prefix,
        "parallelism": spec.parallelism,
        "state_folder": f"{spec.upgrade_state_folder}/{job.prefix}"
        if spec.upgrade == "savepoint"
        else spec.upgrade_state_folder,
        "until": spec.until,
        "upgrade": spec.upgrade,
    }


def _sha256(file: Path) -> str:
    """Of a file's content; empty without one, which another check reports."""
    if not file.is_file():
        return ""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def job_name(job: DeclaredJob, run_id: str) -> str:
    """The job that an Airflow run submits, as `job_name` in templates/dags/parts/flink_job.py.j2 derives it."""
    if job.spec.upgrade:  # there is one at a time, whichever run began it
        return job.prefix
    run = f"{job.dag.id} {run_id}"
    return job.prefix + hashlib.sha256(run.encode()).hexdigest()[:12]


def job_id_prefix(environment: Environment, job: DeclaredJob) -> str:
    """The first half of the id of every run of a job in a Flink that lets its callers choose ids."""
    return environment_job_id_prefix(environment) + hashlib.sha256(job.prefix.encode()).hexdigest()[:6]


def environment_job_id_prefix(environment: Environment) -> str:
    """The ten digits with which the Flink job ids of an environment begin.

    Those of jobs that the spec no longer names begin so, too.
    """
    names = (environment.subscription, environment.resource_group, environment.name)
    return hashlib.sha256("\n".join(names).casefold().encode()).hexdigest()[:10]


def run_digest(job: DeclaredJob, run_id: str) -> str:
    """The eight digits of a Flink job id after `job_id_prefix`, which tell of the DAG run.

    The last eight tell of the attempt.
    """
    return hashlib.sha256(f"{job.dag.id} {run_id}".encode()).hexdigest()[:8]
