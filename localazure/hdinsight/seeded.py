"""The properties of the cluster pool and the Flink cluster that a new tenant contains, and what every pool gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.tenant import REGION, SEEDED_IDENTITY, SUBSCRIPTION

if TYPE_CHECKING:
    from localazure.app.store import Document


# On a cluster it is spelt as whoever made the cluster wrote it: recorded in azure-cli-extensions,
# hdinsightonaks/tests/latest/recordings/test_create_cluster.yaml.
_IDENTITY = SEEDED_IDENTITY.replace("/resourcegroups/", "/resourceGroups/")
_POOL_DEPLOYMENT = "3f1c7a52e0c94f6d8b7a6c5d4e3f2a10"


def pool_properties() -> Document:
    """Return the properties of the pool."""
    return {
        "provisioningState": "Succeeded",
        **properties_added_to_pool("flink-pool", _POOL_DEPLOYMENT, REGION),
        "clusterPoolProfile": {"clusterPoolVersion": "1.2"},
        "computeProfile": {"vmSize": "Standard_D4a_v4", "count": 3},
    }


def properties_added_to_pool(name: str, deployment: str, location: str) -> Document:
    """Return the properties that the service adds to a pool: those of its Kubernetes cluster."""
    group = f"hdi-{deployment}"
    cluster_id = f"{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters/{name}"
    return {
        "deploymentId": deployment,
        "status": "Running",
        "managedResourceGroupName": group,
        "aksManagedResourceGroupName": f"MC_{group}_{name}_{location}",
        "aksClusterProfile": {"aksClusterResourceId": cluster_id, "aksVersion": "1.29"},
    }


def properties_added_to_cluster(pool: str, name: str, deployment: str, location: str) -> Document:
    """Return the properties that the service adds to a cluster of a pool: its address."""
    web = {"fqdn": f"{name}.{pool}.{location}.hdinsightaks.net"}
    added: Document = {"deploymentId": deployment, "status": "Running"}
    return added | {"clusterProfile": {"connectivityProfile": {"web": web, "ssh": []}}}


def cluster_properties() -> Document:
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
            "identityProfile": {"msiResourceId": _IDENTITY},
            "managedIdentityProfile": {"identityList": [{"type": "cluster", "resourceId": _IDENTITY}]},
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
