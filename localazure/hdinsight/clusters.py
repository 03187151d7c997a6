"""HDInsight on AKS (Microsoft.HDInsight/clusterpools): cluster pools, clusters, and the jobs of Flink clusters.

The service was retired on 31 January 2025; its API is that of azure-mgmt-hdinsightcontainers.
https://learn.microsoft.com/azure/hdinsight-aks/
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, operations, regions, resources
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import REGION, SEEDED_CLUSTER, SEEDED_IDENTITY, SUBSCRIPTION
from localazure.hdinsight import flink_jobs

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

POOL = "Microsoft.HDInsight/clusterpools"
CLUSTER = f"{POOL}/clusters"
_POOLS = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.HDInsight/clusterpools"
_POOL = _POOLS + "/{pool}"
_CLUSTERS = _POOL + "/clusters"
_CLUSTER = _CLUSTERS + "/{cluster}"
_RESULTS = f"{SUBSCRIPTION}/providers/Microsoft.HDInsight/locations/{REGION}/operationresults"
_ANYBODY = "whoever knows the operation's id, as with every ARM operation"


def _seed(world: World) -> None:
    """Store the pool and cluster of a new tenant; responses add the ids of the cluster's identity."""
    pool = SEEDED_CLUSTER.rsplit("/clusters/", 1)[0]
    resources.put(world, _document(pool, POOL, {"location": REGION, "tags": {}}, _seeded_pool()))
    resources.put(world, _document(SEEDED_CLUSTER, CLUSTER, {"location": REGION, "tags": {}}, _seeded_cluster()))


SERVICE = arm_service(
    "hdinsight",
    r".*/providers/Microsoft\.HDInsight/.*",
    (
        *("2021-09-15-preview", "2023-06-01-preview", "2023-11-01-preview"),
        *("2024-04-01-preview", "2024-05-01-preview"),
    ),
    seed=_seed,
)


@SERVICE.route("GET", _POOL, action=f"{POOL}/read")
def get_pool(call: Call) -> Reply:
    """Show a pool."""
    return Reply(body=resources.response_body(_pool(call)))


@SERVICE.route("PUT", _POOL, action=f"{POOL}/write")
def create_pool(call: Call) -> Reply:
    """Create or replace a pool."""
    return _put(call, POOL, call.params["pool"])


@SERVICE.route("PATCH", _POOL, action=f"{POOL}/write")
def update_pool(call: Call) -> Reply:
    """Update tags, and properties to any depth."""
    return _patch(call, _pool(call))


@SERVICE.route("DELETE", _POOL, action=f"{POOL}/delete")
def delete_pool(call: Call) -> Reply:
    """Delete a pool. Raises 409 if it has clusters."""
    groups.require_group(call)
    pool = resources.find(call.world, groups.resource_id(call, POOL, call.params["pool"]))
    if pool is not None and any(resources.list_of_type(call.world, CLUSTER, pool["id"])):
        message = "The cluster pool has clusters; delete them first."
        raise AzureError(status=409, code="ClusterPoolNotEmpty", message=message)
    return _delete(call, pool)


@SERVICE.route("GET", _POOLS, action=f"{POOL}/read")
def list_pools(call: Call) -> Reply:
    """List the pools of a resource group."""
    group = groups.require_group(call)
    return _list_reply(call, list(resources.list_of_type(call.world, POOL, group["id"])))


@SERVICE.route("GET", "/subscriptions/{subscription}/providers/Microsoft.HDInsight/clusterpools", action=f"{POOL}/read")
def list_all_pools(call: Call) -> Reply:
    """List the pools of the subscription."""
    return _list_reply(call, list(resources.list_of_type(call.world, POOL, SUBSCRIPTION)))


@SERVICE.route("GET", _CLUSTER, action=f"{CLUSTER}/read")
def get_cluster(call: Call) -> Reply:
    """Show a cluster with its identity."""
    return Reply(body=resources.response_body(flink_jobs.fill_in_identity(call.world, _cluster(call))))


