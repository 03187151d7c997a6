"""Verbs that write: provision, rotate, teardown. Each says how it looks; the road is the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.commands.road import carried_out, leased, looked, make_first, passes, require_free, walked
from provisioner.commands.run import Report
from provisioner.engine.examine import examined
from provisioner.engine.observe import observe
from provisioner.engine.outcomes import merged
from provisioner.engine.plan import limited
from provisioner.engine.preflight import preflight, refusal
from provisioner.engine.rotation import part, rotation
from provisioner.engine.teardown import teardown as take_down
from provisioner.errors import Protected
from provisioner.model import CONVERGE, Address, Asked, Intent, Outcome, Plan, Result, Snapshot
from provisioner.recipe.places import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.commands.road import Walked
    from provisioner.commands.run import Run
    from provisioner.engine.saved import SavedPlan


def provision(run: Run, *, only: Iterable[Address] = (), saved: SavedPlan | None = None) -> Report:
    """Make the environment as its spec says. A run with nothing to do takes no lease and writes nothing."""
    made, snapshot = looked(run, lambda: examined(run.cloud, run.recipe, run.kinds))
    made = limited(made, wanted) if (wanted := tuple(only)) else made
    if saved is not None:
        saved.check(made)
    if not _something(made):
        return Report(plan=made, outcomes=merged(made, {}))
    require_free(run, snapshot)
    _require_ready(run, made)
    run.confirm(made)
    done = make_first(run, snapshot)
    if run.cloud.session.waits.interrupted.is_set():
        rest = replace(made, steps=tuple(step for step in made.steps if step.address not in done))
        unbegun = {outcome.step.address: outcome for outcome in carried_out(run, rest, snapshot)}
        return Report(plan=made, outcomes=merged(made, {**unbegun, **done}))
    if any(outcome.result is Result.FAILED for outcome in done.values()):
        return Report(plan=made, outcomes=merged(made, done))

    def walk(turn: int) -> Walked:
        live, snapshot = walked(run, only)
        if saved is not None:
            live = saved.restrict(live) if turn else saved.held(live)
        return live, snapshot, CONVERGE

    with leased(run):
        passes(run, walk, done)
    return Report(plan=made, outcomes=merged(made, done, walked=True))


def rotate(run: Run, asked: Asked, *, plan_only: bool = False) -> Report:
    """Replace the credentials that are due, or finish what an earlier run began; other drift is left alone.

    A revoked key goes in this very run, once its readers have the new one.
    """
    made, snapshot = _walk_round(run, replace(asked, begin=True))
    if plan_only or not _something(made):
        return Report(plan=made, outcomes=merged(made, {}))
    require_free(run, snapshot)
    run.confirm(made)
    done: dict[Address, Outcome] = {}

    def walk(turn: int) -> Walked:
        now = replace(asked, begin=not turn)
        return (*_walk_round(run, now), now)

    with leased(run, there=snapshot.readings[LOCK].observed is not None):
        passes(run, walk, done)
    return Report(plan=made, outcomes=merged(made, done, walked=True))


def teardown(run: Run, *, with_contents: bool = False) -> Report:
    """Remove exactly what is ours. Tries everything; what remains says why. Raises Protected."""
    if run.environment.protected:
        raise Protected(run.environment.name)

    def look() -> tuple[Plan, Snapshot]:
        snapshot = observe(run.cloud, run.recipe, run.kinds, teardown=True)
        return take_down(run.recipe, snapshot, run.kinds, with_contents=with_contents), snapshot

    made, snapshot = looked(run, look)
    if not any(step.pending for step in made.steps):
        return Report(plan=made, outcomes=merged(made, {}))
    require_free(run, snapshot)
    run.confirm(made)
    done: dict[Address, Outcome] = {}

    def walk(_turn: int) -> Walked:
        return (*looked(run, look), Asked(intent=Intent.TEARDOWN))

    with leased(run, there=snapshot.readings[LOCK].observed is not None):
        passes(run, walk, done)
    return Report(plan=made, outcomes=tuple(done.values()))


def _something(made: Plan) -> bool:
    """Whether there is anything to do, now or at a date that this run may wait for."""
    return any(step.pending or step.soon for step in made.steps)


def _require_ready(run: Run, made: Plan) -> None:
    """Raises Refused, or Refusals for several: all that would stop the plan on its way."""
    refused = refusal(preflight(run.cloud, run.kinds, made))
    if refused is not None:
        raise refused


def _walk_round(run: Run, asked: Asked) -> tuple[Plan, Snapshot]:
    wanted = part(run.recipe, run.kinds)
    snapshot = observe(run.cloud, wanted, run.kinds)
    if asked.intent is Intent.ROLLBACK and not asked.begin:
        asked = CONVERGE
    return rotation(wanted, snapshot, run.kinds, asked), snapshot
