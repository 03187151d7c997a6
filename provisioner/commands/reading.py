"""Verbs that change nothing of what is declared: plan, doctor, verify, output, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.commands.road import walked
from provisioner.engine.examine import diagnosed
from provisioner.engine.observe import observe
from provisioner.errors import DagNotParsed
from provisioner.kind import Checked, Verdict
from provisioner.model import Result
from provisioner.verify import dag_parsed, dag_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.commands.run import Report, Run
    from provisioner.model import Address, Plan
    from provisioner.verify.check import Check
    from provisioner.verify.dag_run import RunRequest, RunResult, ShowState


def make_plan(run: Run, only: Iterable[Address] = ()) -> Plan:
    """What `provision` would do now. Writes nothing, takes no lease."""
    return walked(run, only)[0]


def run_dag(run: Run, request: RunRequest, show_state: ShowState, *, wait_dag: bool = True) -> RunResult:
    """Run the DAG, or join the run that is under way. wait_dag: not before Airflow has parsed it as the spec has it."""
    if wait_dag:
        dag_parsed.require_imported(run.deployed)
        show_state(f"dags/{run.environment.dag.file}", "waiting for Airflow to parse it")
        dag_parsed.await_parsed(run.deployed, fresh=False)
    return dag_run.run_dag(run.deployed, request, show_state)


def await_dag(run: Run, report: Report) -> DagNotParsed | None:
    """After a provision: until Airflow has parsed the DAG, or why it has not."""
    dag = run.deployed.targets.airflow.dag
    fresh = any(o.step.address == dag and o.result is Result.DONE for o in report.outcomes)
    try:
        dag_parsed.await_parsed(run.deployed, fresh=fresh)
    except DagNotParsed as error:
        return error
    return None


def verify(run: Run) -> tuple[Check, ...]:
    """Check each part of the environment without running a job."""
    from provisioner.verify import checks

    return checks.verify(run.deployed)


def doctor(run: Run) -> tuple[Checked, ...]:
    """Whether `provision` could do what it would do now: every check, and what each came to. Writes nothing."""
    checks = diagnosed(run.cloud, run.recipe, run.kinds)
    return (*checks, *(Checked(verdict=Verdict.NOTE, what=note) for note in notes(run)))


def notes(run: Run) -> tuple[str, ...]:
    """What a person should know of the spec's choices, and of what stands beside what it declares."""
    return (*run.recipe.notes, *run.deployed.targets.airflow.notes_beside(run.cloud))


def outputs(run: Run) -> dict[str, dict[str, str]]:
    """Ids, URLs and names of what is there, by address; no secrets."""
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    found: dict[str, dict[str, str]] = {}
    for address, reading in snapshot.readings.items():
        if reading.observed is not None:
            published = run.kinds[address.kind].publish(reading.observed, None).known()
            found[str(address)] = {name: str(value) for name, value in published.items()}
    return found