@SERVICE.route("GET", _CLUSTERS, action=f"{CLUSTER}/read")
def list_clusters(call: Call) -> Reply:
    """List the clusters of a pool."""
    pool = _pool(call)
    return _list_reply(call, list(resources.list_of_type(call.world, CLUSTER, pool["id"])))


@SERVICE.route("PUT", _CLUSTER, action=f"{CLUSTER}/write")
def create_cluster(call: Call) -> Reply:
    """Create or replace a cluster; stored as sent, so its identity may be in either profile or both."""
    _pool(call)
    properties = bodies.requested_properties(call.json())
    missing = [name for name in ("clusterType", "computeProfile", "clusterProfile") if not properties.get(name)]
    if missing:
        message = f"The request content is invalid: properties.{missing[0]} is required."
        raise AzureError(status=400, code="InvalidRequestContent", message=message)
    return _put(call, CLUSTER, call.params["pool"], call.params["cluster"])


@SERVICE.route("PATCH", _CLUSTER, action=f"{CLUSTER}/write")
def update_cluster(call: Call) -> Reply:
    """Update tags, and properties to any depth."""
    return _patch(call, _cluster(call))


@SERVICE.route("DELETE", _CLUSTER, action=f"{CLUSTER}/delete")
def delete_cluster(call: Call) -> Reply:
    """Delete a cluster and its jobs."""
    groups.require_group(call)
    names = (call.params["pool"], call.params["cluster"])
    return _delete(call, resources.find(call.world, groups.resource_id(call, CLUSTER, *names)))


@SERVICE.route("POST", _CLUSTER + "/runJob", action=f"{CLUSTER}/runjob/action")
def run_job(call: Call) -> Reply:
    """Accept an action on a job. The Location shows the job once the action has succeeded or failed."""
    cluster = flink_jobs.fill_in_identity(call.world, _cluster(call))
    if str(cluster["properties"].get("clusterType", "")).lower() != "flink":
        raise AzureError(status=400, code="BadRequest", message="Jobs can be run on clusters of type Flink only.")
    operation = flink_jobs.begin_action(call.world, cluster, bodies.requested_properties(call.json()))
    return operations.accepted(call, operation, _RESULTS)


@SERVICE.route("GET", _CLUSTER + "/jobs", action=f"{CLUSTER}/jobs/read")
def list_jobs(call: Call) -> Reply:
    """List jobs, by `$filter`."""
    documents = flink_jobs.list_jobs(call.world, _cluster(call), call.query.get("$filter", ""))
    return Reply(body={"value": [flink_jobs.response_body(job) for job in documents]})


@SERVICE.route(
    "GET",
    "/subscriptions/{subscription}/providers/Microsoft.HDInsight/locations/{location}/operationresults/{operation}",
    action=None,
    why=_ANYBODY,
)
def get_result(call: Call) -> Reply:
    """Answer 202 until an operation is done, then its job or resource."""
    operations.run_due(call.world)
    flink_jobs.refresh(call.world)
    reply = operations.poll(call, call.params["operation"])
    return replace(reply, body=flink_jobs.response_body(reply.body)) if reply.body else reply


@SERVICE.route(
    "GET",
    "/subscriptions/{subscription}/providers/Microsoft.HDInsight/locations/{location}/operationstatuses/{operation}",
    action=None,
    why=_ANYBODY,
)
def get_status(call: Call) -> Reply:
    """Show the status of an operation."""
    return operations.poll_async(call, call.params["operation"])


def _pool(call: Call) -> Document:
    return groups.require_resource(call, POOL, call.params["pool"])


def _cluster(call: Call) -> Document:
    return groups.require_resource(call, CLUSTER, call.params["pool"], call.params["cluster"])


