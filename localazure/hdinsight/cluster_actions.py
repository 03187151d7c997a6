"""What else can be asked of a cluster or pool: to resize it, its upgrades, its libraries.

https://learn.microsoft.com/rest/api/hdinsightonaks/clusters/resize and …/cluster-available-upgrades
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups, operations, resources
from localazure.app.resource_manager.services import arm_service
from localazure.hdinsight import cluster_operations

if TYPE_CHECKING:
    from localazure.app.call import Call

POOL = "Microsoft.HDInsight/clusterpools"
CLUSTER = f"{POOL}/clusters"
SERVICE = arm_service(
    "hdinsight actions",
    r".*/providers/Microsoft\.HDInsight/clusterpools/.*/(resize|availableUpgrades|libraries)/?",
    ("2023-11-01-preview", "2024-05-01-preview"),
)
_POOL = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.HDInsight/clusterpools/{pool}"
_CLUSTER = _POOL + "/clusters/{cluster}"


@SERVICE.route("POST", _CLUSTER + "/resize", action=f"{CLUSTER}/resize/action")
def resize(call: Call) -> Reply:
    """Change the number of workers: 202, and the cluster at the Location."""
    cluster = groups.require_resource(call, CLUSTER, call.params["pool"], call.params["cluster"])
    count = bodies.requested_properties(call.json()).get("targetWorkerNodeCount")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        message = "The request content is invalid: properties.targetWorkerNodeCount must be a positive number."
        raise AzureError(status=400, code="InvalidRequestContent", message=message)
    for node in cluster["properties"]["computeProfile"]["nodes"]:
        if str(node.get("type", "")).lower() == "worker":
            node["count"] = count
    resources.put(call.tenant, cluster)
    operation = operations.begin(call.tenant, "succeed", cluster["id"], shows=cluster["id"])
    return operations.accepted_reply(call, operation, cluster_operations.RESULTS)


@SERVICE.route("GET", _POOL + "/availableUpgrades", action=f"{POOL}/availableUpgrades/read")
def list_pool_upgrades(call: Call) -> Reply:
    """List the upgrades of a pool: none."""
    groups.require_resource(call, POOL, call.params["pool"])
    return Reply(body={"value": []})


@SERVICE.route("GET", _CLUSTER + "/availableUpgrades", action=f"{CLUSTER}/availableUpgrades/read")
@SERVICE.route("GET", _CLUSTER + "/libraries", action=f"{CLUSTER}/libraries/read")
def list_none(call: Call) -> Reply:
    """List the upgrades of a cluster, or its libraries: none, whatever `$category` the call names.

    az recorded libraries of a Spark cluster only (azure-cli-extensions, hdinsightonaks/tests/latest/recordings,
    test_manage_libraries.yaml): `custom` are those that somebody added, and there were none; `predefined` are the
    packages of its notebooks, which a Flink cluster does not have. No recording of a Flink cluster's was found.
    """
    groups.require_resource(call, CLUSTER, call.params["pool"], call.params["cluster"])
    return Reply(body={"value": []})
