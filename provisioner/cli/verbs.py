"""Each verb on an environment: load the spec, call the command, show the result, choose the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.opening import environment_of, opened
from provisioner.errors import NotAuthorized, NotInUse, Protected, Refusals, Refused, SpecError, Unconfirmed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from provisioner.commands import Report
    from provisioner.model import Address, Asked

FAILED, PENDING, PARTLY, UNMET, INTERRUPTED = 1, 2, 3, 4, 130
PRECONDITIONS = (NotAuthorized, Refused, Refusals)


def validate(arguments: Namespace) -> int:
    """Check the spec."""
    try:
        environment = environment_of(arguments)
    except SpecError as error:
        if not arguments.json:
            raise
        problems = [vars(problem) for problem in error.problems]
        show.document({"environment": arguments.environment, "valid": False, "problems": problems})
        return FAILED
    if arguments.json:
        show.document({"environment": environment.name, "valid": True, "problems": []})
    else:
        show.text(f"{environment.name}: valid")
    return 0


def schema(_arguments: Namespace) -> int:
    """Print the JSON Schema."""
    from provisioner.spec.schema import json_schema

    show.document(json_schema())
    return 0


def graph(arguments: Namespace) -> int:
    """Print the Mermaid flowchart."""
    from provisioner.commands import declared
    from provisioner.engine.report import mermaid

    show.text(mermaid(declared(environment_of(arguments))).rstrip())
    return 0


def render(arguments: Namespace) -> int:
    """Print the Airflow settings and the DAG."""
    from provisioner.cli.rendered import rendered, rendered_text

    found = rendered(environment_of(arguments))
    if arguments.json:
        show.document(found)
    else:
        show.text(rendered_text(found))
    return 0


def schedule(arguments: Namespace) -> int:
    """Print or write the files that run an environment's rotation."""
    from provisioner.cli import schedules

    made = schedules.rendered(arguments.kind, arguments.environments, arguments.directory)
    paths = schedules.written(made, Path(arguments.out)) if arguments.out else []
    if arguments.json:
        show.document(schedules.as_json(arguments.kind, made))
    else:
        show.text("\n".join(paths) if paths else schedules.as_text(made))
        for note in made.notes:
            show.complaint(note)
    return 0


def plan(arguments: Namespace) -> int:
    """Show what provision would do."""
    from provisioner.commands import make_plan
    from provisioner.engine.report import plan_json, plan_lines
    from provisioner.engine.saved import save

    only = _addresses(arguments)
    with show.progress(quiet=arguments.json), opened(arguments) as run:
        made = make_plan(run, only)
    if arguments.out:
        save(made, Path(arguments.out), only)
    if arguments.json:
        show.document(plan_json(made))
    else:
        show.lines(plan_lines(made))
    return PENDING if arguments.detailed_exitcode and made.pending else 0


def doctor(arguments: Namespace) -> int:
    """Show whether provision could succeed."""
    from provisioner import commands
    from provisioner.engine.report import findings_json, findings_lines

    with show.progress(quiet=arguments.json), opened(arguments) as run:
        findings = commands.doctor(run)
    document = findings_json(run.environment.name, findings)
    if arguments.json:
        show.document(document)
    else:
        show.lines(findings_lines(run.environment.name, findings))
    return 0 if document["ready"] else UNMET


def provision(arguments: Namespace) -> int:
    """Make the environment as its spec says."""
    from provisioner import commands
    from provisioner.cli.status import due_lines
    from provisioner.engine.saved import load

    saved = load(Path(arguments.plan)) if arguments.plan else None
    only = saved.only if saved else _addresses(arguments)
    confirm = show.confirmer("Go on?", yes=arguments.yes)
    with show.progress(quiet=arguments.json) as watch, opened(arguments, confirm=confirm, watch=watch) as run:
        report = commands.provision(run, only=only, saved=saved)
        now = run.cloud.session.clock.now()
        waits = arguments.wait_dag and not (report.failed or report.interrupted)
        unparsed = commands.await_dag(run, report) if waits else None
    code = _reported(arguments, report, credentials_at=now)
    if not arguments.json:
        show.lines(due_lines(report.plan, now))
    if unparsed is not None:
        raise unparsed
    return code


def rotate(arguments: Namespace) -> int:
    """Replace credentials that are due."""
    from provisioner import commands
    from provisioner.cli.status import credentials, next_rotation
    from provisioner.engine.report import plan_json, plan_lines

    environment = environment_of(arguments)
    asked = _asked(arguments, tuple(environment.principals.named))
    confirm = show.confirmer("Go on?", yes=arguments.yes)
    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, environment, confirm=confirm, watch=watch) as run,
    ):
        report = commands.rotate(run, asked, plan_only=arguments.plan_only)
        now = run.cloud.session.clock.now()
    if arguments.plan_only:
        if arguments.json:
            show.document({**plan_json(report.plan), "credentials": list(credentials(report.plan, now))})
        else:
            show.lines((*plan_lines(report.plan), *next_rotation(report.plan)))
        return 0
    code = _reported(arguments, report, credentials_at=now)
    if not arguments.json:
        show.lines(next_rotation(report.plan))
    return code


