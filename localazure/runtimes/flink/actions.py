"""The actions of the service on a real Flink: what was asked of one job, and what came of it.

Savepoints: the service writes them to the data lake; Flink here has no file system for that. A savepoint's directory in
the data lake stands for a folder `savepoints/CONTAINER@ACCOUNT/PATH` of the cluster, and answers name the former.
https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management
"""

from __future__ import annotations

import http.client
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from localazure.runtimes.flink.cluster import TERMINAL, FlinkError, LaunchRequest
from localazure.runtimes.flink.jobs import FAILED, STOPPED, ActionResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.runtimes.flink.cluster import Cluster
    from localazure.runtimes.flink.jobs import JobRequest

_URI = re.compile(r"abfss?://([\w$-]+@[\w.-]+)(/.*)?", re.IGNORECASE)
# As Flink splits them: https://github.com/apache/flink/blob/release-1.20/flink-runtime-web/src/main/java/org/apache/flink/runtime/webmonitor/handlers/utils/JarHandlerUtils.java
_ARGUMENT = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")


def run_action(cluster: Cluster, action: str, job: JobRequest) -> ActionResult:
    """Do one action and wait for what comes of it; what Flink does not do is an outcome, too."""
    try:
        return _ACTIONS[action](cluster, job)
    except FlinkError as error:
        why = str(error)
    except (OSError, http.client.HTTPException) as error:
        why = f"Flink does not answer ({type(error).__name__})."
    except (KeyError, TypeError, ValueError) as error:
        why = f"Flink answered what nobody here knows ({type(error).__name__})."
    seen = cluster.seen.get(job.job_id)
    return ActionResult(
        status=seen.state if seen else job.status or FAILED, job_id=job.job_id, output=why, succeeded=False
    )


def split_arguments(text: str) -> list[str]:
    """The arguments in a job's `args`: spaces part them, quotes keep some together."""
    return [next(filter(None, found.groups()), "") for found in _ARGUMENT.finditer(text)]


def _new(cluster: Cluster, job: JobRequest) -> ActionResult:
    return _launched(cluster, job, None)


def _start(cluster: Cluster, job: JobRequest) -> ActionResult:
    if not job.savepoint:
        raise FlinkError("There is no savepoint to start from.")
    return _launched(cluster, job, _folder(cluster, job.savepoint))


def _update(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Stop with a savepoint; go on with the new jar from there, or from the savepoint that was named."""
    stopped = _stop(cluster, job)
    wanted = job.savepoint if job.named else stopped.savepoint
    try:
        done = _launched(cluster, job, _folder(cluster, wanted))
    except FlinkError as error:
        return replace(stopped, output=str(error), succeeded=False)
    return replace(done, savepoint=stopped.savepoint)


def _update_from_last_state(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Go on with the new jar from the last checkpoint, without taking a savepoint."""
    if not cluster.checkpoint(job.job_id):
        raise FlinkError("The job has no completed checkpoint to go on from; enable checkpointing, or use UPDATE.")
    cluster.cancel(job.job_id)
    return _launched(cluster, job, cluster.checkpoint(job.job_id))  # only now is there none after it


def _launch_again(cluster: Cluster, job: JobRequest) -> ActionResult:
    """Begin anew, without state unless a savepoint was named."""
    if not _ended(cluster, job):
        cluster.cancel(job.job_id)
    return _launched(cluster, job, _folder(cluster, job.savepoint) if job.named else None)


def _stop(cluster: Cluster, job: JobRequest) -> ActionResult:
    return _saved(job, cluster.stop(job.job_id, _folder(cluster, job.savepoint_directory)), STOPPED)


def _savepoint(cluster: Cluster, job: JobRequest) -> ActionResult:
    taken = cluster.savepoint(job.job_id, _folder(cluster, job.savepoint_directory))
    return _saved(job, taken, cluster.state(job.job_id))


def _list_savepoints(cluster: Cluster, job: JobRequest) -> ActionResult:
    """One line each, the newest last; without one, no line."""
    found = _folder(cluster, job.savepoint_directory).glob("savepoint-*")
    folders = sorted(found, key=lambda path: path.stat().st_mtime)
    output = "\n".join(f"{job.savepoint_directory.rstrip('/')}/{folder.name}" for folder in folders)
    return ActionResult(status=job.status, job_id=job.job_id, output=output)


def _cancel(cluster: Cluster, job: JobRequest) -> ActionResult:
    cluster.cancel(job.job_id)
    return ActionResult(status=cluster.state(job.job_id), job_id=job.job_id)


def _delete(cluster: Cluster, job: JobRequest) -> ActionResult:
    """The record only; Flink forgets by itself."""
    if not _ended(cluster, job):
        raise FlinkError("The job is running; cancel it first.")
    return ActionResult(status=job.status, job_id=job.job_id)


_ACTIONS: dict[str, Callable[[Cluster, JobRequest], ActionResult]] = {
    "NEW": _new,
    "START": _start,
    "UPDATE": _update,
    "STATELESS_UPDATE": _launch_again,
    "LAST_STATE_UPDATE": _update_from_last_state,
    "RE_LAUNCH": _launch_again,
    "STOP": _stop,
    "SAVEPOINT": _savepoint,
    "LIST_SAVEPOINT": _list_savepoints,
    "CANCEL": _cancel,
    "DELETE": _delete,
}


def _launched(cluster: Cluster, job: JobRequest, savepoint: Path | None) -> ActionResult:
    if job.jar is None:
        raise FlinkError("There is no jar.")
    own = {"parallelism", "savepoint.directory"}  # the service's words; the rest are Flink's
    parallelism = job.configuration.get("parallelism")
    wanted = LaunchRequest(
        jar=job.jar.file,
        size=job.jar.size,
        jar_name=job.jar.name,
        entry_class=job.entry_class,
        arguments=split_arguments(job.args),
        parallelism=int(parallelism) if parallelism else None,
        savepoint=savepoint,
        configuration={name: value for name, value in job.configuration.items() if name not in own},
    )
    job_id = cluster.launch(wanted)
    seen = cluster.seen[job_id]
    return ActionResult(status=seen.state, job_id=job_id, output=seen.why or "Job submitted.", savepoint=job.savepoint)


def _ended(cluster: Cluster, job: JobRequest) -> bool:
    seen = cluster.seen.get(job.job_id)
    return seen is None or seen.state in TERMINAL


def _saved(job: JobRequest, name: str, status: str) -> ActionResult:
    taken = f"{job.savepoint_directory.rstrip('/')}/{name}"
    output = f"Savepoint completed. Path: {taken}"
    return ActionResult(status=status, job_id=job.job_id, output=output, savepoint=taken)


def _folder(cluster: Cluster, uri: str) -> Path:
    """What stands for a directory of the data lake."""
    found = _URI.fullmatch(uri)
    parts = PurePosixPath(found[2] or "/").parts[1:] if found else ()
    if found is None or ".." in parts:
        raise FlinkError(f"The savepoint directory '{uri}' is no abfs://CONTAINER@ACCOUNT.dfs.core.windows.net URI.")
    return cluster.folder.joinpath("savepoints", found[1], *parts)
