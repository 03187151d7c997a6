"""Each command: load the spec, run the command, show the result, choose the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.opening import environment_of, opened
from provisioner.cli.reported import reported
from provisioner.errors import Protected, Refused, SpecError, Unconfirmed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from datetime import timedelta

    from provisioner.model import Address, Plan, Request
    from provisioner.render.schedules import Schedule

FAILED, PENDING, UNMET, UNREAD = 1, 2, 4, 5


def validate(arguments: Namespace) -> int:
    """Check the spec."""
    from provisioner.spec.locations import is_known

    try:
        environment = environment_of(arguments)
    except SpecError as error:
        if not arguments.json:
            raise
        problems = [vars(problem) for problem in error.problems]
        show.document({"environment": arguments.environment, "valid": False, "problems": problems})
        return FAILED
    from provisioner.cli.resolved import resolved_document, resolved_text

    if arguments.json:
        more = {"resolved": resolved_document(arguments.environment)} if arguments.resolved else {}
        show.document({"environment": environment.name, "valid": True, "problems": [], **more})
        return 0
    show.text(resolved_text(arguments.environment) if arguments.resolved else f"{environment.name}: valid")
    if not is_known(environment.cloud, environment.location):
        show.complaint(f"note: location {environment.location} is unknown to this version; `doctor` asks Azure")
    return 0


def init(arguments: Namespace) -> int:
    """Write the file of a new environment."""
    from provisioner.cli.init import init

    return init(arguments)


def import_setup(arguments: Namespace) -> int:
    """Write the file that adopts a setup made by hand."""
    from provisioner.cli.importing import import_setup

    return import_setup(arguments)


def completion(arguments: Namespace) -> int:
    """Print the code of a shell."""
    from provisioner.cli.completion import shell_code

    show.text(shell_code(arguments.shell))
    return 0


def schema(arguments: Namespace) -> int:
    """Print the JSON Schema of a spec, or of what `--json` prints."""
    if arguments.documents:
        from provisioner.cli.documents_schema import documents_schema

        show.schema(documents_schema())
    else:
        from provisioner.spec.schema import json_schema

        show.schema(json_schema())
    return 0


def bootstrap(arguments: Namespace) -> int:
    """Print the lines that make an identity for CI."""
    from provisioner.cli.bootstrap import script

    show.text(script(arguments))
    return 0


def graph(arguments: Namespace) -> int:
    """Print the Mermaid flowchart."""
    from provisioner.commands import declared_recipe
    from provisioner.engine.report import mermaid

    show.text(mermaid(declared_recipe(environment_of(arguments))).rstrip())
    return 0


def render(arguments: Namespace) -> int:
    """Print the Airflow settings and the DAG, or the settings as a file for a platform."""
    from provisioner.cli import deployment
    from provisioner.cli.rendered import rendered, rendered_text

    if arguments.format or arguments.offline or arguments.out or arguments.check:
        return PENDING if deployment.render(arguments) else 0

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
    _show_files(arguments, made)
    return 0


def workflow(arguments: Namespace) -> int:
    """Print or write the pipelines that plan, provision and rotate an environment."""
    from provisioner.cli import schedules

    _show_files(arguments, schedules.workflows(arguments.kind, arguments.environments, arguments.source))
    return 0


def _show_files(arguments: Namespace, made: Schedule) -> None:
    from provisioner.cli import schedules

    paths = schedules.written(made, Path(arguments.out)) if arguments.out else []
    if arguments.json:
        show.document(schedules.as_json(arguments.kind, made))
    else:
        show.text("\n".join(paths) if paths else schedules.as_text(made))
        for note in made.notes:
            show.complaint(note)


def plan(arguments: Namespace) -> int:
    """Show what provision would do."""
    from provisioner.commands import make_plan
    from provisioner.engine.saved import save

    only, replace = _addresses(arguments), _addresses(arguments, "replace")
    if arguments.out and replace:
        raise Refused("--replace", "a saved plan cannot hold it", "Leave --out out, and add it to `provision`")
    with show.progress(quiet=arguments.quiet), opened(arguments) as run:
        planned = make_plan(run, only, replace)
        if arguments.out:
            save(planned, run.recipe, Path(arguments.out), only)
    _show_plan(arguments, planned)
    return _detailed_exit_code(planned) if arguments.detailed_exitcode else 0


def _show_plan(arguments: Namespace, planned: Plan) -> None:
    from provisioner.engine.documents import plan_json
    from provisioner.engine.report import plan_lines

    if arguments.json:
        show.document(plan_json(planned))
    elif getattr(arguments, "markdown", False):
        from provisioner.engine.markdown import plan_markdown

        show.text(plan_markdown(planned).rstrip())
    else:
        show.lines(plan_lines(planned))


def _detailed_exit_code(planned: Plan) -> int:
    """Print which resources could not be read, and what would read them, if that is all there is to say."""
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


def provision(arguments: Namespace) -> int:
    """Make Azure match the spec."""
    from provisioner import commands
    from provisioner.cli.jobs import settle_undeclared
    from provisioner.cli.status import due_lines
    from provisioner.engine.saved import load

    for option in ("reimport", "replace"):
        if arguments.plan and getattr(arguments, option):
            raise Refused(f"--{option}", "a saved plan holds all that is done", "Leave it out, or leave --plan out")
    saved = load(Path(arguments.plan)) if arguments.plan else None
    selection = commands.Selection(
        only=saved.only if saved else _addresses(arguments),
        replace=_addresses(arguments, "replace"),
        reimport=arguments.reimport,
    )
    confirm = show.confirmer("Go on?", yes=arguments.yes or saved is not None)  # a saved plan has been reviewed
    with show.progress(quiet=arguments.json) as watch, opened(arguments, confirm=confirm, watch=watch) as run:
        report = commands.provision(run, selection, saved=saved)
        now = run.cloud.session.clock.now()
        waits = arguments.wait_dag and not (report.failed or report.interrupted)
        unparsed = commands.await_dags(run, report) if waits else None
        if not (report.failed or report.interrupted):
            settle_undeclared(run, stop=arguments.stop_jobs)
    code = reported(arguments, report, credentials_at=now, unparsed=unparsed)
    if not arguments.json:
        show.lines(due_lines(report.plan, now))
    return code


def rotate(arguments: Namespace) -> int:
    """Replace credentials that are due."""
    from provisioner import commands
    from provisioner.cli.status import credentials, next_rotation
    from provisioner.engine.documents import plan_json
    from provisioner.engine.report import plan_lines

    environment = environment_of(arguments)
    request = _request(arguments, tuple(environment.named_principals))
    confirm = show.confirmer("Go on?", yes=arguments.yes)
    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, environment, confirm=confirm, watch=watch) as run,
    ):
        report = commands.rotate(run, request, plan_only=arguments.plan_only)
        now = run.cloud.session.clock.now()
    if arguments.plan_only:
        if arguments.json:
            show.document({**plan_json(report.plan), "credentials": list(credentials(report.plan, now))})
        else:
            show.lines((*plan_lines(report.plan), *next_rotation(report.plan)))
        return 0
    code = reported(arguments, report, credentials_at=now)
    if not arguments.json:
        show.lines(next_rotation(report.plan))
        if all(one.federation for one in environment.named_principals.values()):
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
    only = _addresses(arguments)
    what = f"{', '.join(map(str, only))} of {environment.name}" if only else environment.name
    confirm = show.confirmer(f"Tear {what} down?", yes=arguments.yes, always=True)
    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, environment, confirm=confirm, watch=watch) as run,
    ):
        report = commands.teardown(run, only=only, with_contents=arguments.with_contents, plan_only=arguments.plan_only)
    if arguments.plan_only:
        _show_plan(arguments, report.plan)
        return 0
    return reported(arguments, report)


def status(arguments: Namespace) -> int:
    """Show resources, drift and each credential."""
    from provisioner import commands
    from provisioner.cli.status import Surroundings, expiring, status_json, status_lines

    within = _within(arguments.expiring)
    with show.progress(quiet=arguments.json), opened(arguments) as run:
        planned, notes = commands.status(run)
        around = Surroundings(jobs=commands.job_states(run, planned), notes=notes, choices=run.recipe.notes)
        now = run.cloud.session.clock.now()
    if arguments.json:
        show.document(status_json(planned, now, around))
    else:
        show.lines(status_lines(planned, now, around))
    return PENDING if within is not None and expiring(planned, now, within) else 0


def output(arguments: Namespace) -> int:
    """Show ids, URLs and names."""
    from provisioner.cli.outputs import output

    return output(arguments)


def report(arguments: Namespace) -> int:
    """Make the HTML page."""
    from provisioner.cli import report as html

    return html.report(arguments)


def run(arguments: Namespace) -> int:
    """Run the DAG."""
    from provisioner.cli import dag_run

    return dag_run.run(arguments)


def job(arguments: Namespace) -> int:
    """Show, cancel or save what runs of a job."""
    from provisioner.cli import jobs

    return jobs.job(arguments)


def verify(arguments: Namespace) -> int:
    """Check the provisioned environment."""
    from provisioner.cli import verification

    return verification.verify(arguments)


VERBS: dict[str, Callable[[Any], int]] = {
    "bootstrap": bootstrap,
    "completion": completion,
    "doctor": doctor,
    "graph": graph,
    "import": import_setup,
    "init": init,
    "job": job,
    "output": output,
    "plan": plan,
    "provision": provision,
    "render": render,
    "report": report,
    "schedule": schedule,
    "rotate": rotate,
    "run": run,
    "schema": schema,
    "status": status,
    "teardown": teardown,
    "validate": validate,
    "verify": verify,
    "workflow": workflow,
}


def _within(text: str | None) -> timedelta | None:
    from provisioner.spec.fields import duration

    if text is None:
        return None
    try:
        return duration(text)
    except ValueError as error:
        raise Refused("--expiring", f"{text} is not a duration", "Write one such as 14d or 12h") from error


def _addresses(arguments: Namespace, option: str = "only") -> tuple[Address, ...]:
    from provisioner.model import Address

    texts: list[str] = getattr(arguments, option)
    for text in texts:
        if "/" not in text:
            arguments.parser.error(f"--{option} {text}: write KIND/NAME, as `provisioner plan` shows it")
    return tuple(Address(*text.split("/", 1)) for text in texts)
