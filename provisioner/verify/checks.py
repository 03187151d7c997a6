"""Verification of an environment without running a job: who signs in, what they may read, what is there. Reads only.

Airflow's principal is tried with the settings that its runtime has, the API's principal with what Airflow reads in
the vault, so that a check meets what a task will meet. No check shows a secret.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from provisioner.errors import CloudError, Refused
from provisioner.kind import shown
from provisioner.verify import dag_parsed, sign_in_checks
from provisioner.verify.check import failed, passed, unanswered, unknown
from provisioner.verify.dag_parsed import DagState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioner.model import Node
    from provisioner.verify.check import Check
    from provisioner.verify.deployed import DeployedEnvironment

JAR, READS_JAR, DAG = "the job's jar", "the cluster's identity reads the jar", "Airflow has parsed the DAG"
BLOB_READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


def verify(deployed: DeployedEnvironment) -> tuple[Check, ...]:
    """Every check, in the order in which a job needs what they check; made at once."""
    parts: tuple[Callable[[DeployedEnvironment], Sequence[Check]], ...] = (
        _check_dag,
        sign_in_checks.check_principals,
        _check_jars,
        _check_jar_reader,
    )
    with ThreadPoolExecutor(len(parts), thread_name_prefix="verify") as pool:
        running = [pool.submit(part, deployed) for part in parts]
        return tuple(check for one in running for check in one.result())


def _check_dag(deployed: DeployedEnvironment) -> Sequence[Check]:
    try:
        state = dag_parsed.dag_state(deployed)
        failure = None if state is DagState.CURRENT else dag_parsed.import_failure(deployed)
    except Refused as error:
        return [failed(DAG, str(error), precondition=True)]
    except CloudError as error:
        return [unanswered(DAG, error)]
    if state is DagState.CURRENT:
        return [passed(DAG, deployed.environment.dag.id)]
    if failure is not None:
        last = failure.trace.strip().rpartition("\n")[2]
        return [failed(DAG, f"it cannot be imported: {last}. `provisioner run` shows all of it; correct the DAG")]
    if state is DagState.UNREADABLE:
        return [unknown(DAG, f"Airflow has {deployed.environment.dag.id} and does not tell its text")]
    there = "another text of it" if state is DagState.OTHER else f"no {deployed.environment.dag.id}"
    return [failed(DAG, f"Airflow has {there}; run `provisioner provision --wait-dag`")]


def _check_jars(deployed: DeployedEnvironment) -> Sequence[Check]:
    return [_check_jar(deployed, node) for node in deployed.recipe.nodes if node.address.kind == "job_jar"]


def _check_jar(deployed: DeployedEnvironment, node: Node) -> Check:
    name = node.address.name
    try:
        changes = deployed.drift(node)
    except CloudError as error:
        return unanswered(JAR, error)
    if changes is None:
        return failed(JAR, f"{name} is not there; run `provisioner provision`", precondition=True)
    if changes:
        differences = "; ".join(f"{one.reason} ({one.field}: {one.before})" for one in changes)
        return failed(JAR, f"{name} is not the spec's: {differences}; run `provisioner provision`")
    return passed(JAR, f"{name} is {shown(deployed.environment.job.jar.name)} of this machine")


def _check_jar_reader(deployed: DeployedEnvironment) -> Sequence[Check]:
    environment = deployed.environment
    container = f"{environment.account_id}/blobServices/default/containers/{environment.storage_account.filesystem}"
    try:
        identity = deployed.output(deployed.targets.flink.identity)
        if not identity:
            detail = "the cluster, or its identity, is not there; correct `flink`"
            return [failed(READS_JAR, detail, precondition=True)]
        allowed = deployed.cloud.principal_rights.allows(container, identity, [BLOB_READ])
    except CloudError as error:
        return [unanswered(READS_JAR, error)]
    if allowed is None:
        return [unknown(READS_JAR, "its role has a condition, which only Azure evaluates")]
    if not allowed:
        detail = f"no role lets {identity} read blobs there; `provisioner provision` grants {environment.job.role}"
        return [failed(READS_JAR, detail, precondition=True)]
    return [passed(READS_JAR, f"{identity} by its roles")]
