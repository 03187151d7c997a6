"""A route of the local Azure needs a caller, and a client in tests a hundred lines at most: docs/adr/0024.

`localazure/callers.md` says for each service how many routes it has and who calls them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localazure.discovery import find_services

TOP = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([a-z_ ]+?) \| (\d+) \|(.*)\|(.*)\|$", re.MULTILINE)
PROGRAMS = [
    file
    for folder in ("programs", "javascript")
    for file in sorted((TOP / "tests/clients" / folder).iterdir())
    if file.suffix in {".py", ".mjs"}
]
LONGEST = 100


def rows() -> list[tuple[str, int, str]]:
    """Each service, how many routes it has, and who calls them."""
    found = ROW.findall((TOP / "localazure/callers.md").read_text(encoding="utf-8"))
    return [(name, int(routes), f"{here}{others}".strip()) for name, routes, here, others in found]


def test_no_route_comes_without_its_caller() -> None:
    listed = {name: routes for name, routes, _ in rows()}
    present = {service.name: len(service.routes) for service in find_services()}
    assert listed == present, "say in localazure/callers.md who calls the routes that came, or take out those that went"
    assert all(callers for _, _, callers in rows())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_client_has_at_most_a_hundred_lines(program: Path) -> None:
    assert len(program.read_text(encoding="utf-8").splitlines()) <= LONGEST
