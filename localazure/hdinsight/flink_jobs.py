"""The jobs of a Flink cluster, stored as children of the cluster: checks runJob calls, runs their actions.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from localazure.app import contents
from localazure.app.call import AzureError
from localazure.app.json_body import object_at
from localazure.app.resource_manager import operations, resources
from localazure.hdinsight import savepoints
from localazure.hdinsight.profiles import fill_in_identity, identity_object_id
from localazure.runtimes import flink
from localazure.runtimes.flink import actions, jobs
from localazure.runtimes.flink.cluster import TERMINAL
from localazure.runtimes.flink.savepoints import local_savepoint_folder
from localazure.storage.data import paths
from localazure.storage.data.storage_access import require_readable_container

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.runtimes.flink.cluster import Cluster

TYPE = "Microsoft.HDInsight/clusterpools/clusters/jobs"
KIND = "flink-job"
# Actions that need the jar, the others, and those that need a running or an ended job.
_LAUNCHING = {"NEW", "START", "UPDATE", "STATELESS_UPDATE", "LAST_STATE_UPDATE", "RE_LAUNCH"}
_OTHERS = {"STOP", "CANCEL", "SAVEPOINT", "LIST_SAVEPOINT", "DELETE"}
_NEEDS_RUNNING = {"STOP", "SAVEPOINT", "CANCEL", "UPDATE", "LAST_STATE_UPDATE"}
_NEEDS_ENDED = {"START", "DELETE"}
_SAVING = {"STOP", "SAVEPOINT", "UPDATE"}
_CLUSTER_ENDED = "The Flink that ran the job has ended, and the job with it."
_POOL = ThreadPoolExecutor(max_workers=8, thread_name_prefix="flink")  # an action may wait minutes for Flink
_REQUIRED = ("jobJarDirectory", "jarName", "entryClass", "flinkConfiguration")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_READONLY = ("jobId", "status", "jobOutput", "actionResult", "lastSavePoint")


def begin_action(tenant: Tenant, cluster: Document, properties: Document) -> Document:
    """Check a runJob call and begin the operation that runs its action. Raises 400, 404 or 409."""
    name, action = _valid_name_and_action(properties)
    refresh_job_states(tenant)
    key = f"{cluster['id']}/jobs/{name}"
    existing = resources.find(tenant, key)
    if action == "NEW" and existing is not None:
        raise AzureError(status=409, code="Conflict", message=f"A job with the name '{name}' exists already.")
    if action != "NEW" and existing is None:
        raise AzureError(status=404, code="JobNotFound", message=f"There is no job with the name '{name}'.")
    requested = {key: value for key, value in properties.items() if key not in _READONLY}
    before = {key: value for key, value in (existing or {}).get("properties", {}).items() if key != "savePointName"}
    if before.get("actionResult") == "IN_PROGRESS":
        message = f"The action {before['action']} of the job '{name}' is in progress."
        raise AzureError(status=409, code="Conflict", message=message)
    merged = {**before, **requested, "actionResult": "IN_PROGRESS"}
    merged.setdefault("runId", f"job-{tenant.clock.new_id()[10:]}")
    job: Document = {**(existing or {}), "id": key, "name": name, "type": TYPE, "properties": merged}
    resources.put(tenant, job)
    return operations.begin(tenant, KIND, key, shows=key)


def response_body(document: Document) -> Document:
    """Return a job as a response shows it: its id ends with the run's, and it has neither name nor type.

    Any other resource as it is.
    """
    if document["type"] != TYPE:
        return document
    cluster, properties = str(document["id"]).rsplit("/jobs/", 1)[0], document["properties"]
    return {"id": f"{cluster}/jobs/{properties['runId']}", "properties": properties}


def list_jobs(tenant: Tenant, cluster: Document, filter_text: str) -> list[Document]:
    """List the jobs of a cluster that match a filter, `jobName eq NAME` or `jarName eq NAME`, quoted or not."""
    refresh_job_states(tenant)
    documents = [d for d in resources.list_below(tenant, cluster["id"]) if d["type"] == TYPE]
    if not filter_text.strip():
        return documents
    term = re.fullmatch(r"\s*(jobName|jarName)\s+eq\s+'?([^']*?)'?\s*", filter_text, re.IGNORECASE)
    if term is None:
        message = f"The filter '{filter_text}' is not supported."
        raise AzureError(status=400, code="InvalidFilterInQueryString", message=message)
    field = "jobName" if term[1].lower() == "jobname" else "jarName"
    return [document for document in documents if document["properties"].get(field) == term[2]]


def _valid_name_and_action(properties: Document) -> tuple[str, str]:
    """Check the properties of a runJob call. Returns the job's name and the action. Raises 400."""
    if properties.get("jobType") != "FlinkJob":
        raise _bad_request("The jobType must be FlinkJob.")
    action, name = str(properties.get("action", "")), str(properties.get("jobName", ""))
    if action not in _LAUNCHING | _OTHERS:
        raise _bad_request(f"The action '{action}' is not one of {', '.join(sorted(_LAUNCHING | _OTHERS))}.")
    if not _NAME.fullmatch(name) or len(name) > 63:
        raise _bad_request(f"The job name '{name}' must be lower-case letters, digits and hyphens.")
    object_at(properties, "flinkConfiguration")
    missing = [field for field in _REQUIRED if not properties.get(field)] if action == "NEW" else []
    if missing:
        raise _bad_request(f"The properties {', '.join(missing)} are required for the action NEW.")
    if action == "NEW" and not object_at(properties, "flinkConfiguration").get("parallelism"):
        raise _bad_request("The property flinkConfiguration.parallelism is required for the action NEW.")
    parallelism = str(object_at(properties, "flinkConfiguration").get("parallelism") or 1)
    if not re.fullmatch("[1-9][0-9]{0,4}", parallelism):
        raise _bad_request(f"The property flinkConfiguration.parallelism '{parallelism}' is no number of 1 or more.")
    return name, action


