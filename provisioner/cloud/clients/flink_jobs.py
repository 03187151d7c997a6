"""The jobs of an HDInsight on AKS Flink cluster, as its management API lists them.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management; the fields are those of
azure-mgmt-hdinsightcontainers 1.0.0b4 (FlinkJobProperties).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.cloud.transport.arm import Arm
from provisioner.model import FlinkJob
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

VERSION = api_version("Microsoft.HDInsight")


class FlinkJobs:
    """Raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def find_job(self, cluster_id: str, name: str) -> FlinkJob | None:
        """The job of that name on the cluster, or None, also without the cluster."""
        items = self._arm.list_all(f"{cluster_id}/jobs", VERSION, {"$filter": f"jobName eq {name}"})
        return next((job for job in map(_job, items) if job.name == name), None)

    def list_jobs(self, cluster_id: str) -> list[FlinkJob]:
        """All jobs of the cluster; none without the cluster."""
        return [*map(_job, self._arm.list_all(f"{cluster_id}/jobs", VERSION))]

    def act(self, cluster_id: str, name: str, action: str) -> None:
        """Have the service do something to a job: CANCEL, SAVEPOINT. It answers before that is done."""
        properties = {"jobType": "FlinkJob", "jobName": name, "action": action}
        self._arm.request("POST", f"{cluster_id}/runJob", VERSION, json={"properties": properties})


def _job(item: Mapping[str, Any]) -> FlinkJob:
    properties: dict[str, Any] = item.get("properties") or {}
    return FlinkJob(
        name=str(properties.get("jobName") or ""),
        id=str(properties.get("jobId") or ""),
        status=str(properties.get("status") or ""),
        args=str(properties.get("args") or ""),
        output=str(properties.get("jobOutput") or ""),
    )


CLIENT = FlinkJobs
