"""What Fabric answers, as the tool reads it."""

from __future__ import annotations

from provisioner.cloud.clients.fabric.objects import JobEnvironment, read_settings


def test_a_value_that_is_no_text_counts_as_hidden_so_that_nothing_sends_an_empty_one_back() -> None:
    shown = [{"name": "A", "value": "x"}, {"name": "B", "value": ""}, {"name": "C", "value": None}, {"name": "D"}]
    variables = read_settings([*shown, {"name": "E", "value": "*****"}])
    found = JobEnvironment(status="Started", triggerers="Disabled", libraries={}, variables=variables, overrides={})
    assert found.masked == ("C", "D", "E")
