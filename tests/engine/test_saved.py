from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.engine.saved import load, save
from provisioner.errors import SpecError, StalePlan
from tests.engine.toy_world import World, denied
from tests.engine.toys import node, recipe
from tests.engine.walk import actions, planned

if TYPE_CHECKING:
    from pathlib import Path

BOX = node("box/b", value="a private value")
GRANT = node("door/caller", container="box/b", access=True)
NOTE = node("note/n", container="box/b", needs=["door/caller"], value="hello")


def test_a_saved_plan_holds_no_value_and_admits_the_same_plan(tmp_path: Path) -> None:
    made = planned(World(), recipe(BOX))
    save(made, tmp_path / "plan.json")

    load(tmp_path / "plan.json").check(made)

    assert "a private value" not in (tmp_path / "plan.json").read_text()


def test_a_saved_plan_refuses_another_state(tmp_path: Path) -> None:
    save(planned(World(), recipe(BOX)), tmp_path / "plan.json")

    with pytest.raises(StalePlan, match="was made for another state"):
        load(tmp_path / "plan.json").check(planned(World(things={"box/b": {}}), recipe(BOX)))


def test_later_passes_may_do_only_what_was_deferred(tmp_path: Path) -> None:
    shut = World(things={"box/b": {"value": "a private value"}}, errors={"note/n": denied()})
    save(planned(shut, recipe(BOX, GRANT, NOTE)), tmp_path / "plan.json")
    later = planned(World(things={"box/b": {"value": "a private value"}}), recipe(BOX, GRANT, NOTE, node("door/new")))

    assert actions(load(tmp_path / "plan.json").restrict(later)) == {
        "box/b": "keep",
        "door/caller": "create",
        "note/n": "create",
    }


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"steps": 3}'])
def test_another_file_is_no_saved_plan(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)

    with pytest.raises(SpecError, match="not a saved plan"):
        load(tmp_path / "plan.json")


def test_a_missing_file_is_no_saved_plan(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        load(tmp_path / "nowhere.json")


def test_a_plan_is_not_saved_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be written"):
        save(planned(World(), recipe(BOX)), tmp_path / "nowhere" / "plan.json")


def test_what_a_plan_was_limited_to_is_saved_with_it(tmp_path: Path) -> None:
    save(planned(World(), recipe(BOX)), tmp_path / "plan.json", [BOX.address])

    assert load(tmp_path / "plan.json").only == (BOX.address,)


def test_once_the_lease_is_held_nothing_else_is_done_than_was_saved(tmp_path: Path) -> None:
    save(planned(World(), recipe(BOX)), tmp_path / "plan.json")
    saved = load(tmp_path / "plan.json")

    there = planned(World(things={"box/b": {"value": "a private value"}}), recipe(BOX))
    assert saved.held(there) == there
    with pytest.raises(StalePlan):
        saved.held(planned(World(), recipe(BOX, NOTE, GRANT)))
