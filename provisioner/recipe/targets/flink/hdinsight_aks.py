"""Flink on HDInsight on AKS: a cluster that is given, with the identity that reads the jar."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.errors import Refused
from provisioner.kinds.flink_cluster import KIND, VERSION, FlinkCluster, Outputs
from provisioner.model import Address, NeededRight, Node
from provisioner.recipe.grants import grants_to_cluster, job_role_notes, job_roles
from provisioner.recipe.targets.contract import Around, Flink, JarReader
from provisioner.recipe.targets.standing import Import, Standing
from provisioner.render.dag import environment_job_id_prefix, job_id_prefix, job_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provisioner.cloud.clients.flink_jobs import FlinkJobs
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import FlinkJob
    from provisioner.spec.jobs import DeclaredJob
    from provisioner.spec.model import Environment

FLINK = Address("flink_cluster", "flink")
CLUSTER = "Microsoft.HDInsight/clusterpools/clusters"
ACTIONS = (f"{CLUSTER}/read", f"{CLUSTER}/jobs/read", f"{CLUSTER}/runjob/action")
# Where the DAG's params stand in a cluster's id; the second spelling of the first is the article's.
PARAMS = {2: ("subscription", "subscritpion"), 4: ("rg",), 8: ("poolNm",), 10: ("clusterNm",)}
RUNNING = ("RUNNING", "INITIALIZING", "CREATED", "RESTARTING")
JOB_DIGITS = 6  # of an environment's job, after those of the environment


def declare(environment: Environment, around: Around) -> Flink:
    """The cluster, looked up and never made."""
    cluster, identity = environment.flink.scope, Outputs.identity_object_id.of(FLINK)
    reads = JarReader(
        principal=identity,
        role=" and ".join(job_roles(environment)),
        check="the cluster's identity reads the jar",
        missing="the cluster, or its identity, is not there; correct `flink`",
    )
    return Flink(
        nodes=(Node(address=FLINK, desired=FlinkCluster(id=cluster)),),
        grants=tuple(
            grants_to_cluster(environment, identity, account=around.account, owner=around.names.environment_id)
        ),
        address=FLINK,
        api_version=VERSION,
        actions=ACTIONS,
        jar_reader=reads,
        find_job=partial(_find_job, environment),
        running=partial(_running, environment),
        undeclared=partial(_undeclared, environment),
        cancel=partial(_cancel, cluster),
        savepoint=partial(_request_savepoint, cluster),
        stop=partial(_stop, cluster),
        rights=(_right(cluster),),
        notes=(*job_role_notes(environment), *(() if environment.cloud == "local" else (environment.flink.closed,))),
    )


def _read_cluster(cloud: Cloud, cluster_id: str) -> Standing:
    """The cluster and the identity with which it uses the lake. Raises Refused."""
    cluster = KIND.read(cloud, FlinkCluster(id=cluster_id))
    if cluster is None:
        raise Refused(cluster_id, "does not exist, or you may not read it", "Correct --cluster")
    return Standing(section={"cluster": cluster.id}, identity=cluster.identity_object_id, scope=cluster.id)


IMPORT = Import(option="cluster", read=_read_cluster)


def _right(cluster: str) -> NeededRight:
    """It includes reading the cluster."""
    return NeededRight(
        scope=cluster,
        where="the Flink cluster",
        role="Role Based Access Control Administrator",
        purpose="its state and identity, and the role assignment of the principal that submits jobs",
    )


def _upgraded_job_name(environment: Environment, job: DeclaredJob) -> str:
    """The name of the one job that is upgraded; those of others tell of the run that began them.

    Only for a job with `upgrade`.
    """
    return job.prefix + job_id_prefix(environment, job)


def _find_job(
    environment: Environment, cloud: Cloud, job: DeclaredJob, run_id: str, conf: Mapping[str, Any]
) -> FlinkJob | None:
    jobs: FlinkJobs = cloud.client("flink_jobs")
    name = _upgraded_job_name(environment, job) if job.spec.upgrade else job_name(job, run_id)
    return jobs.find_job(_cluster(environment.flink.scope, conf), name)


def _running(environment: Environment, cloud: Cloud, job: DeclaredJob) -> Sequence[FlinkJob]:
    of_job = re.compile(_upgraded_job_name(environment, job) if job.spec.upgrade else rf"{job.prefix}[0-9a-f]{{12}}")
    return [one for one in _all_running(environment, cloud) if of_job.fullmatch(one.name)]


def _undeclared(environment: Environment, cloud: Cloud) -> Sequence[FlinkJob]:
    """Of jobs that were upgraded: only their names tell the environment."""
    ours = re.compile(rf"[a-z][a-z0-9]*{environment_job_id_prefix(environment)}[0-9a-f]{{{JOB_DIGITS}}}")
    declared = {_upgraded_job_name(environment, job) for job in environment.all_jobs if job.spec.upgrade}
    return [one for one in _all_running(environment, cloud) if ours.fullmatch(one.name) and one.name not in declared]


def _all_running(environment: Environment, cloud: Cloud) -> Iterator[FlinkJob]:
    jobs: FlinkJobs = cloud.client("flink_jobs")
    return (one for one in jobs.list_jobs(environment.flink.scope) if one.status in RUNNING)


def _cancel(cluster_id: str, cloud: Cloud, job: FlinkJob) -> None:
    jobs: FlinkJobs = cloud.client("flink_jobs")
    jobs.request_action(cluster_id, job.name, "CANCEL")


def _request_savepoint(cluster_id: str, cloud: Cloud, _job: DeclaredJob, running: FlinkJob) -> str:
    """Ask for a savepoint, and do not wait. The service does not say where it is; returns who does."""
    jobs: FlinkJobs = cloud.client("flink_jobs")
    jobs.request_action(cluster_id, running.name, "SAVEPOINT")
    return "where the cluster keeps them; the action LIST_SAVEPOINT names it"


def _stop(cluster_id: str, cloud: Cloud, _job: DeclaredJob, running: FlinkJob) -> str:
    """The service has the folder from the DAG, which launched the job."""
    jobs: FlinkJobs = cloud.client("flink_jobs")
    return jobs.stop_with_savepoint(cluster_id, running.name)


def _cluster(cluster_id: str, conf: Mapping[str, Any]) -> str:
    """The cluster that a run's configuration leads to: its params may name another than the spec's."""
    parts = cluster_id.split("/")
    for place, keys in PARAMS.items():
        parts[place] = next((str(conf[key]) for key in keys if conf.get(key)), parts[place])
    return "/".join(parts)
