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
    """One job. id: Flink's own, 32 hexadecimal digits. output: what the service tells of its last action."""

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
        """The job of that name on the cluster; None if neither is there."""
        listed = self._arm.list_all(f"{cluster_id}/jobs", VERSION, {"$filter": f"jobName eq {name}"})
        for one in listed:
            told: dict[str, Any] = one.get("properties") or {}
            if told.get("jobName") == name:
                return FlinkJob(
                    name=name,
                    id=str(told.get("jobId") or ""),
                    status=str(told.get("status") or ""),
                    args=str(told.get("args") or ""),
                    output=str(told.get("jobOutput") or ""),
                )
        return None
