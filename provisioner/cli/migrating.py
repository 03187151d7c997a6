"""`migrate`: an environment moves to another file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.failures import INTERRUPTED
from provisioner.cli.opening import load_spec, opened
from provisioner.cli.planned import show_plan
from provisioner.cli.reported import exit_code, show_report
from provisioner.errors import Unconfirmed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator, Sequence

    from provisioner.commands import Migration, Report

SEVERITY = (0, 3, 4, 1, INTERRUPTED)


def migrate(arguments: Namespace) -> int:
    """Do it, go on with it, go back, or show what it would do."""
    from provisioner import commands

    with _opened(arguments) as migration:
        if arguments.plan_only:
            return _show_plans(arguments, migration)
        if arguments.undo:
            return show_report(arguments, commands.undo_migration(migration))
        return _show_reports(arguments, migration, commands.migrate(migration))


@contextmanager
def _opened(arguments: Namespace) -> Generator[Migration]:
    """Both environments, signed in."""
    from provisioner import commands

    old, new = load_spec(arguments.old), load_spec(arguments.new)
    commands.require_pair(old, new)
    if not (arguments.yes or arguments.plan_only or show.interactive()):
        raise Unconfirmed(f"{old.name} to {new.name}")
    confirm = show.confirmer("Go on?", yes=arguments.yes, always=True)

    def tell(phase: str) -> None:
        if not arguments.json:
            show.text(phase)

    with (
        show.progress(quiet=arguments.json) as watch,
        opened(arguments, old, watch=watch) as before,
        opened(arguments, new, confirm=confirm, watch=watch) as after,
    ):
        yield commands.Migration(old=before, new=after, stop=arguments.stop, tell=tell)


def _show_plans(arguments: Namespace, migration: Migration) -> int:
    from provisioner import commands
    from provisioner.engine.documents import plan_json

    planned = commands.plan_migration(migration)
    if arguments.json:
        _show_document(migration, [plan_json(planned.new), plan_json(planned.old)], planned.work)
    else:
        show_plan(arguments, planned.new)
        show.text(f"then, of {migration.old.environment.name}:")
        show_plan(arguments, planned.old)
        for line in planned.work:
            show.text(line)
    return 0


def _show_reports(arguments: Namespace, migration: Migration, reports: Sequence[Report]) -> int:
    from provisioner.engine.documents import outcomes_json

    if not arguments.json:
        codes = [show_report(arguments, report) for report in reports]
        if not reports:
            show.text(f"{migration.new.environment.name}: nothing to do")
        return max(codes, key=SEVERITY.index, default=0)
    _show_document(migration, [outcomes_json(one.plan, one.outcomes, one.error) for one in reports])
    return max(map(exit_code, reports), key=SEVERITY.index, default=0)


def _show_document(migration: Migration, phases: Sequence[dict[str, Any]], work: Sequence[str] = ()) -> None:
    names = {"environment": migration.new.environment.name, "old": migration.old.environment.name}
    show.document({**names, "phases": [{"format": show.FORMAT, **phase} for phase in phases], "work": [*work]})
