"""`job`, and what `provision` does about jobs that run and that the spec no longer names."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provisioner.cli import dag_run, show
from provisioner.cli.opening import opened
from provisioner.errors import Refused

if TYPE_CHECKING:
    from argparse import Namespace

    from provisioner.commands import Run

ACTIONS = "\nACTIONS = "  # in the text of a DAG whose runs can act on the job


def job(arguments: Namespace) -> int:
    """Show, cancel or save what runs of a job, directly or by a run of its DAG."""
    from provisioner import commands

    dag = dag_run.chosen_dag(arguments)
    if dag.job is None:
        raise Refused(dag.id, "it is no job but a DAG of your own", "Name a job")
    if arguments.via_dag:
        if ACTIONS not in dag.content:
            raise Refused(dag.id, "its runs cannot act on the job", "Leave out `--via-dag`")
        return dag_run.run_with_conf(arguments, dag, {"action": arguments.action})
    with show.progress(quiet=arguments.json), opened(arguments) as run:
        running = commands.act_on_job(run, dag.job.name, arguments.action)
    if arguments.json:
        document: dict[str, Any] = {"environment": run.environment.name, "job": dag.job.name}
        show.document({**document, "running": [asdict(one) for one in running]})
        return 0
    for one in running:
        show.text(f"{one.name} ({one.id}) is {one.status}{f'; {one.output}' if one.output else ''}")
    if not running:
        show.text(f"nothing of {dag.job.name} runs")
    return 0


def cancel_undeclared_if_agreed(run: Run, *, stop: bool) -> None:
    """Cancel what runs of jobs that the spec no longer names, if asked to or agreed at the terminal; else name it."""
    from provisioner import commands

    left = commands.undeclared_jobs_if_known(run)
    if not left:
        return
    names = ", ".join(f"{one.name} ({one.id})" for one in left)
    if stop or show.ask_if_possible(f"{names}: running, and no longer in the spec. Cancel?"):
        commands.cancel_jobs(run, left)
        show.complaint(f"cancelled: {names}")
    else:
        show.complaint(f"still running, and no longer in the spec: {names}. `provision --stop-jobs` cancels it.")
