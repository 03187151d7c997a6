"""The real Flink behind a Flink cluster of HDInsight on AKS.

The version is that of `flink.lock`, whatever the cluster's `ossVersion` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.program import ProgramSpec
from localazure.app.resource_manager import resources
from localazure.app.runtime import Runtime
from localazure.runtimes import flink
from localazure.runtimes.flink.install import FLINK_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.world import World

TYPE = "Microsoft.HDInsight/clusterpools/clusters"


def _specs(world: World) -> Iterator[ProgramSpec]:
    """Yield the spec of a program for every cluster of type Flink."""
    for cluster in resources.list_of_type(world, TYPE):
        if str(cluster["properties"].get("clusterType", "")).lower() == "flink":
            name, resource_id = str(cluster["name"]), str(cluster["id"])
            yield ProgramSpec(resource_id=resource_id, name=name, version=FLINK_VERSION)


RUNTIME = Runtime(kind=flink.KIND, specs=_specs, prepare=flink.prepare)
