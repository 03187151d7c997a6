"""Flink behind its own REST API: the cluster is given, and the DAG brings it the jar as Airflow's principal."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from provisioner.kinds.flink_session import FlinkSession
from provisioner.model import Address, FlinkAccess, Node
from provisioner.recipe.grants import grant_node, grants_to_cluster, job_role_notes
from provisioner.recipe.targets.contract import Around, Flink, JarReader
from provisioner.render.dag import environment_job_id_prefix, job_id_prefix, job_name, run_digest
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provisioner.cloud.clients.flink_rest import FlinkRest
    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.flink_session import ObservedFlinkSession
    from provisioner.model import FlinkJob
    from provisioner.spec.jobs import DeclaredJob
    from provisioner.spec.model import Environment
    from provisioner.spec.targets.flink.rest import RestFlink

FLINK = Address("flink_session", "flink")
OVER = ("FINISHED", "FAILED", "CANCELED", "SUSPENDED")  # org.apache.flink.api.common.JobStatus
READER = "Storage Blob Data Reader"
OPEN = (
    "flink.auth is not set, and the address is no private one: whoever reaches Flink's REST API runs code there "
    "(https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/security/security-ssl/)"
)


def declare(environment: Environment, around: Around) -> Flink:
    """The cluster, looked up and never made; the roles of who reads the jar and who writes savepoints."""
    spec = cast("RestFlink", environment.flink)
    access = flink_access(spec)
    jars = {job.spec.jar: None for job in environment.all_jobs}
    sizes = tuple((jar.name, jar.stat().st_size if jar.is_file() else 0) for jar in jars)
    session = FlinkSession(access=access, jars=sizes)
    return Flink(
        nodes=(Node(address=FLINK, desired=session),),
        address=FLINK,
        grants=tuple(_grants(environment, spec, around)),
        jar_reader=JarReader(
            principal=around.airflow,
            role=READER,
            check="airflow reads the jar",
            missing="the service principal airflow is not there; run `provisioner provision`",
        ),
        connections={spec.connections[0]: airflow_connection_json(spec)},
        unreachable=_unreachable,
        find_job=partial(_find_job, environment, access),
        running=partial(_running, environment, access),
        undeclared=partial(_undeclared, environment, access),
        cancel=partial(_cancel, access),
        savepoint=partial(_savepoint, access),
        stop=partial(_stop, access),
        takes_over=True,
        notes=(
            *(job_role_notes(environment) if spec.identity else ()),
            *((OPEN,) if spec.auth is None and not spec.is_private else ()),
        ),
    )


def flink_access(spec: RestFlink) -> FlinkAccess:
    """The way to its REST API, as the spec says."""
    auth = spec.auth
    basic = auth.basic if auth else None
    return FlinkAccess(
        url=spec.base_url,
        headers=spec.headers,
        user=basic.username if basic else "",
        password=basic.password if basic else None,
        bearer=auth.bearer if auth else None,
        scope=auth.entra.scope if auth and auth.entra else "",
        certificate=auth.certificate if auth else None,
        ca=spec.ca_text,
    )


def airflow_connection_json(spec: RestFlink) -> Secret:
    """The Airflow connection, as JSON: what templates/dags/parts/targets/rest.py.j2 reads."""
    access = flink_access(spec)
    extra: dict[str, Any] = {
        "headers": {name: value.reveal() for name, value in access.headers.items()},
        "bearer": access.bearer.reveal() if access.bearer else "",
        "certificate": access.certificate.reveal() if access.certificate else "",
        "ca": access.ca,
    }
    document: dict[str, Any] = {
        "conn_type": "http",
        "host": access.url,
        "extra": {name: value for name, value in extra.items() if value},
    }
    if access.password is not None:
        document |= {"login": access.user, "password": access.password.reveal()}
    return Secret(json.dumps(document, sort_keys=True))


def _grants(environment: Environment, spec: RestFlink, around: Around) -> Iterator[Node]:
    mark = around.names.environment_id
    container = f"{environment.account_id}/blobServices/default/containers/{environment.storage_account.filesystem}"
    yield grant_node(
        "flink-jar",
        READER,
        scope=container,
        container=around.filesystem,
        principal_id=around.airflow,
        environment=mark,
        label="the service principal airflow",
    )
    if spec.identity:
        yield from grants_to_cluster(
            environment, spec.identity, account=around.account, owner=around.names.environment_id
        )


def _unreachable(observed: ObservedFlinkSession) -> str:
    return observed.unreachable or observed.denied


def _find_job(
    environment: Environment, access: FlinkAccess, cloud: Cloud, job: DeclaredJob, run_id: str, _conf: Mapping[str, Any]
) -> FlinkJob | None:
    client: FlinkRest = cloud.client("flink_rest")
    prefix, name = job_id_prefix(environment, job), job_name(job, run_id)
    if not job.spec.upgrade:
        prefix += run_digest(job, run_id)
    found = [replace(one, name=name) for one in client.list_jobs(access) if one.id.startswith(prefix)]
    return replace(found[0], args=job.spec.args.replace("{job}", name)) if found else None


def _running(environment: Environment, access: FlinkAccess, cloud: Cloud, job: DeclaredJob) -> Sequence[FlinkJob]:
    client: FlinkRest = cloud.client("flink_rest")
    prefix = job_id_prefix(environment, job)
    return [one for one in client.list_jobs(access) if one.id.startswith(prefix) and one.status not in OVER]


def _undeclared(environment: Environment, access: FlinkAccess, cloud: Cloud) -> Sequence[FlinkJob]:
    client: FlinkRest = cloud.client("flink_rest")
    ours = environment_job_id_prefix(environment)
    declared = tuple(job_id_prefix(environment, job) for job in environment.all_jobs)
    left = (one for one in client.list_jobs(access) if one.id.startswith(ours) and one.status not in OVER)
    return [one for one in left if not one.id.startswith(declared)]


def _cancel(access: FlinkAccess, cloud: Cloud, job: FlinkJob) -> None:
    client: FlinkRest = cloud.client("flink_rest")
    client.cancel(access, job.id)


def _savepoint(access: FlinkAccess, cloud: Cloud, job: DeclaredJob, running: FlinkJob) -> str:
    client: FlinkRest = cloud.client("flink_rest")
    folder = f"{job.spec.savepoints.rstrip('/')}/{job.prefix}/{running.id}-by-hand" if job.spec.savepoints else ""
    return client.take_savepoint(access, running.id, folder)


def _stop(access: FlinkAccess, cloud: Cloud, job: DeclaredJob, running: FlinkJob) -> str:
    client: FlinkRest = cloud.client("flink_rest")
    return client.stop_with_savepoint(
        access, running.id, f"{job.spec.savepoints.rstrip('/')}/{job.prefix}/{running.id}-0"
    )
