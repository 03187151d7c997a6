"""What became of a plan over several passes; pure: told whole even where a pass was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model import Action, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.model import Address, Plan, Step


def idle(step: Step) -> Result:
    """What becomes of a step that no pass came to."""
    if step.action is Action.DEFER:
        return Result.DEFERRED if step.dated else Result.UNCHANGED
    return Result.UNCHANGED if step.action is Action.KEEP else Result.BLOCKED


def merge(done: dict[Address, Outcome], outcomes: Iterable[Outcome]) -> None:
    """Later passes tell more, but a step that was done stays told as done; what was deferred may need no step."""
    later = tuple(outcomes)
    decided = {a for a, o in done.items() if o.result is Result.DEFERRED} - {o.step.address for o in later}
    for address in decided:
        del done[address]
    for outcome in later:
        before = done.get(outcome.step.address)
        if before is None or before.result is not Result.DONE or outcome.result is not Result.UNCHANGED:
            done[outcome.step.address] = outcome


def merged(made: Plan, done: dict[Address, Outcome], *, walked: bool = False) -> tuple[Outcome, ...]:
    """Outcomes in the order of the plan that was shown, then what later passes found.

    walked: under the lease all was looked at again, so that what no pass lists needs nothing any more: another run did
    it since the plan was shown.
    """
    shown = [done.get(s.address, Outcome(step=s, result=Result.UNCHANGED if walked else idle(s))) for s in made.steps]
    known = {step.address for step in made.steps}
    return (*shown, *(outcome for address, outcome in done.items() if address not in known))
