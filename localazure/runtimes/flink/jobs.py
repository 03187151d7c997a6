"""Requests for actions on Flink jobs, their results, and the simulation used while no real Flink runs.

The service has checked the call and found the jar with the cluster's identity. `simulate` runs nothing: it returns what
the service would for jobs that succeed. `actions` runs them on a real Flink.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localazure.app.tenant import Tenant

RUNNING, STOPPED, CANCELED, FAILED = "RUNNING", "STOPPED", "CANCELED", "FAILED"
NOT_LAUNCHED = "JOB_LAUNCH_FAILED"  # the service's own status of a job that never reached Flink


@dataclass(frozen=True, kw_only=True)
class JarFile:
    """The jar of a job: the first `size` bytes of a file."""

    name: str
    file: Path
    size: int


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job, and what an action on it needs; `jar` is None for actions that need none.

    savepoint: the URI of the one to start from. names_savepoint: whether the call names it itself.
    """

    cluster_id: str
    name: str
    status: str = ""
    job_id: str = ""
    entry_class: str = ""
    args: str = ""
    jar: JarFile | None = None
    savepoint_directory: str = ""
    savepoint: str = ""
    names_savepoint: bool = False
    configuration: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """The result of an action; `succeeded` False becomes the service's actionResult FAILED."""

    status: str
    job_id: str = ""
    output: str = ""
    savepoint: str = ""
    succeeded: bool = True


def simulate(tenant: Tenant, action: str, job: JobRequest) -> ActionResult:
    """Return the result of an action as if a Flink had run it successfully."""
    if action in {"NEW", "START", "UPDATE", "STATELESS_UPDATE", "LAST_STATE_UPDATE", "RE_LAUNCH"}:
        job_id = tenant.clock.new_id().replace("-", "")
        return ActionResult(status=RUNNING, job_id=job_id, savepoint=job.savepoint, output="Job submitted.")
    if action in {"STOP", "SAVEPOINT"}:
        savepoint = (
            f"{job.savepoint_directory}/savepoint-{job.job_id[:6]}-{tenant.clock.new_id().replace('-', '')[:12]}"
        )
        status = STOPPED if action == "STOP" else job.status
        output = f"Savepoint completed. Path: {savepoint}"
        return ActionResult(status=status, job_id=job.job_id, savepoint=savepoint, output=output)
    if action == "LIST_SAVEPOINT":
        return ActionResult(status=job.status, job_id=job.job_id, savepoint=job.savepoint, output=job.savepoint)
    return ActionResult(status=CANCELED, job_id=job.job_id, savepoint=job.savepoint)
