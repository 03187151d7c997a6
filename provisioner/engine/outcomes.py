"""Combines the outcomes of several passes, complete even if a pass was cut off. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import Action, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.model import Address, Plan, Step


def untouched_result(step: Step) -> Result:
    """The result of a step that no pass reached."""
    if step.action is Action.DEFER:
        return Result.DEFERRED if step.dated else Result.UNCHANGED
    return Result.UNCHANGED if step.action is Action.KEEP else Result.BLOCKED


def merge_later_pass(done: dict[Address, Outcome], outcomes: Iterable[Outcome]) -> None:
    """Add the outcomes of a later pass to `done`. What was done stays done; what was deferred may need no step now."""
    later = tuple(outcomes)
    decided = {a for a, o in done.items() if o.result is Result.DEFERRED} - {o.step.address for o in later}
    for address in decided:
        del done[address]
    for outcome in later:
        before = done.get(outcome.step.address)
        if before is None or before.result is not Result.DONE or outcome.result is not Result.UNCHANGED:
            done[outcome.step.address] = outcome


def in_plan_order(plan: Plan, done: dict[Address, Outcome], *, observed_again: bool = False) -> tuple[Outcome, ...]:
    """Outcomes in the order of the plan that was shown, then those that only later passes have.

    observed_again: everything was read again under the lease, so a step that no pass lists needs nothing: another run
    has done it since the plan was shown.
    """
    planned = [
        done.get(s.address, Outcome(step=s, result=Result.UNCHANGED if observed_again else untouched_result(s)))
        for s in plan.steps
    ]
    known = {step.address for step in plan.steps}
    return (*planned, *(outcome for address, outcome in done.items() if address not in known))
