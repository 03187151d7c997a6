"""Runs the service's actions on jobs of a real Flink.

The service writes savepoints to the data lake, for which this Flink has no file system. A savepoint directory in the
data lake is mapped to a folder of the cluster (`savepoints.py`); results name the former.
https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management
"""

from __future__ import annotations

import http.client
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from localazure.runtimes.flink.cluster import TERMINAL, FlinkError, LaunchRequest
from localazure.runtimes.flink.jobs import FAILED, STOPPED, ActionResult
from localazure.runtimes.flink.savepoints import local_savepoint_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localazure.runtimes.flink.cluster import Cluster
    from localazure.runtimes.flink.jobs import JobRequest

# As Flink splits them: https://github.com/apache/flink/blob/release-1.20/flink-runtime-web/src/main/java/org/apache/flink/runtime/webmonitor/handlers/utils/JarHandlerUtils.java
_ARGUMENT = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")


def run_action(cluster: Cluster, action: str, job: JobRequest) -> ActionResult:
    """Run one action and wait for its result; a failure in Flink is a result, too."""
    try:
        return _ACTIONS[action](cluster, job)
    except FlinkError as error:
        output = str(error)
    except (OSError, http.client.HTTPException) as error:
        output = f"Flink does not answer ({type(error).__name__})."
    except (KeyError, TypeError, ValueError) as error:
        output = f"Flink sent an unexpected response ({type(error).__name__})."
    known = cluster.job_states.get(job.job_id)
    return ActionResult(
        status=known.state if known else job.status or FAILED, job_id=job.job_id, output=output, succeeded=False
    )


def split_arguments(text: str) -> list[str]:
    """Split a job's `args` at spaces, except inside quotes."""
    return [next(filter(None, match.groups()), "") for match in _ARGUMENT.finditer(text)]


def _launch_new(cluster: Cluster, job: JobRequest) -> ActionResult:
    return _launch(cluster, job, None)


def _launch_from_savepoint(cluster: Cluster, job: JobRequest) -> ActionResult:
    if not job.savepoint:
        raise FlinkError("There is no savepoint to start from.")
    return _launch(cluster, job, local_savepoint_folder(cluster, job.savepoint))


def _stop_and_launch(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Stop with a savepoint, then start the new jar from it, or from the savepoint that the call names."""
    stopped = _stop_with_savepoint(cluster, job)
    savepoint = job.savepoint if job.names_savepoint else stopped.savepoint
    try:
        launched = _launch(cluster, job, local_savepoint_folder(cluster, savepoint))
    except FlinkError as error:
        return replace(stopped, output=str(error), succeeded=False)
    return replace(launched, savepoint=stopped.savepoint)


def _update_from_last_state(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Cancel, then start the new jar from the last checkpoint, without taking a savepoint."""
    if not cluster.find_last_checkpoint(job.job_id):
        raise FlinkError("The job has no completed checkpoint to go on from; enable checkpointing, or use UPDATE.")
    cluster.cancel(job.job_id)
    return _launch(
        cluster, job, cluster.find_last_checkpoint(job.job_id)
    )  # read again: only now can there be no newer one


def _cancel_and_launch(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Start again, without state unless the call names a savepoint."""
    if not _has_ended(cluster, job):
        cluster.cancel(job.job_id)
    return _launch(cluster, job, local_savepoint_folder(cluster, job.savepoint) if job.names_savepoint else None)


def _stop_with_savepoint(cluster: Cluster, job: JobRequest) -> ActionResult:
    return _savepoint_result(
        job, cluster.stop_with_savepoint(job.job_id, local_savepoint_folder(cluster, job.savepoint_directory)), STOPPED
    )


def _take_savepoint(cluster: Cluster, job: JobRequest) -> ActionResult:
    name = cluster.take_savepoint(job.job_id, local_savepoint_folder(cluster, job.savepoint_directory))
    return _savepoint_result(job, name, cluster.get_state(job.job_id))


def _list_savepoints(cluster: Cluster, job: JobRequest) -> ActionResult:
    """List savepoints, one URI a line, the newest last."""
    matches = local_savepoint_folder(cluster, job.savepoint_directory).glob("savepoint-*")
    folders = sorted(matches, key=lambda path: path.stat().st_mtime)
    output = "\n".join(f"{job.savepoint_directory.rstrip('/')}/{folder.name}" for folder in folders)
    return ActionResult(status=job.status, job_id=job.job_id, output=output)


def _cancel(cluster: Cluster, job: JobRequest) -> ActionResult:
    cluster.cancel(job.job_id)
    return ActionResult(status=cluster.get_state(job.job_id), job_id=job.job_id)


def _allow_delete(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Allow the service to delete its record of a job that has ended.

    Raises FlinkError while it runs; Flink itself forgets it after a while.
    """
    if not _has_ended(cluster, job):
        raise FlinkError("The job is running; cancel it first.")
    return ActionResult(status=job.status, job_id=job.job_id)


_ACTIONS: dict[str, Callable[[Cluster, JobRequest], ActionResult]] = {
    "NEW": _launch_new,
    "START": _launch_from_savepoint,
    "UPDATE": _stop_and_launch,
    "STATELESS_UPDATE": _cancel_and_launch,
    "LAST_STATE_UPDATE": _update_from_last_state,
    "RE_LAUNCH": _cancel_and_launch,
    "STOP": _stop_with_savepoint,
    "SAVEPOINT": _take_savepoint,
    "LIST_SAVEPOINT": _list_savepoints,
    "CANCEL": _cancel,
    "DELETE": _allow_delete,
}


def _launch(cluster: Cluster, job: JobRequest, savepoint: Path | None) -> ActionResult:
    if job.jar is None:
        raise FlinkError("There is no jar.")
    service_options = {"parallelism", "savepoint.directory"}  # options of the service; the rest are Flink's
    parallelism = job.configuration.get("parallelism")
    request = LaunchRequest(
        jar=job.jar.file,
        size=job.jar.size,
        jar_name=job.jar.name,
        entry_class=job.entry_class,
        arguments=split_arguments(job.args),
        parallelism=int(parallelism) if parallelism else None,
        savepoint=savepoint,
        configuration={name: value for name, value in job.configuration.items() if name not in service_options},
    )
    job_id = cluster.launch(request)
    known = cluster.job_states[job_id]
    return ActionResult(
        status=known.state, job_id=job_id, output=known.cause or "Job submitted.", savepoint=job.savepoint
    )


def _has_ended(cluster: Cluster, job: JobRequest) -> bool:
    known = cluster.job_states.get(job.job_id)
    return known is None or known.state in TERMINAL


def _savepoint_result(job: JobRequest, savepoint_name: str, status: str) -> ActionResult:
    savepoint = f"{job.savepoint_directory.rstrip('/')}/{savepoint_name}"
    output = f"Savepoint completed. Path: {savepoint}"
    return ActionResult(status=status, job_id=job.job_id, output=output, savepoint=savepoint)
