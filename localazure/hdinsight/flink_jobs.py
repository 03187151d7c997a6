"""The jobs of a Flink cluster: what a runJob call must say, what becomes of it, kept as children of the cluster.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from localazure.app import contents
from localazure.app.call import AzureError
from localazure.app.json_body import object_at, objects_at
from localazure.app.resource_manager import operations, resources
from localazure.runtimes import flink
from localazure.runtimes.flink import actions, jobs
from localazure.runtimes.flink.cluster import TERMINAL
from localazure.storage.data import paths
from localazure.storage.data.storage_access import readable_container

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.store import Document
    from localazure.app.world import World
    from localazure.runtimes.flink.cluster import Cluster

TYPE = "Microsoft.HDInsight/clusterpools/clusters/jobs"
KIND = "flink-job"
# What needs the jar, and what a job must be doing for it.
_LAUNCHING = {"NEW", "START", "UPDATE", "STATELESS_UPDATE", "LAST_STATE_UPDATE", "RE_LAUNCH"}
_OTHERS = {"STOP", "CANCEL", "SAVEPOINT", "LIST_SAVEPOINT", "DELETE"}
_NEEDS_RUNNING = {"STOP", "SAVEPOINT", "CANCEL", "UPDATE", "LAST_STATE_UPDATE"}
_NEEDS_ENDED = {"START", "DELETE"}
_LOST = "The Flink that ran the job has ended, and the job with it."
_POOL = ThreadPoolExecutor(max_workers=8, thread_name_prefix="flink")  # an action waits for Flink, not for us
_REQUIRED = ("jobJarDirectory", "jarName", "entryClass", "flinkConfiguration")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_URI = re.compile(r"abfss?://([^@/]+)@([^./]+)\.dfs\.core\.windows\.net(/.*)?", re.IGNORECASE)
_READONLY = ("jobId", "status", "jobOutput", "actionResult", "lastSavePoint")


def begin_action(world: World, cluster: Document, properties: Document) -> Document:
    """The operation that a valid runJob call starts; 400, 404 or 409 for one that is not."""
    name, action = _checked(properties)
    refresh(world)
    key = f"{cluster['id']}/jobs/{name}"
    known = resources.find(world, key)
    if action == "NEW" and known is not None:
        raise AzureError(status=409, code="Conflict", message=f"A job with the name '{name}' exists already.")
    if action != "NEW" and known is None:
        raise AzureError(status=404, code="JobNotFound", message=f"There is no job with the name '{name}'.")
    asked = {key: value for key, value in properties.items() if key not in _READONLY}
    before = {key: value for key, value in (known or {}).get("properties", {}).items() if key != "savePointName"}
    if before.get("actionResult") == "IN_PROGRESS":
        message = f"The action {before['action']} of the job '{name}' is in progress."
        raise AzureError(status=409, code="Conflict", message=message)
    merged = {**before, **asked, "actionResult": "IN_PROGRESS"}
    merged.setdefault("runId", f"job-{world.clock.new_id()[10:]}")
    job: Document = {**(known or {}), "id": key, "name": name, "type": TYPE, "properties": merged}
    resources.put(world, job)
    return operations.begin(world, KIND, key, shows=key)


def response_body(document: Document) -> Document:
    """A job as answers have it: by its run, with neither name nor type of its own."""
    if document["type"] != TYPE:
        return document
    cluster, properties = str(document["id"]).rsplit("/jobs/", 1)[0], document["properties"]
    return {"id": f"{cluster}/jobs/{properties['runId']}", "properties": properties}


def list_jobs(world: World, cluster: Document, filtered: str) -> list[Document]:
    """Jobs of a cluster; the filter is `jobName eq NAME` or `jarName eq NAME`, quoted or not."""
    refresh(world)
    found = [d for d in resources.list_below(world, cluster["id"]) if d["type"] == TYPE]
    if not filtered.strip():
        return found
    term = re.fullmatch(r"\s*(jobName|jarName)\s+eq\s+'?([^']*?)'?\s*", filtered, re.IGNORECASE)
    if term is None:
        message = f"The filter '{filtered}' is not supported."
        raise AzureError(status=400, code="InvalidFilterInQueryString", message=message)
    field = "jobName" if term[1].lower() == "jobname" else "jarName"
    return [document for document in found if document["properties"].get(field) == term[2]]


def check_profile(cluster: Document) -> None:
    """400 for a profile that is not of the right shape."""
    profile = object_at(cluster, "properties", "clusterProfile")
    object_at(profile, "identityProfile")
    object_at(profile, "flinkProfile", "storage")
    objects_at(profile, "managedIdentityProfile", "identityList")
    object_at(cluster, "properties", "computeProfile")


def fill_in_identity(world: World, cluster: Document) -> Document:
    """The client and object ids of an identity, where only its resource id is known."""
    profile = object_at(cluster, "properties", "clusterProfile")
    list_jobs = objects_at(profile, "managedIdentityProfile", "identityList")
    places = [(object_at(profile, "identityProfile"), "msiResourceId", "msiClientId", "msiObjectId")]
    places += [(item, "resourceId", "clientId", "objectId") for item in list_jobs]
    for place, resource_id, client_id, object_id in places:
        identity = resources.find(world, str(place.get(resource_id, ""))) if place else None
        if place and identity and not place.get(object_id):
            place[client_id] = identity["properties"]["clientId"]
            place[object_id] = identity["properties"]["principalId"]
    return cluster


def identity_object_id(cluster: Document) -> str:
    """The object id of the cluster's identity, from either place where it may stand."""
    profile = object_at(cluster, "properties", "clusterProfile")
    old, listed = object_at(profile, "identityProfile"), objects_at(profile, "managedIdentityProfile", "identityList")
    found = (str(item.get("objectId", "")) for item in listed if item.get("type") in {"cluster", "user"})
    return str(old.get("msiObjectId") or next(found, ""))


