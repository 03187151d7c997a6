"""Flink on HDInsight on AKS: the cluster is looked up, and a run's configuration may name another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.commands.run import NO_TENANT, names_of
from provisioner.recipe.recipe import declared_targets
from provisioner.recipe.targets.flink import hdinsight_aks
from tests.environment_files import PLATFORM, SUBSCRIPTION, loaded

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = f"{PLATFORM}/Microsoft.HDInsight/clusterpools/pool/clusters/flink"
OTHER = SUBSCRIPTION.replace("0", "1")


def test_the_cluster_is_one_node_and_the_public_one_is_noted_as_retired(tmp_path: Path) -> None:
    public, local = loaded(tmp_path), loaded(tmp_path, cloud="local")
    noted, silent = (declared_targets(one, names_of(one, NO_TENANT)).flink for one in (public, local))
    assert [node.address for node in noted.nodes] == [noted.address]
    assert public.flink.scope == CLUSTER
    assert not any("retired" in note for note in silent.notes)
    assert "retired on 31 January 2025" in noted.notes[-1]


@pytest.mark.parametrize(
    ("conf", "cluster"),
    [
        ({}, CLUSTER),
        ({"clusterNm": "", "jarName": "job.jar"}, CLUSTER),
        ({"subscription": OTHER}, CLUSTER.replace(SUBSCRIPTION, OTHER)),
        ({"subscritpion": OTHER}, CLUSTER.replace(SUBSCRIPTION, OTHER)),  # as the article spells it
        ({"rg": "other"}, CLUSTER.replace("platform", "other")),
        ({"poolNm": "p", "clusterNm": "c"}, f"{PLATFORM}/Microsoft.HDInsight/clusterpools/p/clusters/c"),
    ],
)
def test_a_runs_configuration_leads_to_a_cluster(conf: dict[str, str], cluster: str) -> None:
    assert hdinsight_aks._cluster(CLUSTER, conf) == cluster  # pyright: ignore[reportPrivateUsage]  # needs no cloud
