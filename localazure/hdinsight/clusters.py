"""HDInsight on AKS (Microsoft.HDInsight/clusterpools): cluster pools, clusters, and the jobs of Flink clusters.

The service was retired on 31 January 2025; its API is that of azure-mgmt-hdinsightcontainers.
https://learn.microsoft.com/azure/hdinsight-aks/
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, operations, regions, resources
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import OPERATOR_CLIENT_ID, REGION, SEEDED_CLUSTER, SUBSCRIPTION
from localazure.hdinsight import cluster_operations, flink_jobs, profiles, seeded

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

POOL = "Microsoft.HDInsight/clusterpools"
CLUSTER = f"{POOL}/clusters"
_POOLS = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.HDInsight/clusterpools"
_POOL = _POOLS + "/{pool}"
_CLUSTERS = _POOL + "/clusters"
_CLUSTER = _CLUSTERS + "/{cluster}"


def _seed(tenant: Tenant) -> None:
    """Store the pool and cluster of a new tenant; responses add the ids of the cluster's identity."""
    pool = SEEDED_CLUSTER.rsplit("/clusters/", 1)[0]
    envelope: Document = {"location": REGION, "tags": {}, "systemData": _system_data(tenant, OPERATOR_CLIENT_ID, None)}
    resources.put(tenant, _document(pool, POOL, envelope, seeded.pool_properties()))
    resources.put(tenant, _document(SEEDED_CLUSTER, CLUSTER, envelope, seeded.cluster_properties()))


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
    return _resource_reply(call, _require_pool(call))


@SERVICE.route("PUT", _POOL, action=f"{POOL}/write")
def create_or_update_pool(call: Call) -> Reply:
    """Create a pool: 201; of an existing one the properties in the body are replaced: 200."""
    return _create_or_update(call, POOL, call.params["pool"])


@SERVICE.route("PATCH", _POOL, action=f"{POOL}/write")
def update_pool(call: Call) -> Reply:
    """Update tags, and properties to any depth."""
    return _patch(call, _require_pool(call))


@SERVICE.route("DELETE", _POOL, action=f"{POOL}/delete")
def delete_pool(call: Call) -> Reply:
    """Delete a pool. Raises 409 if it has clusters."""
    groups.require_usable_group(call)
    pool = resources.find(call.tenant, groups.resource_id(call, POOL, call.params["pool"]))
    if pool is not None and any(resources.list_of_type(call.tenant, CLUSTER, pool["id"])):
        message = "The cluster pool has clusters; delete them first."
        raise AzureError(status=409, code="ClusterPoolNotEmpty", message=message)
    return _delete(call, pool)


@SERVICE.route("GET", _POOLS, action=f"{POOL}/read")
def list_pools(call: Call) -> Reply:
    """List the pools of a resource group."""
    group = groups.require_usable_group(call)
    return _list_reply(call, list(resources.list_of_type(call.tenant, POOL, group["id"])))


@SERVICE.route("GET", "/subscriptions/{subscription}/providers/Microsoft.HDInsight/clusterpools", action=f"{POOL}/read")
def list_all_pools(call: Call) -> Reply:
    """List the pools of the subscription."""
    return _list_reply(call, list(resources.list_of_type(call.tenant, POOL, SUBSCRIPTION)))


@SERVICE.route("GET", _CLUSTER, action=f"{CLUSTER}/read")
def get_cluster(call: Call) -> Reply:
    """Show a cluster with its identity."""
    return _resource_reply(call, _require_cluster(call))


@SERVICE.route("GET", _CLUSTERS, action=f"{CLUSTER}/read")
def list_clusters(call: Call) -> Reply:
    """List the clusters of a pool."""
    pool = _require_pool(call)
    return _list_reply(call, list(resources.list_of_type(call.tenant, CLUSTER, pool["id"])))


@SERVICE.route("PUT", _CLUSTER, action=f"{CLUSTER}/write")
def create_or_update_cluster(call: Call) -> Reply:
    """Create a cluster, or replace those properties of one that the body has.

    Its identity may be in either profile or both, as sent.
    """
    _require_pool(call)
    properties = bodies.requested_properties(call.json())
    missing = [name for name in ("clusterType", "computeProfile", "clusterProfile") if not properties.get(name)]
    if missing:
        message = f"The request content is invalid: properties.{missing[0]} is required."
        raise AzureError(status=400, code="InvalidRequestContent", message=message)
    return _create_or_update(call, CLUSTER, call.params["pool"], call.params["cluster"])


@SERVICE.route("PATCH", _CLUSTER, action=f"{CLUSTER}/write")
def update_cluster(call: Call) -> Reply:
    """Update tags, and properties to any depth."""
    return _patch(call, _require_cluster(call))


@SERVICE.route("DELETE", _CLUSTER, action=f"{CLUSTER}/delete")
def delete_cluster(call: Call) -> Reply:
    """Delete a cluster and its jobs."""
    groups.require_usable_group(call)
    names = (call.params["pool"], call.params["cluster"])
    return _delete(call, resources.find(call.tenant, groups.resource_id(call, CLUSTER, *names)))