def _bad_request(message: str) -> AzureError:
    return AzureError(status=400, code="BadRequest", message=message)


def _run_action(tenant: Tenant, operation: Document) -> operations.Completion | None:
    """Run the action of a job's operation, on a real Flink if one is ready. A failure becomes the job's result."""
    key = str(operation["target"])
    document, cluster = resources.find(tenant, key), resources.find(tenant, key.rsplit("/jobs/", 1)[0])
    if document is None or cluster is None:
        return None
    cluster, properties = fill_in_identity(tenant, cluster), document["properties"]
    action, status = str(properties["action"]), str(properties.get("status", ""))
    try:
        _refuse_impossible_action(operation, action, status)
        jar = _require_jar(tenant, cluster, properties) if action in _LAUNCHING else None
        if action in _SAVING:
            _check_savepoint_directory(tenant, cluster, properties)
    except _ActionFailed as failed:
        result = jobs.ActionResult(status=status or jobs.NOT_LAUNCHED, output=str(failed), succeeded=False)
        return _complete_action(key, result, tenant)
    request = _job_request(cluster, properties, jar)
    program = tenant.runtimes.find_ready(flink.KIND, str(cluster["id"]))
    if program is None:
        return _complete_action(key, jobs.simulate(tenant, action, request), tenant)
    return _POOL.submit(_run_on_flink, program.client, key, action, request)


def _run_on_flink(
    cluster: Cluster, resource_id: str, action: str, request: jobs.JobRequest
) -> Callable[[Tenant], None]:
    """Run an action in a thread. Returns the function that records its result in the tenant."""
    result = actions.run_action(cluster, action, request)
    saved = local_savepoint_folder(cluster, result.savepoint) if action in _SAVING and result.savepoint else None
    return partial(_complete_action, resource_id, result, start_id=cluster.start_id, saved=saved)


def _refuse_impossible_action(operation: Document, action: str, status: str) -> None:
    """Raise _ActionFailed if a job with this status does not allow the action."""
    if operation.get("begun"):
        raise _ActionFailed("The local Azure ended while the action was under way.")
    if action in _NEEDS_RUNNING and not is_active(status):
        raise _ActionFailed(f"The job is not running; {action} is not possible.")
    if action in _NEEDS_ENDED and is_active(status):
        raise _ActionFailed(f"The job is running; {action} is not possible.")


def _check_savepoint_directory(tenant: Tenant, cluster: Document, properties: Document) -> None:
    """Raise _ActionFailed if the cluster's identity may not write a savepoint."""
    directory = _savepoint_directory(cluster, properties)
    if not savepoints.is_possibly_writable(tenant, identity_object_id(cluster), directory):
        message = "This request is not authorized to perform this operation using this permission."
        raise _ActionFailed(f'Savepoint failed. Operation failed: "{message}", 403, PUT, {directory}')


def is_active(status: str) -> bool:
    """Return whether a job with this status still runs or is about to."""
    return status not in {"", jobs.STOPPED, jobs.NOT_LAUNCHED, *TERMINAL}


def _complete_action(
    resource_id: str, result: jobs.ActionResult, tenant: Tenant, *, start_id: str = "", saved: Path | None = None
) -> None:
    """Write the result of an action into its job, and a savepoint that Flink wrote into the data lake.

    A DELETE that succeeded deletes the job.

    start_id: the start of the real Flink that ran it, if one did. saved: the folder of the savepoint that it wrote.
    """
    document = resources.find(tenant, resource_id)
    if document is None:
        return
    properties = document["properties"]
    if properties["action"] == "DELETE" and result.succeeded:
        resources.delete_at_and_below(tenant, resource_id)
        return
    properties |= {
        "actionResult": "SUCCESS" if result.succeeded else "FAILED",
        "status": result.status,
        "jobOutput": result.output,
    }
    properties |= {"jobId": result.job_id} if result.job_id else {}
    properties |= {"lastSavePoint": result.savepoint} if result.savepoint else {}
    cluster = resources.find(tenant, resource_id.rsplit("/jobs/", 1)[0])
    if saved is not None and cluster is not None:
        identity = identity_object_id(fill_in_identity(tenant, cluster))
        savepoints.write_into_lake(tenant, identity, saved, result.savepoint)
    resources.put(tenant, {**document, "_on": start_id or document.get("_on", "")})


