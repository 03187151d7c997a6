"""Observe and plan: once, again for what this run has just made, and beside other runs, which are waited for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.commands.explanations import explaining_errors
from provisioner.commands.origins import with_origins
from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision
from provisioner.engine.released_access import without_idle_access
from provisioner.engine.selection import limit_to
from provisioner.errors import NotAuthorized, NotYetVisible, Refusals
from provisioner.kinds.lock_container import ObservedLockContainer
from provisioner.recipe.containers import LOCK, is_lock, lock_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provisioner.commands.run import Run
    from provisioner.model import Address, Plan, Snapshot


def observe_and_plan(run: Run, only: Iterable[Address] = ()) -> tuple[Plan, Snapshot]:
    """Observe and plan. only: limits the plan to these addresses and what they depend on."""
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    with explaining_errors(run):
        planned = with_origins(run, plan_provision(run.recipe, snapshot, run.kinds, run.request), snapshot)
    addresses = tuple(only)
    return (limit_to(planned, addresses) if addresses else planned), snapshot


def observe_made_and_plan(run: Run, only: Iterable[Address] = ()) -> tuple[Plan, Snapshot]:
    """Observe and plan; once more if a replica did not show yet what this run has created."""
    planned, snapshot = observe_and_plan(run, only)
    unseen = {a for a, reading in snapshot.readings.items() if a in run.made and reading.observed is None}
    if not unseen:
        return planned, snapshot
    part = replace(run.recipe, nodes=tuple(node for node in run.recipe.nodes if node.bootstrap), searches=())

    def shows() -> bool:
        readings = observe(run.cloud, part, run.kinds).readings
        return all(readings[address].observed is not None for address in unseen & readings.keys())

    with suppress(NotYetVisible):
        run.cloud.session.waits.until(shows, what="Azure to show what this run has just created")
    return observe_and_plan(run, only)


def read_after_other_runs(
    run: Run, read: Callable[[], tuple[Plan, Snapshot]], *, wait: bool = True
) -> tuple[Plan, Snapshot]:
    """Read, and once more after another run of this environment that had the lease then has ended.

    Also if the first reading was denied: a run may have granted or removed access since, or a grant may have taken
    effect between two reads. wait: for another run, if there is something to do. Raises Conflict if that run goes on.
    """
    with explaining_errors(run):
        try:
            planned, snapshot = read()
        except (NotAuthorized, Refusals) as error:
            if not any(isinstance(one, NotAuthorized) for one in getattr(error, "errors", (error,))):
                raise
            if run.cloud.session.lease is None:
                with suppress(NotAuthorized):
                    _await_free(run)
            return read()
        if not wait or not has_work(planned) or not _is_leased_to_another(run, snapshot):
            return planned, snapshot
        _await_free(run)
        return read()


def has_work(planned: Plan) -> bool:
    """Whether there is anything to do, now or at a date that this run may wait for."""
    return any(step.pending or step.wait_in_run for step in without_idle_access(planned).steps)


def _is_leased_to_another(run: Run, snapshot: Snapshot) -> bool:
    lock = snapshot.readings[LOCK].observed
    return isinstance(lock, ObservedLockContainer) and lock.leased and run.cloud.session.lease is None


def _await_free(run: Run) -> None:
    from provisioner.cloud.lease import Lease

    container = lock_name(run.recipe.environment_id)
    seconds = run.environment.waits.lease.total_seconds()
    Lease.wait_until_free(run.cloud, run.environment.account_id, container, wait_seconds=seconds)


def await_other_teardowns(run: Run) -> bool:
    """Wait for teardowns of other environments that share the account. Returns whether one was there and has ended."""
    from provisioner.cloud.lease import PURPOSE

    account, own = run.environment.account_id, lock_name(run.recipe.environment_id)

    def none_left() -> bool:
        locks = (c for c in run.cloud.storage_accounts.list_containers(account) if is_lock(c.name) and c.name != own)
        return not any(lock.leased and lock.metadata.get(PURPOSE) == "teardown" for lock in locks)

    if none_left():
        return False
    try:
        run.cloud.session.waits.until(
            none_left,
            what="the teardown of another environment in the same account",
            deadline_seconds=run.environment.waits.lease.total_seconds(),
        )
    except NotYetVisible:
        return False
    return True
