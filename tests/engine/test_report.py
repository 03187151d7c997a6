"""Plans and outcomes as people read them."""

from __future__ import annotations

from provisioner.engine.report import outcome_line, plan_lines
from provisioner.model import Action, Outcome, Plan, Result, Step
from tests.engine.toys import at

WAITING = Step(
    address=at("key/k"),
    action=Action.DEFER,
    reason="retiring",
    waits_on=("2026-11-23T18:54:07+00:00",),
    dated=True,
)


def test_what_waits_for_a_date_says_for_which() -> None:
    told = "key/k: retiring, until 2026-11-23 18:54 UTC"

    assert outcome_line(Outcome(step=WAITING, result=Result.DEFERRED)).text == f"  deferred {told}"
    first, count = plan_lines(Plan(environment="dev", steps=(WAITING,), digest=""))
    assert first.text == f"? defer {told}"
    assert count.text == "dev: 1 waiting for a date; 0 as they should be"
