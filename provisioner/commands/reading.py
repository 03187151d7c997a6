"""Commands that change no declared resource: plan, status, jobs, doctor, verify, output, run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from provisioner.commands.observing import observe_and_plan
from provisioner.engine.documents import json_value
from provisioner.engine.examine import diagnose
from provisioner.engine.observe import observe
from provisioner.engine.selection import with_forced_replacements
from provisioner.errors import DagNotParsed, NotAuthorized
from provisioner.kind import Checked, Verdict
from provisioner.model import Result
from provisioner.recipe.extra_roles import extra_role_notes
from provisioner.recipe.rights import required_and_optional_rights
from provisioner.verify import dag_run, environment_dags, jobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioner.commands.run import Report, Run
    from provisioner.model import Address, Plan, Platform
    from provisioner.verify.check import Check
    from provisioner.verify.dag_run import RunRequest, RunResult, ShowState
    from provisioner.verify.jobs import JobState

GRANTED_BY = "`provisioner bootstrap` prints the line that grants it"


def make_plan(run: Run, only: Iterable[Address] = (), again: Iterable[Address] = ()) -> Plan:
    """Plan what `provision` would do now. Writes nothing, takes no lease. again: to be deleted and created again."""
    planned = with_forced_replacements(observe_and_plan(run, only)[0], again, run.recipe, run.kinds)
    return replace(planned, platform=run.deployed.targets.airflow.platform(run.cloud))


def run_dag(run: Run, dag_id: str, request: RunRequest, show_state: ShowState, *, wait_dag: bool = True) -> RunResult:
    """Run a DAG, or follow the run under way. wait_dag: first wait until Airflow has parsed the DAG of the spec."""
    dag = next(dag for dag in run.deployed.targets.dags if dag.id == dag_id)
    if wait_dag:
        environment_dags.require_imported(run.deployed, dag)
        show_state(f"dags/{dag.name}", "waiting for Airflow to parse it")
        environment_dags.await_parsed(run.deployed, dag, fresh=False)
    return dag_run.run_dag(run.deployed, dag, request, show_state)


def await_dags_parsed(run: Run, report: Report) -> DagNotParsed | None:
    """After a provision, wait until Airflow has parsed every DAG. Returns the first error, or why nobody knows."""
    targets = run.deployed.targets
    unknown = targets.airflow.unaskable
    written = {o.step.address for o in report.outcomes if o.result is Result.DONE}
    for dag in (dag for dag in targets.dags if dag.id):
        if unknown:
            return DagNotParsed(file=f"dags/{dag.name}", dag=dag.id, unknown=unknown)
        try:
            environment_dags.await_parsed(run.deployed, dag, fresh=targets.airflow.dags[dag.name] in written)
        except DagNotParsed as error:
            return error
    return None


def job_states(run: Run, planned: Plan) -> tuple[JobState, ...]:
    """Each job of the spec: whether its DAG and jar are deployed, and what runs of it in Flink."""
    return jobs.job_states(run.deployed, planned)


def verify(run: Run) -> tuple[Check, ...]:
    """Check each part of the environment without running a job."""
    from provisioner.verify import checks

    return checks.verify(run.deployed)


def doctor(run: Run) -> tuple[Checked, ...]:
    """Check everything that could stop a `provision` now. Returns every check with its result. Writes nothing."""
    checks = diagnose(run.cloud, run.recipe, run.kinds)
    platform = platform_checks(run.deployed.targets.airflow.platform(run.cloud))
    noted = (Checked(verdict=Verdict.NOTE, what=note) for note in notes(run))
    return (*checks, *noted, *_missing_optional_rights(run), *platform)


def _missing_optional_rights(run: Run) -> Iterator[Checked]:
    """A note on each right of docs/access.md that a run can do without and the caller lacks, as far as Azure says."""
    for right in required_and_optional_rights(run.environment, run.deployed.names):
        if right.optional and run.cloud.caller_rights.lacks(right):
            what = f"you lack {right.role} on {right.where}, for {right.purpose}; without it {right.optional}"
            yield Checked(verdict=Verdict.NOTE, what=what, remedy=GRANTED_BY)


def platform_checks(platform: Platform) -> Iterator[Checked]:
    """What `doctor` says of an Airflow that somebody runs."""
    if platform.drift:
        yield Checked(verdict=Verdict.NOTE, what=platform.drift, about="Airflow's platform")
    if platform.unknown:
        yield Checked(verdict=Verdict.UNKNOWN, what=platform.unknown, about="Airflow's platform")


def notes(run: Run) -> tuple[str, ...]:
    """Notes on the spec's choices, and on unmanaged resources beside the declared ones, if the caller may see those."""
    beside: tuple[str, ...] = ()
    with suppress(NotAuthorized):
        beside = tuple(run.deployed.targets.airflow.notes_beside(run.cloud))
    return (*run.recipe.notes, *beside)


def status(run: Run) -> tuple[Plan, tuple[str, ...]]:
    """What `provision` would do now, and the notes, also on roles that somebody else gave to a principal."""
    planned = make_plan(run)
    extra: tuple[str, ...] = ()
    with suppress(NotAuthorized):
        extra = tuple(extra_role_notes(run.cloud, planned))
    return planned, (*notes(run), *extra)


def outputs(run: Run) -> dict[str, dict[str, Any]]:
    """Ids, URLs and names of existing resources by address; no secrets."""
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    published_by: dict[str, dict[str, Any]] = {}
    for address, reading in snapshot.readings.items():
        if reading.observed is not None:
            published = run.kinds[address.kind].publish(reading.observed, None).known()
            published_by[str(address)] = {name: json_value(value) for name, value in published.items()}
    return published_by
