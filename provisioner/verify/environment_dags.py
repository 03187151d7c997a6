"""Which text of a declared DAG the environment's Airflow has parsed, and waiting until it is the current one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner import parsed_dag
from provisioner.errors import Refused
from provisioner.parsed_dag import expected_dag

if TYPE_CHECKING:
    from provisioner.cloud.clients.airflow import ImportFailure
    from provisioner.parsed_dag import DagState, ExpectedDag
    from provisioner.render.dags import RenderedDag
    from provisioner.verify.deployed import DeployedEnvironment


def require_imported(deployed: DeployedEnvironment, dag: RenderedDag) -> None:
    """Raises Refused if the DAG file in Airflow is not the spec's, so that waiting would not help."""
    node = deployed.node(deployed.targets.airflow.dags[dag.name])
    if deployed.read_drift(node) != ():
        remedy = f"Run `provisioner provision {deployed.environment.name}` first"
        raise Refused(str(node.address), "Airflow has not been given this DAG as the spec has it", remedy)


def dag_state(deployed: DeployedEnvironment, dag: RenderedDag) -> DagState:
    """Which text of the DAG Airflow has now."""
    return parsed_dag.dag_state(deployed.airflow, _expected(deployed, dag))


def last_import_error(deployed: DeployedEnvironment, dag: RenderedDag) -> ImportFailure | None:
    """Airflow's last import error for the DAG's file, if it has one. It may be of an earlier text of the file."""
    return parsed_dag.last_import_error(deployed.airflow, _expected(deployed, dag))


def await_parsed(deployed: DeployedEnvironment, dag: RenderedDag, *, fresh: bool) -> None:
    """Wait until Airflow has parsed the text. Raises DagNotParsed with Airflow's reason, or at the deadline.

    fresh: the file was written in this run, so an error from before may be that of the previous text.
    """
    seconds, waits = deployed.environment.waits.import_.total_seconds(), deployed.cloud.session.waits
    parsed_dag.await_parsed(deployed.airflow, _expected(deployed, dag), waits, seconds=seconds, fresh=fresh)


def _expected(deployed: DeployedEnvironment, dag: RenderedDag) -> ExpectedDag:
    return expected_dag(dag, deployed.targets.airflow.bundle)
