"""All output: lines, in colour on a terminal; live progress; questions.

Imports the model only where it is needed, so that `validate` stays fast.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.cli.group import current
from provisioner.errors import Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from rich.text import Text

    from provisioner.cloud.transport.waits import Wait
    from provisioner.engine.report import Line
    from provisioner.model import Outcome, Plan, Step

FORMAT = 1  # of what `--json` prints; a change that a reader would notice is a new one
LIVE_SECONDS = 1.0  # a wait of this length is shown in the live line
LONG_SECONDS = 10.0  # one of this length is printed, without a live line
AFTER_WRITES = "What was done before that stays; run the command again, it goes on where it stopped."
CODES = {"green": 32, "yellow": 33, "magenta": 35, "cyan": 36, "red": 31, "dim": 2}


def text(line: str) -> None:
    """Print one plain line, unbuffered: somebody may be reading along."""
    print(line, file=_out(), flush=True)


def document(content: Mapping[str, Any]) -> None:
    """Print the one JSON document of `--json`; `cli.documents` has its types."""
    group = current()
    if group is not None:
        group.document = {"format": FORMAT, **content}
    else:
        bare_json({"format": FORMAT, **content})


def failure(error: BaseException, code: int) -> None:
    """Print an error as the one JSON document."""
    from provisioner.engine.documents import error_json

    document({"error": error_json(error), "exit_code": code})


def bare_json(content: object) -> None:
    """Print an object as JSON, without the member `format`."""
    print(json.dumps(content, indent=2, default=str))


def lines(found: Iterable[Line]) -> None:
    """Print lines for people."""
    for line in found:
        print(_coloured(line), file=_out())


def complaint(message: str) -> None:
    """Print a line in red to standard error: an error, or what a person should notice."""
    from provisioner.engine.report import Line

    print(_coloured(Line(message, "red"), _err()), file=_err())


def note(message: str) -> None:
    """Print a plain line to standard error."""
    print(message, file=_err())


def warning(message: str) -> None:
    """Print what is no error to standard error."""
    from provisioner.engine.report import Line

    print(_coloured(Line(message, "yellow"), _err()), file=_err())


def on_terminal(*, quiet: bool) -> bool:
    """Whether progress can be shown live."""
    return not quiet and sys.stdout.isatty()


def interactive() -> bool:
    """Whether somebody can be asked: questions go to standard error, so that `--json` stays one document."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmer(question: str, *, yes: bool, always: bool = False) -> Callable[[Plan], None]:
    """A function that shows the plan on a terminal and asks, and raises Unconfirmed for a no.

    Without a terminal nobody can be asked: a plan that deletes or replaces (`always`: any) then raises it, too.
    """

    def confirm(plan: Plan) -> None:
        from provisioner.model import Action

        dangers = [step for step in plan.steps if step.action in (Action.DELETE, Action.REPLACE) and not step.routine]
        if yes or not (dangers or always or interactive()):
            return
        what = f"{plan.environment}: {len(dangers)} to delete or replace" if dangers else plan.environment
        if not interactive():
            raise Unconfirmed(what)
        from provisioner.engine.report import plan_lines

        with _SPINNER.resting():
            for line in plan_lines(plan):
                print(_coloured(line, _err()), file=_err())
            group = current()
            if not (group.ask() if group else ask_yes_no(question)):
                raise Unconfirmed(what, declined=True)

    return confirm


def confirm_deletion(what: str, *, yes: bool) -> None:
    """Ask before `what` is deleted. Raises Unconfirmed for a no, or if nobody can be asked."""
    if yes:
        return
    asked = interactive()
    if not asked or not ask_yes_no(f"Delete {what}?"):
        raise Unconfirmed(what, declined=asked)


def ask_if_possible(question: str) -> bool:
    """Whether somebody at a terminal says yes; no where nobody can be asked, and for one of several environments."""
    with _SPINNER.resting():
        return current() is None and interactive() and ask_yes_no(question)


