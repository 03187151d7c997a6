"""The jobs of an environment as they stand: deployed into the lake and into Airflow, running in Flink. Reads only."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import CloudError
from provisioner.model import Action, Address

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from provisioner.cloud.cloud import Cloud
    from provisioner.model import FlinkJob, Plan
    from provisioner.render.dags import RenderedDag
    from provisioner.spec.jobs import DeclaredJob
    from provisioner.verify.deployed import DeployedEnvironment


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A declared job. deployed: jar and DAG are as the spec says; running: what runs of it, unless `unknown` says why.

    dag: its id. savepoint: the URI of the last complete one in its folder, and savepoint_at when it was; empty if there
    is none, or if it lies where this tool does not look or may not read.
    """

    name: str
    dag: str
    deployed: bool
    running: tuple[FlinkJob, ...] = ()
    unknown: str = ""
    savepoint: str = ""
    savepoint_at: str = ""


IN_A_LAKE = re.compile(r"abfss?://(?P<filesystem>[^@/]+)@(?P<account>[^./]+)[^/]*/(?P<folder>.+)")
COMPLETE = "_metadata"  # Flink writes it last


def job_states(deployed: DeployedEnvironment, planned: Plan) -> tuple[JobState, ...]:
    """Each job that the spec declares, in its order. planned: what `provision` would do now."""
    kept = {step.address for step in planned.steps if step.action is Action.KEEP}
    return tuple(_state(deployed, dag, dag.job, kept) for dag in deployed.targets.dags if dag.job is not None)


def _state(deployed: DeployedEnvironment, dag: RenderedDag, job: DeclaredJob, kept: Collection[Address]) -> JobState:
    running: Sequence[FlinkJob] = ()
    unknown = ""
    try:
        running = deployed.targets.flink.running(deployed.cloud, job)
    except CloudError as error:
        unknown = str(error)
    jar = Address("job_jar", f"{deployed.environment.storage_account.filesystem}/{job.spec.lake_path}")
    there = jar in kept and deployed.targets.airflow.dags[dag.name] in kept
    savepoint, at = _newest_savepoint_in_lake(deployed.cloud, job)
    return JobState(
        name=job.name,
        dag=dag.id,
        deployed=there,
        running=tuple(running),
        unknown=unknown,
        savepoint=savepoint,
        savepoint_at=at,
    )


def _newest_savepoint_in_lake(cloud: Cloud, job: DeclaredJob) -> tuple[str, str]:
    """The URI of the newest complete savepoint below the job's folder in a lake, and when it was complete.

    Both are empty if none is known, as where the folder is in no lake or may not be read.
    """
    place = (
        IN_A_LAKE.fullmatch(f"{job.spec.upgrade_state_folder}/{job.prefix}")
        if job.spec.upgrade == "savepoint"
        else None
    )
    if place is None:
        return "", ""
    with suppress(CloudError):
        found = cloud.data_lake.newest_file(place["account"], place["filesystem"], place["folder"], COMPLETE)
        if found is not None and found.modified is not None:
            uri = cloud.data_lake.url(place["account"], place["filesystem"], found.path.removesuffix(f"/{COMPLETE}"))
            return uri, found.modified.isoformat(timespec="seconds")
    return "", ""
