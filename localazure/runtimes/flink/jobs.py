"""What is asked of the Flink behind a cluster, and what came of it; and who answers where no real Flink is up.

The service has checked the call and, as the cluster's identity, found the jar. `recorded` runs nothing: it says what
the service would say of jobs that go well. A real Flink's answers are in `runtimes/flink`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localazure.app.world import World

RUNNING, STOPPED, CANCELED, FAILED = "RUNNING", "STOPPED", "CANCELED", "FAILED"
NOT_LAUNCHED = "JOB_LAUNCH_FAILED"  # the service's own, of a job that never came to Flink


@dataclass(frozen=True, kw_only=True)
class JarFile:
    """The job's jar: the first `size` bytes of a file."""

    name: str
    file: Path
    size: int


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One job at the moment of an action; `jar` is None for actions that need none.

    savepoint: the one to start from, with its directory. named: whether the call names it.
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
    named: bool = False
    configuration: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """What came of an action; `succeeded` False makes the service's actionResult FAILED."""

    status: str
    job_id: str = ""
    output: str = ""
    savepoint: str = ""
    succeeded: bool = True


def simulate(world: World, action: str, job: JobRequest) -> ActionResult:
    """Note what was asked and answer as if it had happened."""
    if action in {"NEW", "START", "UPDATE", "STATELESS_UPDATE", "LAST_STATE_UPDATE", "RE_LAUNCH"}:
        job_id = world.clock.new_id().replace("-", "")
        return ActionResult(status=RUNNING, job_id=job_id, savepoint=job.savepoint, output="Job submitted.")
    if action in {"STOP", "SAVEPOINT"}:
        taken = f"{job.savepoint_directory}/savepoint-{job.job_id[:6]}-{world.clock.new_id().replace('-', '')[:12]}"
        status = STOPPED if action == "STOP" else job.status
        output = f"Savepoint completed. Path: {taken}"
        return ActionResult(status=status, job_id=job.job_id, savepoint=taken, output=output)
    if action == "LIST_SAVEPOINT":
        return ActionResult(status=job.status, job_id=job.job_id, savepoint=job.savepoint, output=job.savepoint)
    return ActionResult(status=CANCELED, job_id=job.job_id, savepoint=job.savepoint)
