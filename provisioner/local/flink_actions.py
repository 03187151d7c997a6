"""What runs the Flink jobs of a cluster: the seam between the emulated service and a real Flink behind it.

The service has checked the call and, as the cluster's identity, fetched the jar. A runtime does the action and says
what came of it. `Recorded` runs nothing: it says what the service would say of jobs that go well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provisioner.local.world import World

RUNNING, STOPPED, CANCELED, FAILED = "RUNNING", "STOPPED", "CANCELED", "FAILED"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job at the moment of an action; `jar` is the fetched file, None for actions that need none."""

    cluster_id: str
    name: str
    status: str = ""
    job_id: str = ""
    entry_class: str = ""
    args: str = ""
    jar: Path | None = None
    savepoint_directory: str = ""
    savepoint: str = ""
    configuration: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of an action; `succeeded` False makes the service's actionResult FAILED."""

    status: str
    job_id: str = ""
    output: str = ""
    savepoint: str = ""
    succeeded: bool = True


class Runtime(Protocol):
    """Does one action (NEW, START, STOP, …) for one job."""

    def act(self, world: World, action: str, job: Job) -> Done:
        """The outcome; a job that cannot start is an outcome, too, not an exception."""
        ...


class Recorded:
    """Notes what was asked and answers as if it had happened."""

    def act(self, world: World, action: str, job: Job) -> Done:
        """See `Runtime.act`."""
        if action in {"NEW", "START", "UPDATE", "STATELESS_UPDATE", "LAST_STATE_UPDATE", "RE_LAUNCH"}:
            job_id = world.clock.new_id().replace("-", "")
            return Done(status=RUNNING, job_id=job_id, savepoint=job.savepoint, output="Job submitted.")
        if action in {"STOP", "SAVEPOINT"}:
            taken = f"{job.savepoint_directory}/savepoint-{job.job_id[:6]}-{world.clock.new_id().replace('-', '')[:12]}"
            status = STOPPED if action == "STOP" else job.status
            output = f"Savepoint completed. Path: {taken}"
            return Done(status=status, job_id=job.job_id, savepoint=taken, output=output)
        if action == "LIST_SAVEPOINT":
            return Done(status=job.status, job_id=job.job_id, savepoint=job.savepoint, output=job.savepoint)
        return Done(status=CANCELED, job_id=job.job_id, savepoint=job.savepoint)


_chosen: dict[str, Runtime] = {}


def use(runtime: Runtime) -> None:
    """From now on jobs run here."""
    _chosen["flink"] = runtime


def current() -> Runtime:
    """Where jobs run."""
    return _chosen.setdefault("flink", Recorded())
