"""A cluster pool and the Flink cluster, by azure-mgmt-hdinsightcontainers. Argument: subscription."""

import json
import sys

from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.mgmt.hdinsightcontainers import HDInsightContainersMgmtClient
from azure.mgmt.hdinsightcontainers.models import (
    ClusterJob,
    ClusterResizeData,
    ClusterResizeProperties,
    FlinkJobProperties,
    NameAvailabilityParameters,
    TagsObject,
)

GROUP, POOL, CLUSTER = "flink-platform", "flink-pool", "flink-cluster"
NEW = {
    "location": "eastus2",
    "properties": {
        "clusterPoolProfile": {"clusterPoolVersion": "1.2"},
        "computeProfile": {"vmSize": "Standard_E4s_v3"},
    },
}


def names(resources):
    return [resource.name for resource in resources]


with (
    DefaultAzureCredential() as credential,
    HDInsightContainersMgmtClient(credential, sys.argv[1]) as client,
):
    free = NameAvailabilityParameters(name="pool-two", type="Microsoft.HDInsight/clusterPools")
    assert client.locations.check_name_availability("eastus2", free).name_available
    offered = [one.properties for one in client.available_cluster_pool_versions.list_by_location("eastus2")]
    versions = [one.properties.cluster_type for one in client.available_cluster_versions.list_by_location("eastus2")]
    pool = client.cluster_pools.begin_create_or_update(GROUP, "pool-two", NEW).result()
    found = {
        "offered": "1.2" in [one.cluster_pool_version for one in offered],
        "types": sorted(set(versions)),
        "pool": pool.properties.provisioning_state,
        "pools": sorted(names(client.cluster_pools.list_by_resource_group(GROUP))),
    }
    tagged = client.cluster_pools.begin_update_tags(GROUP, "pool-two", TagsObject(tags={"a": "b"})).result()
    found["tags"] = tagged.tags
    assert list(client.cluster_pool_available_upgrades.list(GROUP, "pool-two")) == []
    client.cluster_pools.begin_delete(GROUP, "pool-two").result()
    assert names(client.cluster_pools.list_by_subscription()) == [POOL]
    assert names(client.clusters.list_by_cluster_pool_name(GROUP, POOL)) == [CLUSTER]
    cluster = client.clusters.get(GROUP, POOL, CLUSTER)
    found |= {
        "type": cluster.properties.cluster_type,
        "mode": cluster.properties.cluster_profile.flink_profile.deployment_mode,
    }
    count = ClusterResizeProperties(target_worker_node_count=4)
    resize = ClusterResizeData(location=cluster.location, properties=count)
    resized = client.clusters.begin_resize(GROUP, POOL, CLUSTER, resize).result()
    nodes = resized.properties.compute_profile.nodes
    found["workers"] = [node.count for node in nodes if node.type == "worker"]
    stop = FlinkJobProperties(job_name="nobody", action="STOP")
    try:
        client.cluster_jobs.begin_run_job(GROUP, POOL, CLUSTER, ClusterJob(properties=stop)).result()
    except HttpResponseError as error:
        found["refused"] = error.status_code
    found["jobs"] = [job.name for job in client.cluster_jobs.list(GROUP, POOL, CLUSTER)]
    found["upgrades"] = list(client.cluster_available_upgrades.list(GROUP, POOL, CLUSTER))
    found["libraries"] = list(client.cluster_libraries.list(GROUP, POOL, CLUSTER, category="custom"))
    found["configured"] = list(client.clusters.list_service_configs(GROUP, POOL, CLUSTER))
    found["views"] = [view.name for view in client.clusters.list_instance_views(GROUP, POOL, CLUSTER)]
print(json.dumps(found))
