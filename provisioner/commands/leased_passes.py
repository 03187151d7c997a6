"""What all commands that write have in common: take the lease, apply in passes, report."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provisioner.commands.explanations import complete_error
from provisioner.commands.run import Report
from provisioner.engine.apply import Apply
from provisioner.engine.interrupts import set_on_signals
from provisioner.engine.journal import Journal
from provisioner.engine.observe import observe
from provisioner.engine.outcomes import in_plan_order, merge_later_pass
from provisioner.engine.plan import decide, plan_provision, view_of
from provisioner.engine.released_access import released_without_dependencies, without_idle_access
from provisioner.engine.usage import await_readers
from provisioner.errors import Defect, NotFound, ProvisionerError
from provisioner.model import CONVERGE, Action, Address, Intent, Outcome, Plan, Request, Result, Snapshot, Step
from provisioner.recipe.containers import lock_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from provisioner.cloud.lease import Lease
    from provisioner.commands.run import Run
    from provisioner.model import Node

PASSES = 3
PlannedPass = tuple[Plan, Snapshot, Request]


@dataclass
class Attempt:
    """A run that writes: the plan that was shown, and what came of it so far.

    observed_again: everything was read again under the lease. error: what ended it after its first write.
    """

    run: Run
    plan: Plan
    done: dict[Address, Outcome] = field(default_factory=dict[Address, Outcome])
    observed_again: bool = False
    error: ProvisionerError | None = None

    @contextmanager
    def keeping_error_for_report(self) -> Generator[None]:
        """Keep an error raised inside for the report, once something has been written.

        Errors of this machine are raised: with a full disk or a closed terminal there may be no report.
        """
        try:
            yield
        except OSError:
            raise
        except Exception as error:
            if not self.run.cloud.session.wrote:
                raise
            self.error = error if isinstance(error, ProvisionerError) else Defect(error)
            complete_error(self.run, self.error)

    def report(self) -> Report:
        """The outcomes in the order of the plan. What an error kept from being done counts as blocked."""
        again = self.observed_again and self.error is None
        outcomes = in_plan_order(self.plan, self.done, observed_again=again)
        return Report(plan=self.plan, outcomes=outcomes, wrote=self.run.cloud.session.wrote, error=self.error)


@contextmanager
def holding_lease(run: Run, *, exists: bool = True) -> Generator[Lease | None]:
    """Hold the environment's lease inside; it is released also if a signal ends the run.

    Yields None without a container.

    exists: whether its container does; without it there is no lease to take. One that this run has already stays.
    """
    from provisioner.cloud.lease import ENVIRONMENT, OWNER, PURPOSE, Lease

    held = run.cloud.session.lease
    if isinstance(held, Lease) or not exists:
        yield held if isinstance(held, Lease) else None
        return
    seconds, interrupted = run.environment.waits.lease.total_seconds(), run.cloud.session.waits.interrupted
    where = (run.environment.account_id, lock_name(run.recipe.environment_id))
    lease = None
    try:
        with set_on_signals(interrupted):
            holder = {OWNER: _current_user(), PURPOSE: run.verb, ENVIRONMENT: run.environment.name}
            lease = Lease.acquire(run.cloud, *where, holder=holder, wait_seconds=seconds)
        yield lease
    except NotFound:
        if lease is not None:  # what was there when this run looked: perhaps another run has the lease by now
            lease.renew_or_raise(during="the next call")
        raise
    finally:
        with set_on_signals(interrupted):
            if lease is not None:
                lease.release()


def create_up_to_lock_container(run: Run, snapshot: Snapshot) -> dict[Address, Outcome]:
    """Create group, account and lock container, unless all of them were observed.

    Returns their outcomes, none if nothing was missing. Each is made by an idempotent PUT.

    They are not read back (docs/adr/0021): each PUT returns once Azure says that it has succeeded.
    """
    first = tuple(node for node in run.recipe.nodes if node.bootstrap)
    if all(snapshot.readings[node.address].observed is not None for node in first):
        return {}
    part = replace(run.recipe, nodes=first, searches=())
    seen = observe(run.cloud, part, run.kinds)
    outcomes = apply_plan(run, plan_provision(part, seen, run.kinds), seen, read_back=False)
    return {outcome.step.address: outcome for outcome in outcomes}


def run_passes(
    run: Run, confirmed: Plan, plan_pass: Callable[[int], PlannedPass], done: dict[Address, Outcome]
) -> None:
    """Plan and apply until another pass would find nothing more to do. Adds the outcomes to `done`.

    confirmed: the plan that somebody agreed to; a pass that deletes or replaces more than that asks again. A revocation
    waits for its date between passes and may take more of them.
    """
    agreed = _removals(confirmed)
    for number in range(PASSES if run.verb != "rotate" else 2 * PASSES):
        live, snapshot, request = plan_pass(number)
        live = without_idle_access(live)
        if not _removals(live) <= agreed:
            run.confirm(live)
            agreed |= _removals(live)
        outcomes = apply_plan(run, live, snapshot, request)
        merge_later_pass(done, outcomes)
        if any(o.result in (Result.FAILED, Result.INTERRUPTED) for o in outcomes):
            return
        view, grace = view_of(run.recipe, snapshot, run.kinds, request), run.environment.waits.grant
        if not _needs_another_pass(run, outcomes, request.intent) and not await_readers(
            run.cloud, run.kinds, live, view, grace=grace
        ):
            return


def _removals(planned: Plan) -> set[Address]:
    return {s.address for s in planned.steps if s.action in (Action.DELETE, Action.REPLACE) and not s.routine}


def _needs_another_pass(run: Run, outcomes: Iterable[Outcome], intent: Intent) -> bool:
    """Whether another pass can do more: this one granted access, or replaced or removed a key.

    In a teardown, removed keys make nothing else possible.
    """
    if any(o.result is Result.DEFERRED and not o.step.dated for o in outcomes):
        return True
    turned = (o.step for o in outcomes if o.result is Result.DONE and run.kinds[o.step.address.kind].credential)
    return intent is not Intent.TEARDOWN and any(step.action is not Action.CREATE for step in turned)


@contextmanager
def releasing_access(run: Run, done: dict[Address, Outcome]) -> Generator[None]:
    """Take back at the end, also after a signal or an error, what `access: release` says; adds the outcomes to `done`.

    Inside the lease, so that no other run relies on what this one takes back.
    """
    try:
        yield
    finally:
        nodes = released_without_dependencies(run.recipe.nodes)
        if nodes:
            with set_on_signals(run.cloud.session.waits.interrupted):
                merge_later_pass(done, _release_access(run, nodes))


def _release_access(run: Run, nodes: tuple[Node, ...]) -> tuple[Outcome, ...]:
    part = replace(run.recipe, nodes=nodes, searches=())
    snapshot = observe(run.cloud, part, run.kinds, collect=[])
    standing, errors = decide(part, snapshot, run.kinds, CONVERGE)
    steps = tuple(step for step in standing.steps if step.action is Action.DELETE)
    unread = (
        Outcome(step=Step(address=address, action=Action.DELETE, access=True), result=Result.FAILED, error=error)
        for address, found in errors.items()
        for error in found
    )
    return (*apply_plan(run, replace(standing, steps=steps), snapshot, finishing=True), *unread)


def apply_plan(
    run: Run,
    planned: Plan,
    snapshot: Snapshot,
    request: Request = CONVERGE,
    *,
    read_back: bool = True,
    finishing: bool = False,
) -> tuple[Outcome, ...]:
    """Apply a plan once. Returns the outcome of each step.

    read_back: also what was created. finishing: also after a signal.
    """
    journal = Journal(run.journal, run.environment.name, verb=run.verb, began=snapshot.now, by=_current_user())

    def watch(step: Step, outcome: Outcome | None) -> None:
        complete_error(run, outcome.error if outcome else None)
        run.watch(step, outcome)

    return Apply(
        cloud=run.cloud,
        kinds=run.kinds,
        plan=planned,
        view=view_of(run.recipe, snapshot, run.kinds, request),
        journal=journal,
        deadline_seconds=run.environment.waits.grant.total_seconds(),
        clock=run.clock,
        watch=watch,
        read_back=read_back,
        finishing=finishing,
        made=run.made,
    ).run()


def _current_user() -> str:
    """`user@host` of whoever runs this; in some containers a user has only a number."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
