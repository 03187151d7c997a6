"""The only print: lines in colour on a terminal, plain elsewhere; live progress; questions."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provisioner.engine.report import Line, outcome_line
from provisioner.errors import Defect, Unconfirmed
from provisioner.model import Action, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from provisioner.model import Outcome, Plan, Step

CODES = {"green": 32, "yellow": 33, "magenta": 35, "cyan": 36, "red": 31, "dim": 2}
DANGEROUS = (Action.DELETE, Action.REPLACE)


def text(line: str) -> None:
    """One plain line."""
    print(line)


def document(content: object) -> None:
    """One JSON document."""
    print(json.dumps(content, indent=2, default=str))


def lines(found: Iterable[Line]) -> None:
    """Lines for people."""
    for line in found:
        print(_coloured(line))


def complaint(message: str) -> None:
    """What went wrong, to standard error."""
    print(_coloured(Line(message, "red"), sys.stderr), file=sys.stderr)


def tracebacks(errors: Iterable[Exception | None]) -> None:
    """Where our own mistakes came from, for --debug."""
    for error in errors:
        if isinstance(error, Defect):
            traceback.print_exception(error.cause)


def interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def confirmer(question: str, *, yes: bool, always: bool = False) -> Callable[[Plan], None]:
    """Asks before a plan that deletes or replaces (`always`: before any); raises Unconfirmed without a yes."""

    def confirm(plan: Plan) -> None:
        dangers = [step for step in plan.steps if step.action in DANGEROUS]
        if yes or not (dangers or always):
            return
        what = f"{plan.environment}: {len(dangers)} to delete or replace"
        if not interactive():
            raise Unconfirmed(what)
        from provisioner.engine.report import plan_lines

        lines(plan_lines(plan))
        if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
            raise Unconfirmed(what)

    return confirm


@contextmanager
def progress(*, quiet: bool) -> Generator[Callable[[Step, Outcome | None], None]]:
    """A watcher that prints each outcome as it comes and, on a terminal, what is under way."""
    if quiet:
        yield lambda _step, _outcome: None
        return
    if not sys.stdout.isatty():
        yield _print_outcome
        return
    from rich.console import Console

    running: dict[str, None] = {}
    with Console().status("reading") as status:

        def watch(step: Step, outcome: Outcome | None) -> None:
            if outcome is None:
                running[str(step.address)] = None
            else:
                running.pop(str(step.address), None)
                _print_outcome(step, outcome)
            status.update(f"{len(running)} under way: {', '.join(list(running)[:3])}" if running else "reading")

        yield watch


def _print_outcome(_step: Step, outcome: Outcome | None) -> None:
    if outcome is not None and outcome.result is not Result.UNCHANGED:
        print(_coloured(outcome_line(outcome)), flush=True)


def _coloured(line: Line, stream: Any = None) -> str:
    """In its colour, on a terminal that wants any (https://no-color.org)."""
    plain = not (stream or sys.stdout).isatty() or "NO_COLOR" in os.environ
    return line.text if plain or not line.style else f"\x1b[{CODES[line.style]}m{line.text}\x1b[0m"
