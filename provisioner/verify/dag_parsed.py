"""Waiting until Airflow has parsed the DAG's current text. Airflow keeps the text that it parsed last."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from provisioner.errors import DagNotParsed, NotYetVisible, Refused

if TYPE_CHECKING:
    from provisioner.cloud.clients.airflow import ImportFailure
    from provisioner.verify.deployed import DeployedEnvironment


class DagState(StrEnum):
    """Which text of the DAG Airflow has parsed."""

    CURRENT = "current"
    OTHER = "another text"
    ABSENT = "absent"
    UNREADABLE = "there, its text cannot be read"


def require_imported(deployed: DeployedEnvironment) -> None:
    """Raises Refused if the DAG file in Airflow is not the spec's, so that waiting would not help."""
    node = deployed.node(deployed.targets.airflow.dag)
    if deployed.drift(node) != ():
        remedy = f"Run `provisioner provision {deployed.environment.name}` first"
        raise Refused(str(node.address), "Airflow has not been given this DAG as the spec has it", remedy)


def dag_state(deployed: DeployedEnvironment) -> DagState:
    """Which text of the DAG Airflow has now."""
    dag = deployed.airflow.find_dag(deployed.environment.dag.id)
    if dag is None:
        return DagState.ABSENT
    source = deployed.airflow.find_source(dag)
    if source is None:
        return DagState.UNREADABLE
    # Airflow reads the file as text, so its lines may end otherwise.
    return DagState.CURRENT if source.splitlines() == deployed.dag_text.splitlines() else DagState.OTHER


def import_failure(deployed: DeployedEnvironment) -> ImportFailure | None:
    """Airflow's import error for the DAG's file, if there is one."""
    return next(iter(deployed.airflow.import_failures(deployed.environment.dag.file)), None)


def await_parsed(deployed: DeployedEnvironment, *, fresh: bool) -> None:
    """Wait until Airflow has parsed the text. Raises DagNotParsed with Airflow's reason, or at the deadline.

    fresh: the file was written in this run, so an error from before may be that of the previous text.
    """
    waiting = _Waiting(deployed=deployed, fresh=fresh)
    operation = f"Airflow to parse dags/{deployed.environment.dag.file}"
    seconds = deployed.environment.waits.import_.total_seconds()
    try:
        deployed.cloud.session.waits.until(waiting.done, deadline_seconds=seconds, what=operation)
    except NotYetVisible as late:
        if late.operation != operation:
            raise
        raise waiting.error(seconds) from late


@dataclass(kw_only=True)
class _Waiting:
    """What was seen so far, to judge whether an import error is that of the current text.

    An error that was not there at first, or has changed, comes from a new reading. One that stays counts after Airflow
    has read the file twice more (each reading has a new time), unless the text may still be on its way.
    """

    deployed: DeployedEnvironment
    fresh: bool
    polled: bool = False
    first_trace: str = ""
    last_trace: str = ""
    read_at: set[str] = field(default_factory=set[str])

    def done(self) -> bool:
        if dag_state(self.deployed) is DagState.CURRENT:
            return True
        failure = import_failure(self.deployed)
        self.last_trace = failure.trace if failure else ""
        if failure is not None and self._of_current_text(failure):
            raise self.error(0)
        self.polled = True
        return False

    def _of_current_text(self, failure: ImportFailure) -> bool:
        self.read_at.add(failure.at)
        if not self.polled:
            self.first_trace = failure.trace
        read_again = not self.fresh and len(self.read_at) > 2
        return failure.trace != self.first_trace or read_again

    def error(self, seconds: float) -> DagNotParsed:
        environment = self.deployed.environment
        file = f"dags/{environment.dag.file}"
        return DagNotParsed(file=file, dag=environment.dag.id, trace=self.last_trace, seconds=seconds)
