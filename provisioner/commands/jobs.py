"""What is done to jobs that run in Flink, on a person's word."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.commands.run import Run
    from provisioner.model import FlinkJob
    from provisioner.spec.jobs import DeclaredJob


def act_on_job(run: Run, name: str, action: str) -> tuple[FlinkJob, ...]:
    """Do something to each job of that name that runs, and return those. action: status, cancel or savepoint.

    Their `output` says what came of it. Raises CloudError.
    """
    flink = run.deployed.targets.flink
    job = next(job for job in run.environment.all_jobs if job.name == name)
    running = tuple(flink.running(run.cloud, job))
    if action == "cancel":
        cancel_jobs(run, running)
        return tuple(replace(one, output="is being cancelled") for one in running)
    if action == "savepoint":
        return tuple(replace(one, output=f"savepoint: {_savepoint(run, job, one)}") for one in running)
    return running


def _savepoint(run: Run, job: DeclaredJob, running: FlinkJob) -> str:
    saved = run.deployed.targets.flink.savepoint(run.cloud, job, running)
    run.cloud.session.note_write()
    return saved


def undeclared_jobs_if_known(run: Run) -> Sequence[FlinkJob]:
    """What runs of jobs that the spec no longer names; nothing where Flink cannot be asked from here."""
    with suppress(CloudError):
        return run.deployed.targets.flink.undeclared(run.cloud)
    return ()


def cancel_jobs(run: Run, jobs: Sequence[FlinkJob]) -> None:
    """Cancel jobs, without a savepoint. Raises CloudError."""
    for job in jobs:
        run.deployed.targets.flink.cancel(run.cloud, job)
        run.cloud.session.note_write()
