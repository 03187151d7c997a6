"""The stages in a row, as the commands compose them."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from provisioner.engine.apply import Apply
from provisioner.engine.journal import Journal
from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision, view_of
from provisioner.engine.teardown import plan_teardown
from provisioner.model import CONVERGE, Outcome, Plan, Recipe, Request, Step
from tests.engine.toy_cloud import NOW, ToyCloud
from tests.engine.toys import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def planned(world: ToyCloud, recipe: Recipe) -> Plan:
    return plan_provision(recipe, observe(world.as_cloud(), recipe, KINDS), KINDS)


def torn_down(world: ToyCloud, recipe: Recipe, *, with_contents: bool = False) -> Plan:
    snapshot = observe(world.as_cloud(), recipe, KINDS, teardown=True)
    return plan_teardown(recipe, snapshot, KINDS, with_contents=with_contents)


def applied(
    world: ToyCloud,
    recipe: Recipe,
    made: Plan,
    folder: Path,
    watch: Callable[[Step, Outcome | None], None] = lambda _step, _outcome: None,
    asked: Request = CONVERGE,
) -> dict[str, Outcome]:
    snapshot = observe(world.as_cloud(), recipe, KINDS)
    ticks = count()
    outcomes = Apply(
        cloud=world.as_cloud(),
        kinds=KINDS,
        plan=made,
        view=view_of(recipe, snapshot, KINDS, asked),
        journal=Journal(folder, "toy", verb="provision", began=NOW),
        deadline_seconds=3,
        clock=lambda: float(next(ticks)),
        watch=watch,
    ).run()
    return {str(outcome.step.address): outcome for outcome in outcomes}


def actions(made: Plan) -> dict[str, str]:
    return {str(step.address): step.action.value for step in made.steps}
