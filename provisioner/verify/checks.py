"""Proofs of the chain without running a job: who signs in, what they may read, what lies where. Reads only.

Airflow's own principal is tried with what is deployed in its runtime, the API's principal with what Airflow reads in
the vault: so what is proven is what a task will meet. No finding tells a secret.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from provisioner.errors import CloudError, Refused
from provisioner.kind import shown
from provisioner.verify import dag_parsed as parsed
from provisioner.verify import sign_in_checks as principals
from provisioner.verify.check import failed, not_asked, ok, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioner.verify.check import Finding
    from provisioner.verify.deployed import Links

JAR, READS_JAR, DAG = "the job's jar", "the cluster's identity reads the jar", "Airflow has parsed the DAG"
BLOB_READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


def verify(links: Links) -> tuple[Finding, ...]:
    """Every link, in the order of a job's way; asked for at once."""
    parts: tuple[Callable[[Links], Sequence[Finding]], ...] = (_dag, principals.prove, _jar, _reads_jar)
    with ThreadPoolExecutor(len(parts), thread_name_prefix="verify") as pool:
        running = [pool.submit(part, links) for part in parts]
        return tuple(finding for one in running for finding in one.result())


def _dag(links: Links) -> Sequence[Finding]:
    try:
        state = parsed.state(links)
        why = None if state is parsed.State.CURRENT else parsed.failure(links)
    except Refused as error:
        return [failed(DAG, str(error), right=True)]
    except CloudError as error:
        return [not_asked(DAG, error)]
    if state is parsed.State.CURRENT:
        return [ok(DAG, links.environment.dag.id)]
    if why is not None:
        last = why.trace.strip().rpartition("\n")[2]
        return [failed(DAG, f"it cannot be imported: {last}. `provisioner run` shows all of it; correct the DAG")]
    if state is parsed.State.UNTOLD:
        return [unknown(DAG, f"Airflow has {links.environment.dag.id} and does not tell its text")]
    there = "another text of it" if state is parsed.State.OTHER else f"no {links.environment.dag.id}"
    return [failed(DAG, f"Airflow has {there}; run `provisioner provision --wait-dag`")]


def _jar(links: Links) -> Sequence[Finding]:
    return [_jar_at(links, node.address.name) for node in links.recipe.nodes if node.address.kind == "job_jar"]


def _jar_at(links: Links, name: str) -> Finding:
    node = next(node for node in links.recipe.nodes if node.address.name == name and node.address.kind == "job_jar")
    try:
        changes = links.drift(node)
    except CloudError as error:
        return not_asked(JAR, error)
    if changes is None:
        return failed(JAR, f"{name} is not there; run `provisioner provision`", right=True)
    if changes:
        told = "; ".join(f"{one.reason} ({one.field}: {one.before})" for one in changes)
        return failed(JAR, f"{name} is not the spec's: {told}; run `provisioner provision`")
    return ok(JAR, f"{name} is {shown(links.environment.job.jar.name)} of this machine")


def _reads_jar(links: Links) -> Sequence[Finding]:
    environment = links.environment
    container = f"{environment.account_id}/blobServices/default/containers/{environment.storage_account.filesystem}"
    try:
        identity = links.published(links.targets.flink.identity)
        if not identity:
            return [failed(READS_JAR, "the cluster, or its identity, is not there; correct `flink`", right=True)]
        allowed = links.cloud.principal_rights.allows(container, identity, [BLOB_READ])
    except CloudError as error:
        return [not_asked(READS_JAR, error)]
    if allowed is None:
        return [unknown(READS_JAR, "its role has a condition, which only Azure evaluates")]
    if not allowed:
        lacks = f"no role lets {identity} read blobs there; `provisioner provision` grants {environment.job.role}"
        return [failed(READS_JAR, lacks, right=True)]
    return [ok(READS_JAR, f"{identity} by its roles")]
