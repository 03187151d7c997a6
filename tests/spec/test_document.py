"""What a file says, before anything is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.spec.document import read
from tests.environment_files import problems

if TYPE_CHECKING:
    from pathlib import Path


def test_the_variables_that_a_file_asks_for_are_known_each_once() -> None:
    text = "name: ${B}\ntags: {a: 'x${A}y', b: '${B}'}\n"
    assert read(text, "dev.yaml", {"A": "1", "B": "2"}).variables() == ("A", "B")


def test_what_is_wrong_with_a_variable_is_reported_once(tmp_path: Path) -> None:
    for broken in ("${", "${NOWHERE}"):
        found = problems(tmp_path, f'dag: "{broken}"', job=f'"{broken}"', location=f'"{broken}"')
        assert [*found] == ["location", "job", "dag"]
    twice = read("name: ${ ${\n", "dev.yaml", {})
    assert len(twice.problems) == 1
