"""How many bad inputs were tried, counted where each one is: figures of a run of pytest, for `--figures FILE`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Counts:
    """Of this process."""

    bad_inputs: int = 0


COUNTS = Counts()


def tried(number: int = 1) -> None:
    """A hostile spec, template, jar, token or request was sent, and what came of it is asserted."""
    COUNTS.bad_inputs += number