@SERVICE.route("POST", _CLUSTER + "/runJob", action=f"{CLUSTER}/runjob/action")
def run_job(call: Call) -> Reply:
    """Accept an action on a job. The Location shows the job once the action has succeeded or failed."""
    cluster = profiles.fill_in_identity(call.tenant, _require_cluster(call))
    if str(cluster["properties"].get("clusterType", "")).lower() != "flink":
        raise AzureError(status=400, code="BadRequest", message="Jobs can be run on clusters of type Flink only.")
    operation = flink_jobs.begin_action(call.tenant, cluster, bodies.requested_properties(call.json()))
    return operations.accepted_reply(call, operation, cluster_operations.RESULTS)


@SERVICE.route("GET", _CLUSTER + "/jobs", action=f"{CLUSTER}/jobs/read")
def list_jobs(call: Call) -> Reply:
    """List jobs, by `$filter`."""
    documents = flink_jobs.list_jobs(call.tenant, _require_cluster(call), call.query.get("$filter", ""))
    return Reply(body={"value": [flink_jobs.response_body(job) for job in documents]})


def _require_pool(call: Call) -> Document:
    return groups.require_resource(call, POOL, call.params["pool"])


def _require_cluster(call: Call) -> Document:
    return groups.require_resource(call, CLUSTER, call.params["pool"], call.params["cluster"])


def _create_or_update(call: Call, resource_type: str, *names: str) -> Reply:
    groups.require_usable_group(call)
    body, tenant = call.json(), call.tenant
    key = groups.resource_id(call, resource_type, *names)
    existing = resources.find(tenant, key)
    location = regions.require_location(body)
    if existing is not None:
        regions.refuse_location_change(existing, location)
    envelope = {"location": location, "tags": bodies.validated_tags(body.get("tags"))}
    requested = bodies.requested_properties(body)
    properties = (
        {**existing["properties"], **requested}
        if existing
        else _merged(_added_properties(tenant, names[0], "".join(names[1:]), location), requested)
    ) | {"provisioningState": "Accepted"}
    document = _document(existing["id"] if existing else key, resource_type, envelope, properties)
    document["systemData"] = _system_data(tenant, call.authenticated_caller.app_id, existing)
    profiles.check_profile(document)
    stored = resources.put(tenant, document)
    operation = operations.begin(tenant, "succeed", stored["id"], shows=stored["id"])
    # A 201 shows what was asked for; what the service adds comes with the next GET. Recorded in azure-cli-extensions,
    # hdinsightonaks/tests/latest/recordings: test_clusterpool_operations.yaml and test_create_cluster.yaml.
    asked = requested | {"provisioningState": "Accepted"}
    reply = _resource_reply(call, stored if existing else {**stored, "properties": asked})
    headers = {"Azure-AsyncOperation": cluster_operations.status_url(call, operation, location), **operations.POLL}
    return replace(reply, status=200 if existing else 201, headers={**reply.headers, **headers})


def _added_properties(tenant: Tenant, pool_name: str, cluster_name: str, location: str) -> Document:
    """The properties that the service adds to a new pool, or to a new cluster of a pool."""
    deployment = tenant.clock.new_id().replace("-", "")
    if cluster_name:
        return seeded.properties_added_to_cluster(pool_name, cluster_name, deployment, location)
    return seeded.properties_added_to_pool(pool_name, deployment, location)


def _patch(call: Call, document: Document) -> Reply:
    body = call.json()
    if "tags" in body:
        document["tags"] = bodies.validated_tags(body["tags"])
    document["properties"] = _merged(document["properties"], bodies.requested_properties(body))
    profiles.check_profile(document)
    return _resource_reply(call, resources.put(call.tenant, document))


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
    resources.put(call.tenant, document)
    operation = operations.begin(call.tenant, "delete", document["id"])
    reply = operations.accepted_reply(call, operation, cluster_operations.RESULTS)
    status_url = cluster_operations.status_url(call, operation, str(document["location"]))
    return replace(reply, headers={**reply.headers, "Azure-AsyncOperation": status_url})


def _system_data(tenant: Tenant, app_id: str, existing: Document | None) -> Document:
    """Who created the resource and who changed it last, and when."""
    now = f"{tenant.clock.now():%Y-%m-%dT%H:%M:%S.%f}0Z"
    created = {"createdBy": app_id, "createdByType": "Application", "createdAt": now}
    modified = {"lastModifiedBy": app_id, "lastModifiedByType": "Application", "lastModifiedAt": now}
    return {**((existing or {}).get("systemData") or created), **modified}


def _resource_reply(call: Call, document: Document) -> Reply:
    """Return a pool or cluster with the ids of its identity; its etag, another after each change, is in a header."""
    body = resources.response_body(profiles.fill_in_identity(call.tenant, document))
    changed = str(document["_changed_time"])
    digest = hashlib.sha256(f"{document['id']} {changed}".encode()).hexdigest()
    seconds = int(datetime.fromisoformat(changed).timestamp())
    return Reply(body=body, headers={"ETag": f'"{digest[:8]}-0000-0200-0000-{seconds:x}0000"'})


def _list_reply(call: Call, found: list[Document]) -> Reply:
    return Reply(
        body={
            "value": [resources.response_body(profiles.fill_in_identity(call.tenant, document)) for document in found]
        }
    )


def _document(resource_id: str, resource_type: str, envelope: Document, properties: Document) -> Document:
    identity = {"id": resource_id, "name": resource_id.rsplit("/", 1)[-1], "type": resource_type.lower()}
    return {**identity, **envelope, "properties": properties}
