"""The jobs of an environment as they stand: deployed into the lake and into Airflow, running in Flink. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import CloudError
from provisioner.model import Action, Address

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from provisioner.model import FlinkJob, Plan
    from provisioner.render.dags import RenderedDag
    from provisioner.spec.jobs import DeclaredJob
    from provisioner.verify.deployed import DeployedEnvironment


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A declared job. deployed: jar and DAG are as the spec says; running: what runs of it, unless `unknown` says why.

    dag: its id.
    """

    name: str
    dag: str
    deployed: bool
    running: tuple[FlinkJob, ...] = ()
    unknown: str = ""


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
    jar = Address("job_jar", f"{deployed.environment.storage_account.filesystem}/{job.spec.path}")
    there = jar in kept and deployed.targets.airflow.dags[dag.name] in kept
    return JobState(name=job.name, dag=dag.id, deployed=there, running=tuple(running), unknown=unknown)
