"""What README.md and docs/many.md say of the command line is what it takes."""

from __future__ import annotations

import argparse
import re
from typing import Any

import pytest

from provisioner.cli.arguments import parser
from tests.cli.test_documents import verbs_with_json
from tests.command_line import ROOT, Cli

NAMES = re.compile(r"`([a-z ]+)`")
MANY = (ROOT / "docs/many.md").read_text()


def verbs() -> dict[str, Any]:
    """By name, the parser of each command that has no commands of its own."""

    def within(one: Any, name: str = "") -> dict[str, Any]:
        inner = [found.choices for found in one._actions if found.nargs == argparse.PARSER]
        if not inner:
            return {name: one}
        return {key: leaf for verb, made in inner[0].items() for key, leaf in within(made, f"{name} {verb}").items()}

    return {name.strip(): made for name, made in within(parser()).items()}


def taking(*fields: str) -> set[str]:
    """The commands whose names of environments are these fields."""
    known = {"environment", "environments", "old", "new", "others", "all"}
    own = {name: known & {action.dest for action in made._actions} for name, made in verbs().items()}
    return {name for name, found in own.items() if found == set(fields)}


def named(text: str, begin: str, end: str) -> set[str]:
    """What stands in backticks from the words `begin` to the words `end`."""
    return set(NAMES.findall(begin + text.partition(begin)[2].partition(end)[0]))


def test_the_page_on_many_environments_names_the_commands_that_take_several_and_those_that_take_one() -> None:
    assert named(MANY, "`doctor`", "run for several") == taking("environments", "all")
    assert named(MANY, "`bootstrap`", "take one environment") == taking("environment") | taking("environment", "others")
    assert taking("environment", "others") == {"render"}
    assert named(MANY, "`schedule`", "take several") == taking("environments")
    assert named(MANY, "`migrate`", "takes the two") == taking("old", "new")


@pytest.mark.parametrize("verb", sorted(taking("environment")))
def test_a_command_for_one_environment_refuses_a_second(cli: Cli, verb: str) -> None:
    more = {"job": ("wordcount", "status"), "run": ("wordcount",), "bootstrap": ("--service-principal",)}.get(verb, ())

    said = cli.run(verb, "dev", *more, "prod")

    assert (said.code, "unrecognized arguments: prod" in said.err) == (1, True), said.err
    assert cli.writes() == []


def test_the_readme_names_the_commands_without_json() -> None:
    (row,) = [line for line in (ROOT / "README.md").read_text().splitlines() if "`--json` after any of these" in line]
    without, _, more = row.partition(" but ")[2].partition("one document")[0].partition(", and after ")
    table = (ROOT / "README.md").read_text()
    with_json = set(verbs_with_json(parser()))

    assert {name for name in verbs() if name.split()[0] != "local"} - with_json == set(NAMES.findall(without)) - {
        "local exec"
    }
    assert {name for name in with_json if name.split()[0] == "local"} == set(NAMES.findall(more))
    assert "local exec" not in with_json
    assert "provisioner local exec" in table
