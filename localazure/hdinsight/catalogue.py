"""The versions and free names that HDInsight on AKS offers in a region, and the health of a cluster's services.

https://learn.microsoft.com/rest/api/hdinsightonaks/available-cluster-versions and …/clusters/list-instance-views
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import groups, regions, resources
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

POOL = "Microsoft.HDInsight/clusterpools"
CLUSTER = f"{POOL}/clusters"
SERVICE = arm_service(
    "hdinsight catalogue",
    r".*/providers/Microsoft\.HDInsight/(locations/[^/]+/(available|check)[^/]+|clusterpools/.*/(instanceViews|serviceConfigs)(/default)?)/?",
    ("2023-06-01-preview", "2023-11-01-preview", "2024-05-01-preview"),
)
_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.HDInsight/locations/{location}"
_CLUSTER = (
    "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.HDInsight/clusterpools/{pool}"
    "/clusters/{cluster}"
)
_ACTION = "Microsoft.HDInsight/locations"
_NAME = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(-[a-z0-9]+)*", re.IGNORECASE)
_POOL_VERSIONS = {"1.0": "1.26", "1.1": "1.27", "1.2": "1.29"}  # with the version of Kubernetes each runs on
_FLINK_VERSIONS = (
    *(("1.0.6", "1.16.0"), ("1.1.0", "1.16.0"), ("1.1.1", "1.17.0")),
    *(("1.2.0", "1.17.0"), ("1.2.1", "1.17.0")),
)
_HIVE = {"name": "Hive Metastore", "version": "3.1.2"}


@SERVICE.route(
    "GET", f"{_LOCATION}/availableClusterPoolVersions", action=f"{_ACTION}/availableClusterPoolVersions/read"
)
def list_pool_versions(call: Call) -> Reply:
    """List the versions of cluster pools."""
    versions = [
        _version_document(
            call, "availableClusterPoolVersions", version, {"clusterPoolVersion": version, "aksVersion": aks}
        )
        for version, aks in _POOL_VERSIONS.items()
    ]
    return Reply(body={"value": versions})


@SERVICE.route("GET", f"{_LOCATION}/availableClusterVersions", action=f"{_ACTION}/availableClusterVersions/read")
def list_cluster_versions(call: Call) -> Reply:
    """List the versions of Flink clusters, the only type that runs here."""
    versions: list[Document] = []
    for version, oss in _FLINK_VERSIONS:
        cluster = {"clusterType": "Flink", "clusterVersion": version, "ossVersion": oss}
        components = [{"name": "Flink", "version": oss}, _HIVE]
        pool = {"clusterPoolVersion": version.rpartition(".")[0], "components": components}
        versions.append(
            _version_document(call, "availableClusterVersions", f"flink_{oss}-{version}", {**cluster, **pool})
        )
    return Reply(body={"value": versions})


@SERVICE.route("POST", f"{_LOCATION}/checkNameAvailability", action=f"{_ACTION}/checkNameAvailability/action")
def check_name(call: Call) -> Reply:
    """Check whether the name `pool` or `pool/cluster` is free."""
    body = call.json()
    name, kind = str(body.get("name", "")), str(body.get("type", ""))
    if kind.lower() not in {POOL.lower(), CLUSTER.lower()}:
        message = f"The type '{kind}' has no names to check: {POOL} or {CLUSTER}."
        raise AzureError(status=400, code="InvalidRequestContent", message=message)
    names = name.split("/")
    if len(names) != kind.count("/") or not all(_NAME.fullmatch(one) for one in names):
        return _name_unavailable("Invalid", f"The name '{name}' is invalid.")
    existing = resources.list_of_type(call.tenant, kind, SUBSCRIPTION)
    if any(str(document["id"]).lower().endswith(_pool_or_cluster_suffix(names)) for document in existing):
        return _name_unavailable("AlreadyExists", f"The name '{name}' is in use.")
    return Reply(body={"nameAvailable": True})


@SERVICE.route("GET", f"{_CLUSTER}/instanceViews", action=f"{CLUSTER}/instanceViews/read")
def list_instance_views(call: Call) -> Reply:
    """List the one instance view of a cluster."""
    return Reply(body={"value": [_instance_view(_require_cluster(call))]})


@SERVICE.route("GET", f"{_CLUSTER}/instanceViews/default", action=f"{CLUSTER}/instanceViews/read")
def get_instance_view(call: Call) -> Reply:
    """Show the instance view of a cluster."""
    return Reply(body=_instance_view(_require_cluster(call)))


@SERVICE.route("GET", f"{_CLUSTER}/serviceConfigs", action=f"{CLUSTER}/serviceConfigs/read")
def list_service_configs(call: Call) -> Reply:
    """List the changed service configurations of a cluster: none."""
    _require_cluster(call)
    return Reply(body={"value": []})


def _version_document(call: Call, kind: str, name: str, properties: Document) -> Document:
    location = regions.short_location(call.params["location"])
    resource_id = f"{SUBSCRIPTION}/providers/Microsoft.HDInsight/locations/{location}/{kind.lower()}/{name}"
    return {"id": resource_id, "name": name, "properties": {**properties, "isPreview": False}}


def _pool_or_cluster_suffix(pool_and_cluster: list[str]) -> str:
    kinds = ("clusterpools", "clusters")
    return "".join(f"/{kind}/{name}" for kind, name in zip(kinds, pool_and_cluster, strict=False)).lower()


def _name_unavailable(reason: str, message: str) -> Reply:
    return Reply(body={"nameAvailable": False, "reason": reason, "message": message})


def _require_cluster(call: Call) -> Document:
    return groups.require_resource(call, CLUSTER, call.params["pool"], call.params["cluster"])


def _instance_view(cluster: Document) -> Document:
    ready = "true" if cluster["properties"].get("provisioningState") == "Succeeded" else "false"
    status = {"ready": ready, "reason": "", "message": ""}
    services = [{"kind": kind, "ready": ready, "message": ""} for kind in ("JobManager", "TaskManager")]
    return {"name": "default", "properties": {"status": status, "serviceStatuses": services}}
