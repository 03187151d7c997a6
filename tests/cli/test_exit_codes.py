"""What the exit code of a verb that writes says of its steps."""

from __future__ import annotations

import pytest

from provisioner.cli.verbs import exit_code
from provisioner.commands import Report
from provisioner.errors import NotAuthorized, NotInUse, Unexpected
from provisioner.model import Action, Address, Outcome, Plan, Result, Step

STAYS = NotInUse(key="client_secret/airflow/1", place="airflow_runtime/airflow", asked="a run", seconds=1.0)
DENIED, BROKEN = NotAuthorized(operation="read"), Unexpected(operation="write")


def report(*errors: Exception, done: bool = False) -> Report:
    """Steps that failed so, and perhaps one that went well."""
    step = Step(address=Address("box", "a"), action=Action.DELETE)
    outcomes = [Outcome(step=step, result=Result.FAILED, error=error) for error in errors]
    well = [Outcome(step=step, result=Result.DONE)] if done else []
    return Report(plan=Plan(environment="dev", steps=(step,), digest=""), outcomes=(*outcomes, *well))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (report(), 0),
        (report(done=True), 0),
        (report(BROKEN), 1),
        (report(BROKEN, done=True), 3),
        (report(DENIED), 4),
        (report(DENIED, BROKEN), 1),
        (report(STAYS), 3),
        (report(STAYS, done=True), 3),
        (report(STAYS, BROKEN), 1),
    ],
)
def test_a_code_says_whether_it_went_well_and_who_is_to_go_on(found: Report, code: int) -> None:
    assert exit_code(found) == code
