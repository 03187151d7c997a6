"""What a target has that says nothing of its own."""

from __future__ import annotations

from typing import ClassVar, Literal

from provisioner.spec.targets.contract import EnvironmentContext, FlinkTarget


class Least(FlinkTarget):
    """A Flink that no Azure resource stands for."""

    service: ClassVar[str] = "nothing"
    target: Literal["least"]


def test_a_section_follows_from_nothing_and_asks_for_nothing_by_default() -> None:
    section = Least(target="least")
    assert section.with_environment_defaults(EnvironmentContext(name="dev", group_id="/subscriptions/x")) == section
    assert [*section.problems(local=True)] == []
    assert (section.scope, section.uses_api_principal, section.dag_values()) == ("", False, {})
    assert section.part == "test_contract"