def _checked(properties: Document) -> tuple[str, str]:
    if properties.get("jobType") != "FlinkJob":
        raise _bad("The jobType must be FlinkJob.")
    action, name = str(properties.get("action", "")), str(properties.get("jobName", ""))
    if action not in _LAUNCHING | _OTHERS:
        raise _bad(f"The action '{action}' is not one of {', '.join(sorted(_LAUNCHING | _OTHERS))}.")
    if not _NAME.fullmatch(name) or len(name) > 63:
        raise _bad(f"The job name '{name}' must be lower-case letters, digits and hyphens.")
    object_at(properties, "flinkConfiguration")
    missing = [field for field in _REQUIRED if not properties.get(field)] if action == "NEW" else []
    if missing:
        raise _bad(f"The properties {', '.join(missing)} are required for the action NEW.")
    if action == "NEW" and not object_at(properties, "flinkConfiguration").get("parallelism"):
        raise _bad("The property flinkConfiguration.parallelism is required for the action NEW.")
    parallelism = str(object_at(properties, "flinkConfiguration").get("parallelism") or 1)
    if not re.fullmatch("[1-9][0-9]{0,4}", parallelism):
        raise _bad(f"The property flinkConfiguration.parallelism '{parallelism}' is no number of 1 or more.")
    return name, action


def _bad(message: str) -> AzureError:
    return AzureError(status=400, code="BadRequest", message=message)


def _run(world: World, operation: Document) -> operations.Completion | None:
    """Do the action of an accepted job; a failure is a result, as the service has it."""
    key = str(operation["target"])
    document, cluster = resources.find(world, key), resources.find(world, key.rsplit("/jobs/", 1)[0])
    if document is None or cluster is None:
        return None
    cluster, asked = fill_in_identity(world, cluster), document["properties"]
    action, status = str(asked["action"]), str(asked.get("status", ""))
    try:
        _check_possible(operation, action, status)
        jar = _fetch(world, cluster, asked) if action in _LAUNCHING else None
    except _Impossible as failed:
        done = jobs.ActionResult(status=status or jobs.NOT_LAUNCHED, output=str(failed), succeeded=False)
        return _note(key, done, world)
    job, behind = _job(cluster, asked, jar), world.runtimes.ready(flink.KIND, str(cluster["id"]))
    if behind is None:
        return _note(key, jobs.simulate(world, action, job), world)
    return _POOL.submit(_on_flink, behind.behind, key, action, job)


def _on_flink(cluster: Cluster, key: str, action: str, job: jobs.JobRequest) -> Callable[[World], None]:
    """In a thread: what is to be noted when Flink has done it."""
    return partial(_note, key, actions.run_action(cluster, action, job), on=cluster.started)


def _check_possible(operation: Document, action: str, status: str) -> None:
    """Whether a job with this status admits the action."""
    if operation.get("begun"):
        raise _Impossible("The local Azure ended while the action was under way.")
    if action in _NEEDS_RUNNING and not is_active(status):
        raise _Impossible(f"The job is not running; {action} is not possible.")
    if action in _NEEDS_ENDED and is_active(status):
        raise _Impossible(f"The job is running; {action} is not possible.")


def is_active(status: str) -> bool:
    """Whether a job with this status still runs or is about to."""
    return status not in {"", jobs.STOPPED, jobs.NOT_LAUNCHED, *TERMINAL}