def refresh_job_states(tenant: Tenant) -> None:
    """Update jobs with the states that their real Flinks report, unless reads are stale."""
    if tenant.store.reads_past:
        return
    for document in list(resources.list_of_type(tenant, TYPE)):
        properties = document["properties"]
        if document.get("_on") and properties.get("actionResult") != "IN_PROGRESS" and is_active(properties["status"]):
            program = tenant.runtimes.find_ready(flink.KIND, str(document["id"]).rsplit("/jobs/", 1)[0])
            state, cause = _reported_state_and_cause(program.client if program else None, document)
            if state != properties["status"]:
                properties |= {"status": state, **({"jobOutput": cause} if cause else {})}
                resources.put(tenant, document)


def _reported_state_and_cause(cluster: Cluster | None, document: Document) -> tuple[str, str]:
    """Return a job's state and the cause of its failure: FAILED if the Flink that ran it has ended."""
    known = cluster.job_states.get(document["properties"]["jobId"]) if cluster else None
    if cluster is None or known is None or cluster.start_id != document["_on"]:
        return jobs.FAILED, _CLUSTER_ENDED
    return known.state, known.cause


def _job_request(cluster: Document, properties: Document, jar: jobs.JarFile | None) -> jobs.JobRequest:
    configuration = object_at(properties, "flinkConfiguration")
    directory = _savepoint_directory(cluster, properties)
    return jobs.JobRequest(
        cluster_id=str(cluster["id"]),
        name=str(properties["jobName"]),
        status=str(properties.get("status", "")),
        job_id=str(properties.get("jobId", "")),
        entry_class=str(properties.get("entryClass", "")),
        args=str(properties.get("args") or ""),
        jar=jar,
        savepoint_directory=directory,
        savepoint=_named_savepoint(properties, directory) or str(properties.get("lastSavePoint", "")),
        names_savepoint=bool(properties.get("savePointName")),
        configuration={name: str(value) for name, value in configuration.items()},
    )


def _savepoint_directory(cluster: Document, properties: Document) -> str:
    """Return the job's own directory for savepoints, or the cluster's."""
    own = object_at(properties, "flinkConfiguration").get("savepoint.directory")
    storage = object_at(cluster, "properties", "clusterProfile", "flinkProfile", "storage")
    return str(own or f"{storage.get('storageUri', '')}/{cluster['properties'].get('deploymentId', '')}/savepoints")


def _named_savepoint(properties: Document, directory: str) -> str:
    """Return the URI of the savepoint that the call names, with or without its directory; empty if none."""
    name = str(properties.get("savePointName") or "")
    return f"{directory.rstrip('/')}/{name}" if name and "://" not in name else name


class _ActionFailed(Exception):
    """The action fails before Flink is called; the text is the job's output."""


def _jar_failure(cause: str) -> _ActionFailed:
    """Return the service's failure for a jar, with the cause as Hadoop's file system words it."""
    return _ActionFailed(f"Job execution failed. \nFailed to download jar: {cause}")


def _require_jar(tenant: Tenant, cluster: Document, properties: Document) -> jobs.JarFile:
    """Find the jar in the data lake, with the permissions of the cluster's identity. Raises _ActionFailed."""
    directory, jar = str(properties.get("jobJarDirectory", "")), str(properties.get("jarName", ""))
    folder = savepoints.address_of(directory)
    if folder is None:
        raise _jar_failure(
            f"The jobJarDirectory '{directory}' is no abfs://CONTAINER@ACCOUNT.dfs.core.windows.net URI."
        )
    place = folder.with_path(f"{folder.path}/{jar}")
    host = f"https://{place.account}.dfs.core.windows.net"
    url = f"{host}/{place.container}/{place.path}?upn=false&action=getStatus&timeout=90"
    try:
        require_readable_container(tenant, identity_object_id(cluster), place.account, place.container)
    except AzureError as error:
        failure = f'Operation failed: "{error.message}", {error.status}, HEAD, {url}'
        raise _jar_failure(f"{failure}, {error.code}") from error
    document = paths.find(tenant, place)
    if document is None or document["directory"]:
        raise _jar_failure(f'Operation failed: "The specified path does not exist.", 404, HEAD, {url}, PathNotFound')
    file = contents.path_of(tenant, str(document["content"]))
    return jobs.JarFile(name=jar, file=file, size=int(document["size"]))


operations.actions[KIND] = _run_action
