"""The only print: lines in colour on a terminal, plain elsewhere; live progress; questions.

Imports the nouns only where something bears them: `validate` has none to show.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.errors import Defect, Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from rich.text import Text

    from provisioner.cloud.transport.waits import Wait
    from provisioner.engine.report import Line
    from provisioner.model import Outcome, Plan, Step

LIVE_SECONDS = 1.0  # a wait of this length is shown where a live line is
LONG_SECONDS = 10.0  # one of this length is told in a line elsewhere
CLOCK_ADMITS = timedelta(minutes=5)
CODES = {"green": 32, "yellow": 33, "magenta": 35, "cyan": 36, "red": 31, "dim": 2}


def text(line: str) -> None:
    """One plain line, at once: whoever reads along waits for it."""
    print(line, flush=True)


def document(content: object) -> None:
    """One JSON document."""
    print(json.dumps(content, indent=2, default=str))


def lines(found: Iterable[Line]) -> None:
    """Lines for people."""
    for line in found:
        print(_coloured(line))


def complaint(message: str) -> None:
    """What went wrong, to standard error."""
    from provisioner.engine.report import Line

    print(_coloured(Line(message, "red"), sys.stderr), file=sys.stderr)


def clock(ahead: timedelta) -> None:
    """That this machine's clock is wrong, to standard error: tokens and dates are then misjudged."""
    if abs(ahead) > CLOCK_ADMITS:
        from provisioner.engine.report import Line

        minutes = round(abs(ahead).total_seconds() / 60)
        side = "ahead of" if ahead > timedelta() else "behind"
        told = f"This machine's clock is {minutes} minutes {side} Azure's; set it (`timedatectl set-ntp true`)."
        print(_coloured(Line(told, "yellow"), sys.stderr), file=sys.stderr)


def tracebacks(errors: Iterable[Exception | None]) -> None:
    """Where our own mistakes came from, for --debug."""
    for error in errors:
        if isinstance(error, Defect):
            traceback.print_exception(error.cause)


@contextmanager
def debugging(wanted: bool, signs_in: str) -> Generator[None]:  # noqa: FBT001  # an option, passed on
    """Which credential is used, and every request (method, URL, status, time), to standard error."""
    log, handler = logging.getLogger("provisioner.http"), logging.StreamHandler(sys.stderr)
    if not wanted:
        yield
        return
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.info("signing in with: %s", signs_in)
    try:
        yield
    finally:
        log.removeHandler(handler)


def on_terminal(*, quiet: bool) -> bool:
    """Whether what is under way can be shown live."""
    return not quiet and sys.stdout.isatty()


def interactive() -> bool:
    """Whether somebody can be asked: questions go to standard error, so that `--json` stays one document."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmer(question: str, *, yes: bool, always: bool = False) -> Callable[[Plan], None]:
    """Asks before a plan that deletes or replaces (`always`: before any); raises Unconfirmed without a yes."""

    def confirm(plan: Plan) -> None:
        from provisioner.model import Action

        dangers = [step for step in plan.steps if step.action in (Action.DELETE, Action.REPLACE) and not step.routine]
        if yes or not (dangers or always):
            return
        what = f"{plan.environment}: {len(dangers)} to delete or replace"
        if not interactive():
            raise Unconfirmed(what)
        from provisioner.engine.report import plan_lines

        with _SPINNER.resting():
            for line in plan_lines(plan):
                print(_coloured(line, sys.stderr), file=sys.stderr)
            if _answer(f"{question} [y/N] ") not in {"y", "yes"}:
                raise Unconfirmed(what)

    return confirm


def _answer(question: str) -> str:
    """What is typed; nothing where the input ends."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower()


