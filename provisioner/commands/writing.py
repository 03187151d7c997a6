"""Commands that write: provision, rotate, teardown. They differ in how they plan; the rest is `leased_passes`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from provisioner.commands.leased_passes import (
    Attempt,
    apply_plan,
    create_up_to_lock_container,
    holding_lease,
    releasing_access,
    run_passes,
)
from provisioner.commands.observing import await_other_teardowns, has_work, observe_made_and_plan, read_after_other_runs
from provisioner.commands.origins import note_declared, with_origins
from provisioner.commands.run import Report
from provisioner.engine.examine import examine
from provisioner.engine.observe import observe
from provisioner.engine.outcomes import in_plan_order
from provisioner.engine.preflight import preflight, refusal
from provisioner.engine.released_access import without_idle_access
from provisioner.engine.rotation import plan_rotation, rotation_recipe
from provisioner.engine.selection import limit_to, with_forced_replacements, with_forced_updates
from provisioner.engine.teardown import plan_teardown as take_down
from provisioner.errors import Protected
from provisioner.model import CONVERGE, Action, Address, Intent, Outcome, Plan, Request, Result, Snapshot
from provisioner.recipe.containers import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from provisioner.commands.leased_passes import PlannedPass
    from provisioner.commands.run import Run
    from provisioner.engine.saved import SavedPlan


@dataclass(frozen=True, kw_only=True)
class Selection:
    """only: the plan is limited to these and what they depend on. replace: to be deleted and created again.

    reimport: bring the DAGs' files to Airflow again, though they are as declared.
    """

    only: tuple[Address, ...] = ()
    replace: tuple[Address, ...] = ()
    reimport: bool = False


def provision(run: Run, selection: Selection = Selection(), *, saved: SavedPlan | None = None) -> Report:
    """Make Azure match the spec. A run with nothing to do takes no lease and writes nothing."""

    def read() -> tuple[Plan, Snapshot]:
        planned, snapshot = examine(run.cloud, run.recipe, run.kinds, run.request)
        planned = with_origins(run, planned, snapshot)
        return _with_forced_writes(
            run, limit_to(planned, selection.only) if selection.only else planned, selection
        ), snapshot

    planned, snapshot = read_after_other_runs(run, read)
    if saved is not None:
        saved.require_unchanged(planned, run.recipe)
    planned = without_idle_access(planned)
    if not has_work(planned):
        return Report(plan=planned, outcomes=in_plan_order(planned, {}))
    _require_ready(run, planned)
    run.confirm(planned)
    attempt = Attempt(run, planned)

    def plan_pass(number: int) -> PlannedPass:
        live, snapshot = read_after_other_runs(run, lambda: observe_made_and_plan(run, selection.only))
        done = {address for address, outcome in attempt.done.items() if outcome.result is Result.DONE}
        live = _with_forced_writes(run, live, selection, done)
        if saved is not None:
            live = saved.limit_to_deferred(live) if number else saved.require_nothing_beyond(live, run.recipe)
        return live, snapshot, run.request

    with attempt.keeping_error_for_report():
        _provision_under_lease(run, attempt, snapshot, plan_pass)
    return attempt.report()


def _with_forced_writes(run: Run, planned: Plan, selection: Selection, done: Collection[Address] = ()) -> Plan:
    """The plan with what is to be written again. done: what has been, in this run."""
    replaced_now = (address for address in selection.replace if address not in done)
    planned = with_forced_replacements(planned, replaced_now, run.recipe, run.kinds)
    imports = frozenset(run.deployed.targets.airflow.dags.values()) if selection.reimport else frozenset[Address]()
    return with_forced_updates(planned, imports.difference(done), reason="--reimport")


def _provision_under_lease(
    run: Run, attempt: Attempt, snapshot: Snapshot, plan_pass: Callable[[int], PlannedPass]
) -> None:
    """Create what the lease needs, take it, and do what the passes plan."""
    planned = attempt.plan
    attempt.done.update(create_up_to_lock_container(run, snapshot))
    if run.cloud.session.waits.interrupted.is_set():
        rest = replace(planned, steps=tuple(step for step in planned.steps if step.address not in attempt.done))
        attempt.done.update({outcome.step.address: outcome for outcome in apply_plan(run, rest, snapshot)})
    elif not any(outcome.result is Result.FAILED for outcome in attempt.done.values()):
        attempt.observed_again = True
        with holding_lease(run) as lease, releasing_access(run, attempt.done):
            run_passes(run, planned, plan_pass, attempt.done)
            note_declared(run, lease, snapshot, attempt.report().outcomes)


def rotate(run: Run, request: Request, *, plan_only: bool = False) -> Report:
    """Replace the credentials that are due, or finish what an earlier run began; other drift is left alone.

    A revoked key is removed in this run, once its readers have the new one. A run in which somebody says that readers
    have the keys that are handed out begins no rotation: nobody has a key that it would make.
    """
    begin = not request.rolled_out
    planned, snapshot = read_after_other_runs(
        run, lambda: _plan_rotation(run, replace(request, begin=begin)), wait=not plan_only
    )
    planned = planned if plan_only else without_idle_access(planned)
    if plan_only or not has_work(planned):
        return Report(plan=planned, outcomes=in_plan_order(planned, {}))
    run.confirm(planned)

    def plan_pass(number: int) -> PlannedPass:
        now = replace(request, begin=begin and not number)
        return (*read_after_other_runs(run, lambda: _plan_rotation(run, now)), now)

    attempt = Attempt(run, planned, observed_again=True)
    exists = snapshot.readings[LOCK].observed is not None
    with attempt.keeping_error_for_report(), holding_lease(run, exists=exists), releasing_access(run, attempt.done):
        run_passes(run, planned, plan_pass, attempt.done)
    return attempt.report()


def teardown(run: Run, *, only: Iterable[Address] = (), with_contents: bool = False, plan_only: bool = False) -> Report:
    """Remove what the environment owns, and nothing else. Outcomes say what remains and why. Raises Protected.

    only: remove no more than these and what depends on them.
    """
    addresses = tuple(only)
    if run.environment.protected:
        raise Protected(run.environment.name)

    def look(*, granting: bool = False) -> tuple[Plan, Snapshot]:
        snapshot = observe(run.cloud, run.recipe, run.kinds, teardown=True)
        planned = take_down(run.recipe, snapshot, run.kinds, with_contents=with_contents, granting=granting)
        undecided = any(step.access and step.action is not Action.DELETE for step in planned.steps if step.pending)
        return limit_to(planned, addresses) if addresses and not undecided else planned, snapshot

    planned, snapshot = read_after_other_runs(run, look, wait=not plan_only)
    if plan_only or not has_work(planned):
        return Report(plan=planned, outcomes=in_plan_order(planned, {}))
    run.confirm(planned)

    def plan_pass(_turn: int) -> PlannedPass:
        return (*read_after_other_runs(run, partial(look, granting=True)), Request(intent=Intent.TEARDOWN))

    attempt = Attempt(run, planned, observed_again=True)
    exists = snapshot.readings[LOCK].observed is not None
    with attempt.keeping_error_for_report(), holding_lease(run, exists=exists), releasing_access(run, attempt.done):
        run_passes(run, planned, plan_pass, attempt.done)
        left: dict[Address, str] = {}
        while not attempt.report().failed and (found := _left(attempt.done)):
            if not await_other_teardowns(run) and found == left:
                break
            left = found
            run_passes(run, planned, plan_pass, attempt.done)
    report = attempt.report()
    return report if report.error else replace(report, outcomes=tuple(attempt.done.values()))


def _left(done: Mapping[Address, Outcome]) -> dict[Address, str]:
    """What a teardown has left and can delete later, with the reason: there is something of others in it."""
    steps = (outcome.step for outcome in done.values())
    return {step.address: step.remains for step in steps if step.remains}


def _require_ready(run: Run, planned: Plan) -> None:
    """Raise Refused, or Refusals for several, if preflight found anything that would stop the plan."""
    refused = refusal(preflight(run.cloud, run.kinds, planned))
    if refused is not None:
        raise refused


def _plan_rotation(run: Run, request: Request) -> tuple[Plan, Snapshot]:
    addresses = rotation_recipe(run.recipe, run.kinds)
    snapshot = observe(run.cloud, addresses, run.kinds)
    if request.intent is Intent.ROLLBACK and not request.begin:
        request = CONVERGE
    return plan_rotation(addresses, snapshot, run.kinds, request), snapshot
