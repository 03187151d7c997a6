"""What every writing verb goes over: look, take the lease, apply, and look again."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.engine.apply import Apply
from provisioner.engine.journal import Journal
from provisioner.engine.observe import observe
from provisioner.engine.outcomes import merge
from provisioner.engine.plan import limited, plan, view_of
from provisioner.engine.usage import awaited
from provisioner.errors import NotAuthorized, Refusals
from provisioner.kinds.lock_container import ObservedLockContainer
from provisioner.model import CONVERGE, Address, Asked, Intent, Outcome, Plan, Result, Snapshot
from provisioner.recipe.places import LOCK, lock_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from provisioner.commands.run import Run

PASSES = 3
Walked = tuple[Plan, Snapshot, Asked]


def walked(run: Run, only: Iterable[Address] = ()) -> tuple[Plan, Snapshot]:
    """What there is, and what to do about it; only: and what that depends on."""
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    made = plan(run.recipe, snapshot, run.kinds)
    wanted = tuple(only)
    return (limited(made, wanted) if wanted else made), snapshot


def looked(run: Run, look: Callable[[], tuple[Plan, Snapshot]]) -> tuple[Plan, Snapshot]:
    """Look, and once more where that was denied: between two readings another run may have let us in, or shut us out.

    Raises Conflict where one of this environment is at work.
    """
    try:
        return look()
    except (NotAuthorized, Refusals) as error:
        if not any(isinstance(one, NotAuthorized) for one in getattr(error, "errors", (error,))):
            raise
        if run.cloud.session.lease is None:
            with suppress(NotAuthorized):
                _lease_free(run)
        return look()


def require_free(run: Run, snapshot: Snapshot) -> None:
    """Raises Conflict if another run was at work when this one looked, before anybody is asked anything."""
    lock = snapshot.readings[LOCK].observed
    if isinstance(lock, ObservedLockContainer) and lock.leased:
        _lease_free(run)


def _lease_free(run: Run) -> None:
    from provisioner.cloud.lease import Lease

    Lease.require_free(run.cloud, run.environment.account_id, lock_name(run.recipe.environment_id))


@contextmanager
def leased(run: Run, *, there: bool = True) -> Generator[None]:
    """The environment's lease, if there is a container to take it on."""
    if not there:
        yield
        return
    from provisioner.cloud.lease import Lease

    container = lock_name(run.recipe.environment_id)
    with Lease.acquire(run.cloud, run.environment.account_id, container, owner=_who(), purpose=run.verb):
        yield


def make_first(run: Run, snapshot: Snapshot) -> dict[Address, Outcome]:
    """Make what the lease itself needs: group, account, lock container; each by an idempotent PUT."""
    first = tuple(node for node in run.recipe.nodes if node.bootstrap)
    if all(snapshot.readings[node.address].observed is not None for node in first):
        return {}
    part = replace(run.recipe, nodes=first, searches=())
    seen = observe(run.cloud, part, run.kinds)
    outcomes = carried_out(run, plan(part, seen, run.kinds), seen)
    return {outcome.step.address: outcome for outcome in outcomes}


def passes(run: Run, walk: Callable[[int], Walked], done: dict[Address, Outcome]) -> None:
    """Walk and apply until nothing is left that another pass could go on from; what became of it goes into `done`.

    A revocation waits in between for the date that it is to see, and walks more often.
    """
    for turn in range(PASSES if run.verb != "rotate" else 2 * PASSES):
        live, snapshot, asked = walk(turn)
        if turn:
            run.confirm(live)
        outcomes = carried_out(run, live, snapshot, asked)
        merge(done, outcomes)
        if any(o.result in (Result.FAILED, Result.INTERRUPTED) for o in outcomes):
            return
        view, grace = view_of(run.recipe, snapshot, run.kinds, asked), run.environment.waits.grant
        if not _opened(run, outcomes, asked.intent) and not awaited(run.cloud, run.kinds, live, view, grace=grace):
            return


def _opened(run: Run, outcomes: Iterable[Outcome], intent: Intent) -> bool:
    """Whether this pass did something that another can go on from: a way in, or a key that is there or gone now.

    After a teardown's keys there is nothing to go on with, and what remains was told.
    """
    waits = any(o.result is Result.DEFERRED and not o.step.dated for o in outcomes)
    if intent is Intent.TEARDOWN:
        return waits
    turned = any(o.result is Result.DONE and run.kinds[o.step.address.kind].credential for o in outcomes)
    return waits or turned


def carried_out(run: Run, made: Plan, snapshot: Snapshot, asked: Asked = CONVERGE) -> tuple[Outcome, ...]:
    """Apply a plan, once; what became of each step."""
    journal = Journal(run.journal, run.environment.name, verb=run.verb, began=snapshot.now, by=_who())
    return Apply(
        cloud=run.cloud,
        kinds=run.kinds,
        plan=made,
        view=view_of(run.recipe, snapshot, run.kinds, asked),
        journal=journal,
        deadline_seconds=run.environment.waits.grant.total_seconds(),
        clock=run.clock,
        watch=run.watch,
    ).run()


def _who() -> str:
    """Who runs this, as people know them; in some containers an account has a number only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
