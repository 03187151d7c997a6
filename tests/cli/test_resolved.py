"""`validate --resolved`: the file with what it extends, and where each value comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from tests.command_line import Cli


def test_it_shows_the_result_with_the_source_of_each_value_and_no_secret(cli: Cli) -> None:
    base = cli.file.with_name("base.yaml")
    base.write_text(yaml.safe_dump({**cli.spec, "variables": {"a": "hush", "b": "${HOME}"}, "dags": []}))
    cli.spec = {"extends": "base.yaml", "name": "mine", "tags": {"price": "$${x}"}}

    text = cli.done("validate", "--resolved").out.splitlines()

    assert f"name: mine  # {cli.file}:2" in text
    assert f"  price: $${{x}}  # {cli.file}:4" in text
    assert any(line.startswith(f"cloud: local  # {base}:") for line in text)
    assert "extends" not in "\n".join(text)
    assert any(line.startswith("  a: (secret)  # ") for line in text)
    assert any(line.startswith("  b: ${HOME}  # ") for line in text)
    rows = {row["path"]: row for row in cli.done("validate", "--resolved", "--json").json()["resolved"]}
    assert rows["name"] == {"path": "name", "value": "mine", "file": str(cli.file), "line": 2}
    assert (rows["dags"]["value"], rows["dags"]["file"]) == ([], str(base))
    assert (rows["variables.a"]["value"], rows["tags.price"]["value"]) == ("(secret)", "$${x}")
