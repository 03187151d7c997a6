"""Templates of the current folder come before those of the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.spec.templates import SHIPPED, find_template, or_shipped
from tests.environment_files import loaded

if TYPE_CHECKING:
    from pathlib import Path

DAG = "dags/flink_wordcount.py.j2"
JAR = "jobs/wordcount/wordcount.jar"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be called in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_folder_without_templates_they_are_the_tools(here: Path) -> None:
    assert find_template(DAG) == SHIPPED / DAG
    assert or_shipped(here / "environments" / ".." / "templates" / JAR) == SHIPPED / JAR
    assert loaded(here).dag.template == SHIPPED / DAG


def test_one_of_the_folder_comes_first(here: Path) -> None:
    own = here / "templates" / DAG
    own.parent.mkdir(parents=True)
    own.write_text("x = 1\n")
    assert find_template(DAG) == or_shipped(own) == loaded(here).dag.template == own


@pytest.mark.parametrize(
    "name", ["templates/other.jar", "jobs/wordcount/wordcount.jar", "templates/../x.jar", "x" * 5000]
)
def test_any_other_path_stays_as_it_is(here: Path, name: str) -> None:
    assert or_shipped(here / name) == here / name


def test_templates_elsewhere_are_not_looked_for_in_the_tool(here: Path) -> None:
    assert or_shipped(here.parent / "templates" / JAR) == here.parent / "templates" / JAR
