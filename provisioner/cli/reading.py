"""Commands that only read Azure: plan, doctor, status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.opening import opened
from provisioner.cli.planned import addresses, show_plan
from provisioner.errors import Refused

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import timedelta

    from provisioner.model import Plan

PENDING, UNMET, UNREAD = 2, 4, 5


def plan(arguments: Namespace) -> int:
    """Show what provision would do."""
    from provisioner.commands import make_plan
    from provisioner.engine.saved import save

    only, replace = addresses(arguments), addresses(arguments, "replace")
    if arguments.out and replace:
        raise Refused("--replace", "a saved plan cannot hold it", "Leave --out out, and add it to `provision`")
    with show.progress(quiet=arguments.quiet), opened(arguments) as run:
        planned = make_plan(run, only, replace)
        if arguments.out:
            save(planned, run.recipe, Path(arguments.out), only)
    show_plan(arguments, planned)
    return _detailed_exit_code(planned) if arguments.detailed_exitcode else 0


def _detailed_exit_code(planned: Plan) -> int:
    """Print which resources could not be read, and what would read them, if that is all there is to say.

    Returns 2 if changes are pending, 5 if none was seen but not all could be read, else 0.
    """
    from provisioner.engine.report import unread_lines

    if planned.pending or not planned.unread:
        return PENDING if planned.pending else 0
    for line in unread_lines(planned):
        show.complaint(line.text)
    return UNREAD


def doctor(arguments: Namespace) -> int:
    """Check permissions and preconditions for provision."""
    from provisioner import commands
    from provisioner.engine.documents import findings_json
    from provisioner.engine.report import findings_lines

    with show.progress(quiet=arguments.json), opened(arguments) as run:
        findings = commands.doctor(run)
    document = findings_json(run.environment.name, findings)
    if arguments.json:
        show.document(document)
    else:
        show.lines(findings_lines(run.environment.name, findings))
    return 0 if document["ready"] else UNMET


def status(arguments: Namespace) -> int:
    """Show resources, drift and each credential."""
    from provisioner import commands
    from provisioner.cli.status import Surroundings, expiring, status_json, status_lines

    within = _within(arguments.expiring)
    with show.progress(quiet=arguments.json), opened(arguments) as run:
        planned, notes = commands.status(run)
        around = Surroundings(jobs=commands.job_states(run, planned), notes=notes, choices=run.recipe.notes)
        now = run.cloud.session.clock.decision_time()
    if arguments.json:
        show.document(status_json(planned, now, around))
    else:
        show.lines(status_lines(planned, now, around))
    return PENDING if within is not None and expiring(planned, now, within) else 0


def _within(text: str | None) -> timedelta | None:
    from provisioner.spec.fields import duration

    if text is None:
        return None
    try:
        return duration(text)
    except ValueError as error:
        raise Refused("--expiring", f"{text} is not a duration", "Write one such as 14d or 12h") from error