def ask_yes_no(question: str) -> bool:
    """Whether the typed answer is yes; the end of the input is none."""
    prompt(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def prompt(words: str) -> None:
    """Print a part of a question, to standard error."""
    print(words, end="", file=sys.stderr, flush=True)


def typed() -> str:
    """A line that somebody types. Raises KeyboardInterrupt at the end of the input."""
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip()


class Spinner:
    """The live line of a terminal, hidden while a question is asked.

    Waits are reported by the threads that wait; the seconds go on counting between two reports.
    """

    def __init__(self) -> None:
        self._status: Any = None
        self._running: dict[str, None] = {}
        self._waits: dict[tuple[str, str], tuple[Wait, float]] = {}
        self._lock = threading.Lock()

    @property
    def live(self) -> bool:
        """Whether it is shown, or only hidden for a question."""
        return self._status is not None

    def note_wait(self, wait: Wait) -> None:
        """Take a report of a wait."""
        with self._lock:
            self._waits.pop((wait.step, wait.what), None)
            if not wait.over:
                self._waits[wait.step, wait.what] = (wait, time.perf_counter() - wait.seconds)

    def __rich__(self) -> Text:
        """The line as it is now; called at each refresh."""
        from rich.text import Text

        with self._lock:
            running, waits = list(self._running), list(self._waits.values())
        wait, began = min(waits, key=lambda found: found[1], default=(None, 0.0))
        seconds = time.perf_counter() - began
        if wait is not None and seconds >= LIVE_SECONDS:
            others = len([address for address in running if address != wait.step])
            return Text(_waiting(wait, seconds) + (f"; {others} more under way" if others else ""))
        return Text(f"{len(running)} under way: {', '.join(running[:3])}" if running else "reading")

    @contextmanager
    def spinning(self) -> Generator[Callable[[Step, Outcome | None], None]]:
        """Show it inside. Yields a watcher that updates it."""
        from rich.console import Console

        with Console().status(self) as status:
            self._status = status
            try:
                yield self._watch
            finally:
                self._status = None

    @contextmanager
    def resting(self) -> Generator[None]:
        """Hide it inside."""
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
    """A watcher that prints each outcome and, on a terminal, shows the steps that are running."""
    if quiet:
        yield lambda _step, _outcome: None
    elif current() or not sys.stdout.isatty():
        yield _print_outcome
    else:
        with _SPINNER.spinning() as watch:
            yield watch


def wait_printer(*, quiet: bool) -> Callable[[Wait], None]:
    """A function that shows waits: in the live line if there is one, else in a line once a wait takes long."""
    if quiet or current():
        return lambda _wait: None
    return _SPINNER.note_wait if _SPINNER.live else partial(_print_long_wait, set[tuple[str, str]]())


def _print_long_wait(printed: set[tuple[str, str]], wait: Wait) -> None:
    if wait.over:
        printed.discard((wait.step, wait.what))
    elif wait.seconds >= LONG_SECONDS and (wait.step, wait.what) not in printed:
        printed.add((wait.step, wait.what))
        print(f"{_waiting(wait, wait.seconds)}\n", end="", flush=True)  # one write: other threads print, too


def _waiting(wait: Wait, seconds: float) -> str:
    whose = f"{wait.step}: " if wait.step else ""
    return f"{whose}waiting for {wait.what} ({seconds:.0f} s of {wait.limit_seconds:.0f} s)"


def _print_outcome(_step: Step, outcome: Outcome | None) -> None:
    from provisioner.engine.report import interrupted_before_start, outcome_line
    from provisioner.model import Result

    if outcome is None or outcome.result in (Result.UNCHANGED, Result.DEFERRED):  # what stays deferred is listed last
        return
    if not interrupted_before_start(outcome):
        print(_coloured(outcome_line(outcome)), file=_out(), flush=True)


def _coloured(line: Line, stream: Any = None) -> str:
    """The text, coloured on a terminal unless NO_COLOR is set (https://no-color.org)."""
    plain = not (stream or _out()).isatty() or "NO_COLOR" in os.environ
    return line.text if plain or not line.style else f"\x1b[{CODES[line.style]}m{line.text}\x1b[0m"


def _out() -> Any:
    """Where this thread prints: the output of its environment, if it runs one of several."""
    group = current()
    return group.out if group else sys.stdout


def _err() -> Any:
    group = current()
    return group.err if group else sys.stderr
