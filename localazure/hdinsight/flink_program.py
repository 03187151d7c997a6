"""The real Flink behind a Flink cluster of HDInsight on AKS.

Its version is that of `flink.lock`, whatever the cluster's `ossVersion` says. `PUT /settings/flink` of the control
endpoint chooses another one that can be installed, by what it begins with: `{"version": "2"}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.program import ProgramSpec
from localazure.app.resource_manager import resources
from localazure.app.runtime import Runtime
from localazure.runtimes import flink
from localazure.runtimes.flink.install import installable_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.tenant import Tenant

TYPE = "Microsoft.HDInsight/clusterpools/clusters"


def _specs(tenant: Tenant) -> Iterator[ProgramSpec]:
    """Yield the spec of a program for every cluster of type Flink."""
    version = installable_version(str((tenant.store.get("settings", flink.KIND) or {}).get("version", "")))
    for cluster in resources.list_of_type(tenant, TYPE):
        if str(cluster["properties"].get("clusterType", "")).lower() == "flink":
            name, resource_id = str(cluster["name"]), str(cluster["id"])
            yield ProgramSpec(resource_id=resource_id, name=name, version=version)


RUNTIME = Runtime(kind=flink.KIND, specs=_specs, prepare=flink.prepare)
