"""Commands that write: provision, rotate, teardown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.opening import environment_of, opened
from provisioner.cli.planned import addresses, show_plan
from provisioner.cli.reported import show_report
from provisioner.errors import Protected, Refused, Unconfirmed

if TYPE_CHECKING:
    from argparse import Namespace

    from provisioner.model import Request


def provision(arguments: Namespace) -> int:
    """Make Azure match the spec."""
    from provisioner import commands
    from provisioner.cli.jobs import cancel_undeclared_if_agreed
    from provisioner.cli.status import due_lines
    from provisioner.engine.saved import load

    for option in ("reimport", "replace"):
        if arguments.plan and getattr(arguments, option):
            raise Refused(f"--{option}", "a saved plan holds all that is done", "Leave it out, or leave --plan out")
    saved = load(Path(arguments.plan)) if arguments.plan else None
    selection = commands.Selection(
        only=saved.only if saved else addresses(arguments),
        replace=addresses(arguments, "replace"),
        reimport=arguments.reimport,
    )
    confirm = show.confirmer("Go on?", yes=arguments.yes or saved is not None)  # a saved plan has been reviewed
    with show.progress(quiet=arguments.json) as watch, opened(arguments, confirm=confirm, watch=watch) as run:
        report = commands.provision(run, selection, saved=saved)
        now = run.cloud.session.clock.decision_time()
        waits = arguments.wait_dag and not (report.failed or report.interrupted)
        unparsed = commands.await_dags_parsed(run, report) if waits else None
        if not (report.failed or report.interrupted):
            cancel_undeclared_if_agreed(run, stop=arguments.stop_jobs)
    code = show_report(arguments, report, credentials_at=now, unparsed=unparsed)
    if not arguments.json:
        show.lines(due_lines(report.plan, now))
    return code


def rotate(arguments: Namespace) -> int:
    """Replace credentials that are due."""
    from provisioner import commands
    from provisioner.cli.status import credentials, next_rotation_lines
    from provisioner.engine.documents import plan_json
    from provisioner.engine.report import plan_lines

    environment = environment_of(arguments)
    request = _request(arguments, tuple(environment.principals_in_use))
    confirm = show.confirmer("Go on?", yes=arguments.yes)
    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, environment, confirm=confirm, watch=watch) as run,
    ):
        report = commands.rotate(run, request, plan_only=arguments.plan_only)
        now = run.cloud.session.clock.decision_time()
    if arguments.plan_only:
        if arguments.json:
            show.document({**plan_json(report.plan), "credentials": list(credentials(report.plan, now))})
        else:
            show.lines((*plan_lines(report.plan), *next_rotation_lines(report.plan)))
        return 0
    code = show_report(arguments, report, credentials_at=now)
    if not arguments.json:
        show.lines(next_rotation_lines(report.plan))
        if all(one.secretless for one in environment.principals_in_use.values()):
            show.text("nothing to rotate: no principal has a client secret")
    return code


def _request(arguments: Namespace, principals: tuple[str, ...]) -> Request:
    from provisioner.model import Intent, Request

    for name in arguments.only:
        if name not in principals:
            raise Refused(name, "no principal of this environment", f"Name one of {', '.join(principals)}")
    if arguments.accept_outage and not arguments.revoke:
        raise Refused("--accept-outage", "it only goes with --revoke", "Leave it out, or add --revoke")
    intent = Intent.REVOKE if arguments.revoke else Intent.ROLLBACK if arguments.rollback else Intent.ROTATE
    return Request(
        intent=intent,
        names=tuple(arguments.only),
        force=arguments.force,
        outage=arguments.accept_outage,
        rolled_out=arguments.confirm_rolled_out,
    )


def teardown(arguments: Namespace) -> int:
    """Remove exactly what provision created."""
    from provisioner import commands

    environment = environment_of(arguments)
    if environment.protected:
        raise Protected(environment.name)
    if not (arguments.yes or arguments.plan_only or show.interactive()):
        raise Unconfirmed(environment.name)
    only = addresses(arguments)
    what = f"{', '.join(map(str, only))} of {environment.name}" if only else environment.name
    confirm = show.confirmer(f"Tear {what} down?", yes=arguments.yes, always=True)
    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, environment, confirm=confirm, watch=watch) as run,
    ):
        report = commands.teardown(run, only=only, with_contents=arguments.with_contents, plan_only=arguments.plan_only)
    if arguments.plan_only:
        show_plan(arguments, report.plan)
        return 0
    return show_report(arguments, report)
