"""How a command for several environments looks: a live line, the output of each, a table at the end."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from provisioner.cli import show

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager

    from provisioner.cli.group import Ended, Group

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MEANINGS = {
    0: "ok",
    1: "failed",
    2: "changes are pending, or a credential expires",
    3: "partly applied, or something remains",
    4: "a right or a precondition is missing",
    5: "no change seen, but not all could be read",
    130: "interrupted",
}
WIDEST = 100  # characters of the last column


def print_group(group: Group, *, quiet: bool) -> None:
    """Print what an environment has printed so far under its name; on standard error, with its name in each line.

    Takes it out of the group, and keeps its summary for the table.
    """
    headed, group.summary = quiet, ""
    for stream, text in group.take_output():
        lines = text.splitlines(keepends=True)
        _note_summary(group, stream, [COLOUR.sub("", line).strip() for line in lines])
        if stream == "stderr":
            named = [line if line.startswith(f"{group.name}: ") else f"{group.reference}: {line}" for line in lines]
            print("".join(named), end="", file=sys.stderr, flush=True)
        elif not headed:
            show.text(f"== {group.reference}\n{text}".rstrip("\n"))
            headed = True
        else:
            show.text(text.rstrip("\n"))


def _note_summary(group: Group, stream: str, lines: Sequence[str]) -> None:
    """Keep the last line that begins with the environment's name; before there is one, the first of an error."""
    found = [line for line in lines if group.name and line.startswith(f"{group.name}: ")]
    if stream == "stdout" and found:
        group.summary = found[-1].removeprefix(f"{group.name}: ")
    elif stream == "stderr" and not group.summary:
        group.summary = " ".join(lines[: 2 if lines[0].endswith(":") else 1])


def print_table(ended: Sequence[Ended], seconds: float) -> None:
    """One row for each environment: its exit code, seconds, and what it said of itself in the end."""
    width = max(len("environment"), *(len(one.group.reference) for one in ended))
    show.text(f"\n{'environment':{width}}  exit code  seconds  result")
    for one in ended:
        result = one.group.summary or MEANINGS[one.code]
        shown = result if len(result) <= WIDEST else f"{result[: WIDEST - 1]}…"
        show.text(f"{one.group.reference:{width}}  {one.code:>9}  {one.seconds:>7.1f}  {shown}")
    well = sum(one.code == 0 for one in ended)
    environments = "environment" if len(ended) == 1 else "environments"
    show.text(f"{len(ended)} {environments} in {seconds:.1f} s: {well} ended with 0, {len(ended) - well} did not")


@contextmanager
def live_line(status: Callable[[], str], *, quiet: bool) -> Generator[Callable[[], AbstractContextManager[None]]]:
    """Show a line on a terminal inside. Yields a function: inside of what it returns, the line is hidden."""
    if not show.on_terminal(quiet=quiet):
        yield nullcontext
        return
    from rich.console import Console
    from rich.text import Text

    class Line:
        def __rich__(self) -> Text:
            return Text(status())

    with Console().status(Line()) as shown:

        @contextmanager
        def resting() -> Generator[None]:
            shown.stop()
            yield
            shown.start()

        yield resting
