"""docs/environment.md and the model say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from provisioner.render.dag import Hosts, dag_values
from tests.environment_files import load
from tests.spec.field_rows import rows

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/environment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", list(rows()))
def test_every_field_is_documented(row: str) -> None:
    assert f"\n{row}\n" in DOCUMENT


def test_no_field_is_documented_that_is_not_there() -> None:
    documented = re.findall(r"^\| `[\w.\[\]-]+` \| .+ \| .+ \|$", DOCUMENT, re.MULTILINE)
    assert set(documented) == set(rows())


def test_it_begins_with_ten_lines_that_are_an_environment(tmp_path: Path) -> None:
    example = DOCUMENT.split("```yaml\n")[1].split("```")[0]
    assert len(example.splitlines()) == 10
    (tmp_path / "environments").mkdir()
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    (tmp_path / "environments/ten.yaml").write_text(example)
    assert load("ten", tmp_path / "environments", environ={}).name == "dev"


def test_every_value_a_template_can_name_is_documented() -> None:
    environment = load("dev", ROOT / "environments", environ={})
    values = dag_values(environment, environment.all_jobs[0], Hosts())
    for name, value in values.items():
        keys = list(cast("dict[str, object]", value)) if isinstance(value, dict) else []
        for path in [f"{name}.{key}" for key in keys] or [name]:
            assert f"`{path}`" in DOCUMENT
