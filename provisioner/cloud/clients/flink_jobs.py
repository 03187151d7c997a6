"""The jobs of an HDInsight on AKS Flink cluster, as its management API lists them.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management; the fields are those of
azure-mgmt-hdinsightcontainers 1.0.0b4 (FlinkJobProperties).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.cloud.transport.arm import Arm
from provisioner.errors import CloudError, Unexpected, Unreachable
from provisioner.model import FlinkJob
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.session import Session

VERSION = api_version("Microsoft.HDInsight")
STOPPED = "STOPPED"  # with a savepoint
OVER = ("FAILED", "CANCELED", "CANCELLED", "SUSPENDED", "FINISHED", "JOB_LAUNCH_FAILED", "NONE", "")
BUSY = 409
TOO_EARLY = "Not all required tasks are currently running"  # Flink takes no savepoint then


class FlinkJobs:
    """Raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._arm, self._waits = Arm(session), session.waits

    def find_job(self, cluster_id: str, name: str) -> FlinkJob | None:
        """The job of that name on the cluster, or None, also without the cluster."""
        found = self._properties(cluster_id, name)
        return _job(found) if found else None

    def list_jobs(self, cluster_id: str) -> list[FlinkJob]:
        """All jobs of the cluster; none without the cluster."""
        return [_job(item.get("properties") or {}) for item in self._arm.list_all(f"{cluster_id}/jobs", VERSION)]

    def request_action(self, cluster_id: str, name: str, action: str) -> None:
        """Have the service do something to a job: CANCEL, SAVEPOINT. It answers before that is done."""
        properties = {"jobType": "FlinkJob", "jobName": name, "action": action}
        self._arm.request("POST", f"{cluster_id}/runJob", VERSION, json={"properties": properties})

    def stop_with_savepoint(self, cluster_id: str, name: str) -> str:
        """Stop a running job with a savepoint, and wait for that. Returns the savepoint's URI.

        What the service says of the job decides, so a stop that was begun before is waited for. Raises Unexpected if
        there is no savepoint.
        """
        sent, found = False, dict[str, Any]()

        def is_over() -> bool:
            nonlocal sent
            found.clear()
            found.update(self._properties(cluster_id, name))
            if found.get("actionResult") == "IN_PROGRESS":
                return False
            if _is_over(found) or (sent and _has_stop_failed(found)):
                return True
            sent = self._request_stop(cluster_id, name) or sent
            return False

        seconds = self._waits.limits.operation_seconds
        self._waits.until(is_over, what=f"{name} to stop with a savepoint", deadline_seconds=seconds)
        if found.get("status") != STOPPED:
            message = str(found.get("jobOutput") or "the service does not say why")
            raise Unexpected(operation=f"STOP of {name}", message=message, remedy="Look at the job in Flink.")
        return str(found.get("lastSavePoint") or "")

    def _request_stop(self, cluster_id: str, name: str) -> bool:
        """Have the service stop a job, unless it is busy with it. Without an answer, what it says of the job tells."""
        try:
            self.request_action(cluster_id, name, "STOP")
        except Unreachable:
            return False
        except CloudError as error:
            if error.status != BUSY:
                raise
            return False
        return True

    def _properties(self, cluster_id: str, name: str) -> dict[str, Any]:
        """What the service says of the job of that name; empty without one."""
        items = self._arm.list_all(f"{cluster_id}/jobs", VERSION, {"$filter": f"jobName eq {name}"})
        found: list[dict[str, Any]] = [item.get("properties") or {} for item in items]
        return next((one for one in found if one.get("jobName") == name), dict[str, Any]())


def _is_over(properties: Mapping[str, Any]) -> bool:
    """Whether a job does not run any more."""
    return str(properties.get("status") or "") in (STOPPED, *OVER)


def _has_stop_failed(properties: Mapping[str, Any]) -> bool:
    """Whether a stop failed, so that the job runs on, and not because its tasks are only beginning."""
    failed = (properties.get("action"), properties.get("actionResult")) == ("STOP", "FAILED")
    return failed and TOO_EARLY not in str(properties.get("jobOutput"))


def _job(properties: Mapping[str, Any]) -> FlinkJob:
    configuration: Mapping[str, Any] = properties.get("flinkConfiguration") or {}
    return FlinkJob(
        name=str(properties.get("jobName") or ""),
        id=str(properties.get("jobId") or ""),
        status=str(properties.get("status") or ""),
        args=str(properties.get("args") or ""),
        output=str(properties.get("jobOutput") or ""),
        savepoints=str(configuration.get("savepoint.directory") or ""),
    )


CLIENT = FlinkJobs