def _put(call: Call, resource_type: str, *names: str) -> Reply:
    groups.require_group(call)
    body, world = call.json(), call.world
    key = groups.resource_id(call, resource_type, *names)
    existing = resources.find(world, key)
    location = regions.required_location(body)
    if existing is not None:
        regions.check_location_unchanged(existing, location)
    envelope = {"location": location, "tags": bodies.check_tags(body.get("tags"))}
    base = existing["properties"] if existing else _new_properties(world)
    properties = {**base, **bodies.requested_properties(body), "provisioningState": "Accepted"}
    document = _document(existing["id"] if existing else key, resource_type, envelope, properties)
    flink_jobs.check_profile(document)
    stored = resources.put(world, document)
    operation = operations.begin(world, "succeed", stored["id"], shows=stored["id"])
    path = _RESULTS.replace("operationresults", "operationstatuses")
    response = resources.response_body(flink_jobs.fill_in_identity(world, stored))
    return operations.accepted_async(call, operation, path, status=200 if existing else 201, body=response)


def _new_properties(world: World) -> Document:
    return {"deploymentId": world.clock.new_id().replace("-", ""), "status": "Running"}


def _patch(call: Call, document: Document) -> Reply:
    body = call.json()
    if "tags" in body:
        document["tags"] = bodies.check_tags(body["tags"])
    document["properties"] = _merged(document["properties"], bodies.requested_properties(body))
    flink_jobs.check_profile(document)
    stored = resources.put(call.world, document)
    return Reply(body=resources.response_body(flink_jobs.fill_in_identity(call.world, stored)))


def _merged(old: Document, new: Document) -> Document:
    """Merge new properties into old ones, objects member by member."""
    merged = {**old, **new}
    for name, value in new.items():
        before: Any = old.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[name] = _merged(cast("Document", before), cast("Document", value))
    return merged


def _delete(call: Call, document: Document | None) -> Reply:
    if document is None:
        return Reply(status=204)
    document["properties"]["provisioningState"] = "Deleting"
    resources.put(call.world, document)
    return operations.accepted(call, operations.begin(call.world, "delete", document["id"]), _RESULTS)


def _list_reply(call: Call, found: list[Document]) -> Reply:
    return Reply(
        body={
            "value": [resources.response_body(flink_jobs.fill_in_identity(call.world, document)) for document in found]
        }
    )


def _document(resource_id: str, resource_type: str, envelope: Document, properties: Document) -> Document:
    identity = {"id": resource_id, "name": resource_id.rsplit("/", 1)[-1], "type": resource_type}
    return {**identity, **envelope, "properties": properties}


def _seeded_pool() -> Document:
    return {
        "provisioningState": "Succeeded",
        "status": "Running",
        "deploymentId": "3f1c7a52e0c94f6d8b7a6c5d4e3f2a10",
        "managedResourceGroupName": "hdi-3f1c7a52e0c94f6d8b7a6c5d4e3f2a10",
        "clusterPoolProfile": {"clusterPoolVersion": "1.2"},
        "computeProfile": {"vmSize": "Standard_D4a_v4", "count": 3},
    }


def _seeded_cluster() -> Document:
    """Return properties with the identity in both profiles, as on clusters written with both api-versions."""
    return {
        "provisioningState": "Succeeded",
        "clusterType": "Flink",
        "deploymentId": "8d2b6f4e1a934c07b5e9f0a1c2d3e4f5",
        "status": "Running",
        "computeProfile": {
            "nodes": [
                {"type": "head", "vmSize": "Standard_D8d_v5", "count": 2},
                {"type": "worker", "vmSize": "Standard_D8d_v5", "count": 3},
            ]
        },
        "clusterProfile": {
            "clusterVersion": "1.2.0",
            "ossVersion": "1.17.0",
            "identityProfile": {"msiResourceId": SEEDED_IDENTITY},
            "managedIdentityProfile": {"identityList": [{"type": "cluster", "resourceId": SEEDED_IDENTITY}]},
            "authorizationProfile": {"userIds": [], "groupIds": []},
            "connectivityProfile": {"web": {"fqdn": f"flink-cluster.flink-pool.{REGION}.hdinsightaks.net"}, "ssh": []},
            "flinkProfile": {
                "storage": {"storageUri": "abfs://flink@flinkclusterstore.dfs.core.windows.net"},
                "jobManager": {"cpu": 1, "memory": 2000},
                "taskManager": {"cpu": 2, "memory": 2000},
                "deploymentMode": "Session",
            },
        },
    }
