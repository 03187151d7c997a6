"""Flink on HDInsight on AKS: a cluster that is given, with the identity that reads the jar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds.flink_cluster import FlinkCluster
from provisioner.model import Address, Node, Ref
from provisioner.recipe.target import Flink

if TYPE_CHECKING:
    from provisioner.spec.model import Environment

FLINK = Address("flink_cluster", "flink")


def declare(environment: Environment) -> Flink:
    """The cluster, looked up and never made."""
    return Flink(
        nodes=(Node(address=FLINK, desired=FlinkCluster(id=environment.cluster_id)),),
        address=FLINK,
        scope=environment.cluster_id,
        identity=Ref(FLINK, "identity_object_id"),
    )
