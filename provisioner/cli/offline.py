"""Commands about the environment file alone: check it, draw it, print what it becomes.

No network, but for `render --format`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.opening import environment_of
from provisioner.errors import SpecError

if TYPE_CHECKING:
    from argparse import Namespace

    from provisioner.render.schedules import Schedule

FAILED, PENDING = 1, 2


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


def completion(arguments: Namespace) -> int:
    """Print what a shell evaluates to complete `provisioner`."""
    from provisioner.cli.completion import shell_code

    show.text(shell_code(arguments.shell))
    return 0


def schema(arguments: Namespace) -> int:
    """Print the JSON Schema of a spec, or of what `--json` prints."""
    if arguments.documents:
        from provisioner.cli.documents_schema import documents_schema

        show.bare_json(documents_schema())
    else:
        from provisioner.spec.schema import json_schema

        show.bare_json(json_schema())
    return 0


def bootstrap(arguments: Namespace) -> int:
    """Print the lines that make an identity for CI."""
    from provisioner.cli.bootstrap import script

    show.text(script(arguments))
    return 0


def graph(arguments: Namespace) -> int:
    """Print the Mermaid flowchart."""
    from provisioner.commands import declared_recipe
    from provisioner.engine.report import dependency_flowchart

    show.text(dependency_flowchart(declared_recipe(environment_of(arguments))).rstrip())
    return 0


def render(arguments: Namespace) -> int:
    """Print the Airflow settings and the DAG, or the settings as a file for a platform.

    Returns 2 if a compared file differs.
    """
    from provisioner.cli import deployment
    from provisioner.cli.rendered import render_document, render_text

    if arguments.format or arguments.offline or arguments.out or arguments.check or arguments.others:
        return PENDING if deployment.render_or_compare(arguments) else 0

    found = render_document(environment_of(arguments))
    if arguments.json:
        show.document(found)
    else:
        show.text(render_text(found))
    return 0


def schedule(arguments: Namespace) -> int:
    """Print or write the files that run an environment's rotation."""
    from provisioner.cli import schedules

    made = schedules.rendered(arguments.kind, arguments.environments, arguments.directory, pools=arguments.pools)
    _write_or_show_files(arguments, made)
    return 0


def workflow(arguments: Namespace) -> int:
    """Print or write the pipelines that plan, provision and rotate an environment."""
    from provisioner.cli import schedules

    _write_or_show_files(arguments, schedules.workflows(arguments.kind, arguments.environments, arguments.source))
    return 0


def _write_or_show_files(arguments: Namespace, made: Schedule) -> None:
    from provisioner.cli import schedules

    paths = schedules.write_files(made, Path(arguments.out)) if arguments.out else []
    if arguments.json:
        show.document(schedules.as_json(arguments.kind, made))
    else:
        show.text("\n".join(paths) if paths else schedules.as_text(made))
        for note in made.notes:
            show.complaint(note)
