"""Fields of an environment as a file that says the same when it is read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provisioner.render.environment_file import AsWritten, environment_text
from provisioner.spec.document import read

TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=20)
FIELDS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    TEXTS | st.lists(TEXTS, min_size=1, max_size=3) | st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)


@given(FIELDS)
def test_what_was_written_is_read(fields: dict[str, Any]) -> None:
    assert read(environment_text((), fields, {}), "dev.yaml", {}).data == fields


def test_it_begins_with_the_schema_and_explains_its_fields() -> None:
    fields: dict[str, Any] = {
        "name": "dev",
        "protected": True,
        "airflow": {"target": "x", "overrides": {}, "requirements": ["a==1"]},
        "variables": {"a": AsWritten("${A}"), "b": "${B}"},
    }
    assert environment_text(["Mine.", ""], fields, {("airflow", "target"): "why"}).splitlines() == [
        "# yaml-language-server: $schema=environment.schema.json",
        "# Mine.",
        "#",
        "name: dev",
        "protected: true",
        "",
        "airflow:",
        "  target: x  # why",
        "  overrides: {}",
        "  requirements:",
        "    - a==1",
        "",
        "variables:",
        "  a: ${A}",
        "  b: $${B}",
    ]
