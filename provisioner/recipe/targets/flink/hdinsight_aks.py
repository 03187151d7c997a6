"""Flink on HDInsight on AKS: a cluster that is given, with the identity that reads the jar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.kinds.flink_cluster import VERSION, FlinkCluster, Outputs
from provisioner.model import Address, Node
from provisioner.recipe.targets.contract import Flink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.spec.model import Environment

FLINK = Address("flink_cluster", "flink")
CLUSTER = "Microsoft.HDInsight/clusterpools/clusters"
ACTIONS = (f"{CLUSTER}/read", f"{CLUSTER}/jobs/read", f"{CLUSTER}/runjob/action")
# Where the DAG's params stand in a cluster's id; the second spelling of the first is the article's.
PARAMS = {2: ("subscription", "subscritpion"), 4: ("rg",), 8: ("poolNm",), 10: ("clusterNm",)}
RETIRED = (
    "HDInsight on AKS was retired on 31 January 2025 "
    "(https://azure.microsoft.com/updates?id=Azure-HDInsight-on-AKS-Retirement)"
)


def declare(environment: Environment) -> Flink:
    """The cluster, looked up and never made."""
    return Flink(
        nodes=(Node(address=FLINK, desired=FlinkCluster(id=environment.cluster_id)),),
        address=FLINK,
        scope=environment.cluster_id,
        api_version=VERSION,
        identity=Outputs.identity_object_id.of(FLINK),
        actions=ACTIONS,
        find_job=lambda cloud, name, conf: cloud.flink_jobs.find_job(_cluster(environment.cluster_id, conf), name),
        notes=() if environment.cloud == "local" else (RETIRED,),
    )


def _cluster(cluster_id: str, conf: Mapping[str, Any]) -> str:
    """The cluster that a run's configuration leads to: its params may name another than the spec's."""
    parts = cluster_id.split("/")
    for place, keys in PARAMS.items():
        parts[place] = next((str(conf[key]) for key in keys if conf.get(key)), parts[place])
    return "/".join(parts)
