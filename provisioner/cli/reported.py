"""How a command that writes ends: what it says of its outcomes, and its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.diagnostics import print_defect_tracebacks
from provisioner.errors import NotAuthorized, NotInUse, Refusals, Refused

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from provisioner.commands import Report
    from provisioner.errors import DagNotParsed

FAILED, PARTLY, UNMET, INTERRUPTED = 1, 3, 4, 130
PRECONDITIONS = (NotAuthorized, Refused, Refusals)


def show_report(
    arguments: Namespace,
    report: Report,
    *,
    credentials_at: datetime | None = None,
    unparsed: DagNotParsed | None = None,
) -> int:
    """Show a report. Returns the exit code.

    Notes plan and outcomes in `arguments`, for `notify`.

    credentials_at: the JSON document also has the credentials at that time. unparsed: why Airflow has not parsed a DAG.
    """
    from provisioner.cli.status import credentials
    from provisioner.engine.documents import outcomes_json
    from provisioner.engine.report import deferred_lines, outcomes_summary, remaining_lines

    error = report.error or unparsed
    arguments.plan_shown, arguments.outcomes = report.plan, report.outcomes
    if arguments.json:
        more = {"credentials": list(credentials(report.plan, credentials_at))} if credentials_at else {}
        show.document({**outcomes_json(report.plan, report.outcomes, error), **more})
    else:
        show.lines((*deferred_lines(report.outcomes), *remaining_lines(report.outcomes)))
        show.text(outcomes_summary(report.plan.environment, report.outcomes))
    if error is not None:
        show.complaint(f"{error}\n{show.AFTER_WRITES}" if report.wrote else str(error))
    if arguments.debug:
        print_defect_tracebacks((*(outcome.error for outcome in report.outcomes), report.error))
    if unparsed is not None:
        return PARTLY if report.wrote else UNMET if unparsed.unknown else FAILED
    return exit_code(report)


def exit_code(report: Report) -> int:
    """The exit code of a command that writes, from the outcomes of its steps."""
    if report.interrupted:
        return INTERRUPTED
    if not report.failed:
        return PARTLY if report.has_work_left else 0
    errors = [outcome.error for outcome in report.outcomes if outcome.error is not None]
    blocked = bool(errors) and all(isinstance(error, NotInUse) for error in errors)
    if blocked or report.wrote or any(outcome.result == "done" for outcome in report.outcomes):
        return PARTLY
    return UNMET if errors and all(isinstance(error, PRECONDITIONS) for error in errors) else FAILED
