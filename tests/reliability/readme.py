"""README's table of `make reliability`: written between two marks, from figures that were counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reliability.tally import Figures

BEGIN, END = "<!-- make reliability ARGS=--readme writes what follows -->", "<!-- to here -->"
MARKED = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)


def with_table(readme: str, figures: Figures) -> str:
    """The README with these figures in the marked place. Raises ValueError if it has no such place."""
    if not MARKED.search(readme):
        raise ValueError(f"README.md has no line {BEGIN!r} with {END!r} below it")
    quoted = "".join(f"    {line}".rstrip() + "\n" for line in figures.text.splitlines())
    return MARKED.sub(lambda _: f"\n{quoted}\n", readme)