def _note(key: str, done: jobs.ActionResult, world: World, *, on: str = "") -> None:
    """Write down what came of an action; `on` tells one start of a real Flink from another."""
    document = resources.find(world, key)
    if document is None:
        return
    properties = document["properties"]
    if properties["action"] == "DELETE" and done.succeeded:
        resources.delete(world, key)
        return
    properties |= {
        "actionResult": "SUCCESS" if done.succeeded else "FAILED",
        "status": done.status,
        "jobOutput": done.output,
    }
    properties |= {"jobId": done.job_id} if done.job_id else {}
    properties |= {"lastSavePoint": done.savepoint} if done.savepoint else {}
    resources.put(world, {**document, "_on": on or document.get("_on", "")})


def refresh(world: World) -> None:
    """Take over what real Flinks say of their jobs (not while reads are stale)."""
    if world.store.reads_past:
        return
    for document in list(resources.list_of_type(world, TYPE)):
        properties = document["properties"]
        if document.get("_on") and properties.get("actionResult") != "IN_PROGRESS" and is_active(properties["status"]):
            behind = world.runtimes.ready(flink.KIND, str(document["id"]).rsplit("/jobs/", 1)[0])
            seen = behind.behind.seen.get(properties["jobId"]) if behind else None
            lost = seen is None or behind is None or behind.behind.started != document["_on"]
            state, why = (jobs.FAILED, _LOST) if lost or seen is None else (seen.state, seen.why)
            if state != properties["status"]:
                properties |= {"status": state, **({"jobOutput": why} if why else {})}
                resources.put(world, document)


def _job(cluster: Document, properties: Document, jar: jobs.JarFile | None) -> jobs.JobRequest:
    configuration = object_at(properties, "flinkConfiguration")
    directory = str(configuration.get("savepoint.directory") or _savepoints(cluster))
    return jobs.JobRequest(
        cluster_id=str(cluster["id"]),
        name=str(properties["jobName"]),
        status=str(properties.get("status", "")),
        job_id=str(properties.get("jobId", "")),
        entry_class=str(properties.get("entryClass", "")),
        args=str(properties.get("args") or ""),
        jar=jar,
        savepoint_directory=directory,
        savepoint=_named(properties, directory) or str(properties.get("lastSavePoint", "")),
        named=bool(properties.get("savePointName")),
        configuration={name: str(value) for name, value in configuration.items()},
    )


def _savepoints(cluster: Document) -> str:
    storage = object_at(cluster, "properties", "clusterProfile", "flinkProfile", "storage")
    return f"{storage.get('storageUri', '')}/{cluster['properties'].get('deploymentId', '')}/savepoints"


def _named(properties: Document, directory: str) -> str:
    """The savepoint that the call names: by itself, or with its directory."""
    name = str(properties.get("savePointName") or "")
    return f"{directory.rstrip('/')}/{name}" if name and "://" not in name else name


class _Impossible(Exception):
    """The action cannot be tried."""


def _no_jar(why: str) -> _Impossible:
    """In the service's words; it leaves out why, which is here what Hadoop's file system says."""
    return _Impossible(f"Job execution failed. \nFailed to download jar: {why}")


def _fetch(world: World, cluster: Document, properties: Document) -> jobs.JarFile:
    """The jar, read as the cluster's identity."""
    directory, jar = str(properties.get("jobJarDirectory", "")), str(properties.get("jarName", ""))
    found = _URI.fullmatch(directory)
    if found is None:
        raise _no_jar(f"The jobJarDirectory '{directory}' is no abfs://CONTAINER@ACCOUNT.dfs.core.windows.net URI.")
    container, account, folder = found[1], found[2], (found[3] or "").strip("/")
    place = paths.PathAddress(account=account, container=container, path=f"{folder}/{jar}".strip("/"))
    url = f"https://{account}.dfs.core.windows.net/{container}/{place.path}?upn=false&action=getStatus&timeout=90"
    try:
        readable_container(world, identity_object_id(cluster), account, container)
    except AzureError as error:
        said = f'Operation failed: "{error.message}", {error.status}, HEAD, {url}'
        raise _no_jar(f"{said}, {error.code}") from error
    document = paths.find(world, place)
    if document is None or document["directory"]:
        raise _no_jar(f'Operation failed: "The specified path does not exist.", 404, HEAD, {url}, PathNotFound')
    file = contents.path_of(world, str(document["content"]))
    return jobs.JarFile(name=jar, file=file, size=int(document["size"]))


operations.actions[KIND] = _run