class Spinner:
    """The one live line of a terminal; rests while a question is asked.

    What is waited for comes from the threads that wait; seconds count on between two words of theirs.
    """

    def __init__(self) -> None:
        self._status: Any = None
        self._running: dict[str, None] = {}
        self._waits: dict[tuple[str, str], tuple[Wait, float]] = {}
        self._lock = threading.Lock()

    @property
    def live(self) -> bool:
        """Whether it is shown, or would be but for a question."""
        return self._status is not None

    def wait(self, wait: Wait) -> None:
        """Told of it by whoever waits."""
        with self._lock:
            self._waits.pop((wait.about, wait.what), None)
            if not wait.over:
                self._waits[wait.about, wait.what] = (wait, time.perf_counter() - wait.seconds)

    def __rich__(self) -> Text:
        """The line as it is now, asked for at each refresh."""
        from rich.text import Text

        with self._lock:
            running, waits = list(self._running), list(self._waits.values())
        wait, began = min(waits, key=lambda found: found[1], default=(None, 0.0))
        seconds = time.perf_counter() - began
        if wait is not None and seconds >= LIVE_SECONDS:
            others = len([address for address in running if address != wait.about])
            return Text(_waiting(wait, seconds) + (f"; {others} more under way" if others else ""))
        return Text(f"{len(running)} under way: {', '.join(running[:3])}" if running else "reading")

    @contextmanager
    def spinning(self) -> Generator[Callable[[Step, Outcome | None], None]]:
        """Shown until the end; the watcher keeps it true."""
        from rich.console import Console

        with Console().status(self) as status:
            self._status = status
            try:
                yield self._watch
            finally:
                self._status = None

    @contextmanager
    def resting(self) -> Generator[None]:
        """Not shown meanwhile."""
        if self._status is None:
            yield
            return
        self._status.stop()
        yield
        self._status.start()

    def _watch(self, step: Step, outcome: Outcome | None) -> None:
        with self._lock:
            self._running.pop(str(step.address), None)
            if outcome is None:
                self._running[str(step.address)] = None
        _print_outcome(step, outcome)


_SPINNER = Spinner()


@contextmanager
def progress(*, quiet: bool) -> Generator[Callable[[Step, Outcome | None], None]]:
    """A watcher that prints each outcome as it comes and, on a terminal, what is under way."""
    if quiet:
        yield lambda _step, _outcome: None
    elif not sys.stdout.isatty():
        yield _print_outcome
    else:
        with _SPINNER.spinning() as watch:
            yield watch


def waiter(*, quiet: bool) -> Callable[[Wait], None]:
    """Shows what is waited for: in the live line where there is one, elsewhere in a line once it takes long."""
    if quiet:
        return lambda _wait: None
    return _SPINNER.wait if _SPINNER.live else partial(_print_long_wait, set[tuple[str, str]]())


def _print_long_wait(told: set[tuple[str, str]], wait: Wait) -> None:
    if wait.over:
        told.discard((wait.about, wait.what))
    elif wait.seconds >= LONG_SECONDS and (wait.about, wait.what) not in told:
        told.add((wait.about, wait.what))
        print(f"{_waiting(wait, wait.seconds)}\n", end="", flush=True)  # one write: other threads print, too


def _waiting(wait: Wait, seconds: float) -> str:
    whose = f"{wait.about}: " if wait.about else ""
    return f"{whose}waiting for {wait.what} ({seconds:.0f} s of {wait.of_seconds:.0f} s)"


def _print_outcome(_step: Step, outcome: Outcome | None) -> None:
    from provisioner.engine.report import outcome_line
    from provisioner.model import Result

    if outcome is not None and outcome.result is not Result.UNCHANGED:
        print(_coloured(outcome_line(outcome)), flush=True)


def _coloured(line: Line, stream: Any = None) -> str:
    """In its colour, on a terminal that wants any (https://no-color.org)."""
    plain = not (stream or sys.stdout).isatty() or "NO_COLOR" in os.environ
    return line.text if plain or not line.style else f"\x1b[{CODES[line.style]}m{line.text}\x1b[0m"
