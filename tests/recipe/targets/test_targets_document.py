"""docs/targets.md compares every target that there is, and its examples are files of environments/."""

from __future__ import annotations

import re

import pytest

from provisioner.spec.targets import target_classes
from tests.command_line import ROOT
from tests.end_to_end.life import BASES

PAGE = (ROOT / "docs/targets.md").read_text(encoding="utf-8")
ROWS = {"needs", "can prove", "cannot", "what it is", "state of the service"}


@pytest.mark.parametrize(("role", "title"), [("airflow", "What hosts Airflow"), ("flink", "What runs Flink")])
def test_each_target_has_a_column_with_what_one_needs_to_choose(role: str, title: str) -> None:
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = (line.strip("|").split("|") for line in section.splitlines() if "|" in line)
    header, _, *rows = [[cell.strip() for cell in cells] for cells in lines]
    assert {name.strip("`") for name in header if name} == set(target_classes(role)) & set(BASES)
    assert {row[0].partition(" (")[0] for row in rows} >= ROWS
    assert [row[0] for row in rows if not all(row) or len(row) != len(header)] == []


def test_the_examples_that_it_names_are_there() -> None:
    named = re.findall(r"ENV=([\w-]+)|, likewise `([\w-]+)`|, `([\w-]+)`\nand `([\w-]+)`", PAGE)
    names = {name for one in named for name in one if name}
    assert names == {"fabric", "self-managed", "flink-rest", "local"}
    assert [name for name in names if not (ROOT / f"environments/{name}.yaml").exists()] == []
