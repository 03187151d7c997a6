"""The jobs of an HDInsight on AKS Flink cluster, as its management API lists them.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management; the fields are those of
azure-mgmt-hdinsightcontainers 1.0.0b4 (FlinkJobProperties).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cloud.transport.arm import Arm

if TYPE_CHECKING:
    from provisioner.cloud.transport.session import Session

VERSION = "2024-05-01-preview"


@dataclass(frozen=True, kw_only=True)
class FlinkJob:
    """One job. id: Flink's own, 32 hexadecimal digits. output: the service's message about its last action."""

    name: str
    id: str
    status: str
    args: str
    output: str


class FlinkJobs:
    """Raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def find_job(self, cluster_id: str, name: str) -> FlinkJob | None:
        """The job of that name on the cluster, or None, also without the cluster."""
        items = self._arm.list_all(f"{cluster_id}/jobs", VERSION, {"$filter": f"jobName eq {name}"})
        for item in items:
            properties: dict[str, Any] = item.get("properties") or {}
            if properties.get("jobName") == name:
                return FlinkJob(
                    name=name,
                    id=str(properties.get("jobId") or ""),
                    status=str(properties.get("status") or ""),
                    args=str(properties.get("args") or ""),
                    output=str(properties.get("jobOutput") or ""),
                )
        return None
