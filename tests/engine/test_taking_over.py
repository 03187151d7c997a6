"""Owner tags of another environment: adopted, unless a migration leaves that one for this one."""

from __future__ import annotations

import pytest

from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision
from provisioner.model import Action, Request
from tests.engine.toy_cloud import ToyCloud
from tests.engine.toys import KINDS, node, recipe

BOX = node("box/b", value="x")


@pytest.mark.parametrize(
    ("owner", "predecessor", "value", "expected"),
    [
        ("old", "old", "x", {"owner"}),
        ("old", "old", "differs", {"owner", "value"}),
        ("other", "old", "differs", set[str]()),
        ("old", "", "differs", set[str]()),
        ("", "", "differs", set[str]()),
    ],
)
def test_only_the_tag_of_the_environment_that_is_left_is_changed(
    owner: str, predecessor: str, value: str, expected: set[str]
) -> None:
    world = ToyCloud(things={"box/b": {"value": value, "ours": False, "owner": owner}})
    declared = recipe(BOX)

    request = Request(predecessor=predecessor, takes_over=True)
    made = plan_provision(declared, observe(world.as_cloud(), declared, KINDS), KINDS, request)

    (step,) = made.steps
    assert {change.field for change in step.changes} == expected
    assert (step.action is Action.UPDATE) is bool(expected)
