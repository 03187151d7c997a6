"""What a file says, before anything is made of it."""

from __future__ import annotations

from provisioner.spec.document import read


def test_the_variables_that_a_file_asks_for_are_known_each_once() -> None:
    text = "name: ${B}\ntags: {a: 'x${A}y', b: '${B}'}\n"
    assert read(text, "dev.yaml", {"A": "1", "B": "2"}).variables() == ("A", "B")
