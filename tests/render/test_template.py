"""Templates are rendered within bounds, and no text in them becomes code."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.render import template
from provisioner.render.template import as_json, as_python


@given(st.text())
def test_no_text_becomes_code(value: str) -> None:
    assert ast.literal_eval(as_python(value)) == value
    assert json.loads(as_json(value)) == value


def test_a_template_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "SECONDS", 0.05)
    rounds = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(template.TemplateProblem) as refused:
        template.render_text(rounds, {})
    assert "without end" in refused.value.wrong


def test_a_template_that_grows_beyond_two_mebibytes_is_refused() -> None:
    with pytest.raises(template.TemplateProblem) as refused:
        template.render_text("{% for a in range(30) %}{{ 'x' * 100000 }}{% endfor %}", {})
    assert "2 MiB" in refused.value.wrong
