"""Verification of an environment without running a job: who signs in, what they may read, what is there.

Reads only, but for a run of the probe DAG where that alone shows what workers have.

Airflow's principal is tried with the settings that its runtime has, the API's principal with what Airflow reads in
the vault, so that a check meets what a task will meet. No check shows a secret.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import CloudError, Refused
from provisioner.kind import formatted
from provisioner.parsed_dag import DagState
from provisioner.verify import environment_dags, rollout, sign_in_checks
from provisioner.verify.check import failed, passed, unanswered, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioner.model import Node
    from provisioner.render.dags import RenderedDag
    from provisioner.verify.check import Check
    from provisioner.verify.deployed import DeployedEnvironment

JAR, DAG = "the job's jar", "Airflow has parsed the DAG"
BLOB_READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


def verify(deployed: DeployedEnvironment) -> tuple[Check, ...]:
    """Every check, in the order in which a job needs what they check; made at once."""
    parts: tuple[Callable[[DeployedEnvironment], Sequence[Check]], ...] = (
        _check_dags,
        sign_in_checks.check_principals,
        _check_jars,
        _check_jar_reader,
        rollout.check_worker_settings_by_probe_run,
    )
    with ThreadPoolExecutor(len(parts), thread_name_prefix="verify") as pool:
        running = [pool.submit(part, deployed) for part in parts]
        return tuple(check for one in running for check in one.result())


def _check_dags(deployed: DeployedEnvironment) -> Sequence[Check]:
    unread = (f"no DAG's id can be read in dags/{dag.name}" for dag in deployed.targets.dags if not dag.id)
    return [
        *(_check_dag(deployed, dag) for dag in deployed.targets.dags if dag.id),
        *(unknown(DAG, why) for why in unread),
    ]


def _check_dag(deployed: DeployedEnvironment, dag: RenderedDag) -> Check:
    try:
        state = environment_dags.dag_state(deployed, dag)
        failure = None if state is DagState.CURRENT else environment_dags.last_import_error(deployed, dag)
    except Refused as error:
        why = deployed.targets.airflow.unaskable
        return unknown(DAG, why) if why else failed(DAG, str(error), precondition=True)
    except CloudError as error:
        return unanswered(DAG, error)
    if state is DagState.CURRENT:
        return passed(DAG, dag.id)
    if failure is not None:
        remedy = "`provisioner run` shows all of it; correct the DAG"
        return failed(DAG, f"it cannot be imported: {failure.reason}. {remedy}")
    if state is DagState.UNREADABLE:
        return unknown(DAG, f"Airflow has {dag.id} and does not tell its text")
    there = f"another text of {dag.id}" if state is DagState.OTHER else f"no {dag.id}"
    return failed(DAG, f"Airflow has {there}; run `provisioner provision --wait-dag`")


def _check_jars(deployed: DeployedEnvironment) -> Sequence[Check]:
    return [_check_jar(deployed, node) for node in deployed.recipe.nodes if node.address.kind == "job_jar"]


def _check_jar(deployed: DeployedEnvironment, node: Node) -> Check:
    name = node.address.name
    try:
        changes = deployed.read_drift(node)
    except CloudError as error:
        return unanswered(JAR, error)
    if changes is None:
        return failed(JAR, f"{name} is not there; run `provisioner provision`", precondition=True)
    if changes:
        differences = "; ".join(f"{one.reason} ({one.field}: {one.before})" for one in changes)
        return failed(JAR, f"{name} is not the spec's: {differences}; run `provisioner provision`")
    return passed(JAR, f"{name} is {formatted(Path(node.desired.file).name)} of this machine")


def _check_jar_reader(deployed: DeployedEnvironment) -> Sequence[Check]:
    environment, reads = deployed.environment, deployed.targets.flink.jar_reader
    container = f"{environment.account_id}/blobServices/default/containers/{environment.storage_account.filesystem}"
    try:
        reader = reads.principal if isinstance(reads.principal, str) else deployed.read_output(reads.principal)
        if not reader:
            return [failed(reads.check, reads.missing, precondition=True)]
        allowed = deployed.cloud.principal_rights.allows(container, reader, [BLOB_READ])
    except CloudError as error:
        return [unanswered(reads.check, error)]
    if allowed is None:
        return [unknown(reads.check, "its role has a condition, which only Azure evaluates")]
    if not allowed:
        detail = f"no role lets {reader} read blobs there; `provisioner provision` grants {reads.role}"
        return [failed(reads.check, detail, precondition=True)]
    return [passed(reads.check, f"{reader} by its roles")]