def _asked(arguments: Namespace, principals: tuple[str, ...]) -> Asked:
    from provisioner.model import Asked, Intent

    for name in arguments.only:
        if name not in principals:
            raise Refused(name, "no principal of this environment", f"Name one of {', '.join(principals)}")
    if arguments.accept_outage and not arguments.revoke:
        raise Refused("--accept-outage", "it only goes with --revoke", "Leave it out, or add --revoke")
    intent = Intent.REVOKE if arguments.revoke else Intent.ROLLBACK if arguments.rollback else Intent.ROTATE
    return Asked(intent=intent, names=tuple(arguments.only), force=arguments.force, outage=arguments.accept_outage)


def teardown(arguments: Namespace) -> int:
    """Remove exactly what provision made."""
    from provisioner import commands

    environment = environment_of(arguments)
    yes = arguments.yes or environment.cloud == "local"
    if environment.protected:
        raise Protected(environment.name)
    if not (yes or show.interactive()):
        raise Unconfirmed(environment.name)
    confirm = show.confirmer(f"Tear {environment.name} down?", yes=yes, always=True)
    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, environment, confirm=confirm, watch=watch) as run,
    ):
        report = commands.teardown(run, with_contents=arguments.with_contents)
    return _reported(arguments, report)


def status(arguments: Namespace) -> int:
    """Show what is there, drift, and each credential."""
    from provisioner.cli.status import expiring, status_json, status_lines
    from provisioner.commands import make_plan, notes

    within = _within(arguments.expiring)
    with show.progress(quiet=arguments.json), opened(arguments) as run:
        made, now, told = make_plan(run), run.cloud.session.clock.now(), notes(run)
    if arguments.json:
        show.document(status_json(made, now, told))
    else:
        show.lines(status_lines(made, now, told))
    return PENDING if within is not None and expiring(made, now, within) else 0


def output(arguments: Namespace) -> int:
    """Show ids, URLs and names."""
    from provisioner.commands import outputs

    with show.progress(quiet=arguments.json), opened(arguments) as run:
        found = {address: published for address, published in outputs(run).items() if published}
    if arguments.json:
        show.document({"environment": run.environment.name, "resources": found})
    else:
        for address, published in found.items():
            for name, value in published.items():
                show.text(f"{address}.{name} = {value}")
    return 0


def run(arguments: Namespace) -> int:
    """Run the DAG."""
    from provisioner.cli import dag_run

    return dag_run.run(arguments)


def verify(arguments: Namespace) -> int:
    """Check the provisioned environment."""
    from provisioner.cli import verification

    return verification.verify(arguments)


VERBS: dict[str, Callable[[Any], int]] = {
    "doctor": doctor,
    "graph": graph,
    "output": output,
    "plan": plan,
    "provision": provision,
    "render": render,
    "schedule": schedule,
    "rotate": rotate,
    "run": run,
    "schema": schema,
    "status": status,
    "teardown": teardown,
    "validate": validate,
    "verify": verify,
}


def _within(text: str | None) -> timedelta | None:
    from provisioner.spec.fields import duration

    if text is None:
        return None
    try:
        return duration(text)
    except ValueError as error:
        raise Refused("--expiring", f"{text} is no duration", "Write one such as 14d or 12h") from error


def _reported(arguments: Namespace, report: Report, *, credentials_at: datetime | None = None) -> int:
    """credentials_at: the document tells of credentials, too, as of that time."""
    from provisioner.cli.status import credentials
    from provisioner.engine.report import outcomes_json, outcomes_summary, remaining_lines

    if arguments.json:
        told = {"credentials": list(credentials(report.plan, credentials_at))} if credentials_at else {}
        show.document({**outcomes_json(report.plan, report.outcomes), **told})
    else:
        show.lines(remaining_lines(report.outcomes))
        show.text(outcomes_summary(report.plan.environment, report.outcomes))
    if arguments.debug:
        show.tracebacks(outcome.error for outcome in report.outcomes)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """Of a verb that writes, by what became of its steps."""
    if report.interrupted:
        return INTERRUPTED
    if not report.failed:
        return PARTLY if report.remains else 0
    errors = [outcome.error for outcome in report.outcomes if outcome.error is not None]
    held_up = bool(errors) and all(isinstance(error, NotInUse) for error in errors)
    if held_up or any(outcome.result == "done" for outcome in report.outcomes):
        return PARTLY
    return UNMET if errors and all(isinstance(error, PRECONDITIONS) for error in errors) else FAILED


def _addresses(arguments: Namespace) -> tuple[Address, ...]:
    from provisioner.model import Address

    for text in arguments.only:
        if "/" not in text:
            arguments.parser.error(f"--only {text}: write KIND/NAME, as `provisioner plan` shows it")
    return tuple(Address(*text.split("/", 1)) for text in arguments.only)
