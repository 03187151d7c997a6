from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.engine.saved import load, save
from provisioner.errors import Refused, SpecError, StalePlan
from provisioner.model import LOCAL_FILE, Address, Node, Ref
from provisioner.secret import Secret
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import node, recipe
from tests.engine.walk import actions, planned

if TYPE_CHECKING:
    from collections.abc import Mapping

BOX = node("box/b", value="a private value")
GRANT = node("door/caller", container="box/b", access=True)
NOTE = node("note/n", container="box/b", needs=["door/caller"], value="hello")


def test_a_saved_plan_holds_no_value_and_admits_the_same_plan(tmp_path: Path) -> None:
    made = planned(ToyCloud(), recipe(BOX))
    save(made, recipe(BOX), tmp_path / "plan.json")

    load(tmp_path / "plan.json").require_unchanged(made, recipe(BOX))

    assert "a private value" not in (tmp_path / "plan.json").read_text()


def test_a_saved_plan_refuses_another_state(tmp_path: Path) -> None:
    save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), tmp_path / "plan.json")

    with pytest.raises(StalePlan, match="is out of date") as refused:
        load(tmp_path / "plan.json").require_unchanged(
            planned(ToyCloud(things={"box/b": {}}), recipe(BOX)), recipe(BOX)
        )

    assert refused.value.changed == ("box/b: update instead of create",)


def test_a_saved_plan_refuses_another_version_of_what_it_leaves_alone(tmp_path: Path) -> None:
    there = {"value": "a private value"}
    save(planned(ToyCloud(things={"box/b": there}), recipe(BOX)), recipe(BOX), tmp_path / "plan.json")

    with pytest.raises(StalePlan, match="box/b: it has changed in Azure"):
        load(tmp_path / "plan.json").require_unchanged(
            planned(ToyCloud(things={"box/b": {**there, "version": "2"}}), recipe(BOX)), recipe(BOX)
        )


def test_a_saved_plan_refuses_other_steps(tmp_path: Path) -> None:
    other = recipe(node("box/c", value="a private value"))
    save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), tmp_path / "plan.json")

    with pytest.raises(StalePlan) as refused:
        load(tmp_path / "plan.json").require_unchanged(planned(ToyCloud(), other), other)

    assert refused.value.changed == (
        "box/b: nothing instead of create",
        "box/c: create instead of nothing",
    )


def test_a_saved_plan_refuses_another_value(tmp_path: Path) -> None:
    other = recipe(node("box/b", value="another value"))
    save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), tmp_path / "plan.json")

    with pytest.raises(StalePlan, match="box/b: what would be written has changed"):
        load(tmp_path / "plan.json").require_unchanged(planned(ToyCloud(), other), other)


def test_a_saved_plan_refuses_another_secret(tmp_path: Path) -> None:
    declared, other = (recipe(node("box/b", value="v", secret=Secret(text))) for text in ("hush", "hash"))
    save(planned(ToyCloud(), declared), declared, tmp_path / "plan.json")

    load(tmp_path / "plan.json").require_unchanged(planned(ToyCloud(), declared), declared)
    with pytest.raises(StalePlan, match="box/b: its secret value") as refused:
        load(tmp_path / "plan.json").require_unchanged(planned(ToyCloud(), other), other)
    assert "hash" not in str(refused.value)


def test_of_several_secrets_those_are_named_that_the_plan_would_write(tmp_path: Path) -> None:
    kept = node("box/kept", value="v", secret=Secret("kept"))
    cloud = ToyCloud(things={"box/kept": {"value": "v"}})
    declared, other = (
        recipe(kept, BOX, *(node(f"box/{name}", value="v", secret=Secret(f"{text}-{name}")) for name in "cd"))
        for text in ("hush", "hash")
    )
    save(planned(cloud, declared), declared, tmp_path / "plan.json")

    with pytest.raises(StalePlan) as refused:
        load(tmp_path / "plan.json").require_unchanged(planned(cloud, other), other)
    (line,) = refused.value.changed
    assert line.endswith("has changed, of box/c or box/d")


def test_a_saved_plan_whose_hash_somebody_edited_is_refused(tmp_path: Path) -> None:
    made, file = planned(ToyCloud(), recipe(BOX)), tmp_path / "plan.json"
    save(made, recipe(BOX), file)
    file.write_text(json.dumps({**json.loads(file.read_text()), "secrets": "00"}))

    with pytest.raises(StalePlan, match="the file is not as it was written"):
        load(file).require_unchanged(made, recipe(BOX))


def test_a_saved_plan_refuses_another_output_of_what_exists(tmp_path: Path) -> None:
    named = recipe(node("box/b", value="v"), node("note/n", container="box/b", value=Ref(Address("box", "b"), "value")))
    made = planned(ToyCloud(things={"box/b": {"value": "v"}}), named)
    save(made, named, tmp_path / "plan.json")

    outputs = {Address("box", "b"): {"value": "w"}}
    with pytest.raises(StalePlan, match="an id or address that would be written"):
        load(tmp_path / "plan.json").require_unchanged(replace(made, outputs=outputs), named)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Something that is written from a file, with labels."""

    file: str = field(metadata=LOCAL_FILE)
    name: str = "box/b"
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


def test_the_content_of_a_local_file_is_part_of_the_plan(tmp_path: Path) -> None:
    file = tmp_path / "content"
    parcel = Parcel(file=str(file), labels={"to": ("a", "b")})
    declared = recipe(Node(address=Address("box", "b"), desired=parcel))
    made = planned(ToyCloud(), declared)
    with pytest.raises(Refused, match="it cannot be read: No such file"):
        save(made, declared, tmp_path / "plan.json")
    file.write_text("one")
    save(made, declared, tmp_path / "plan.json")
    file.write_text("two")

    with pytest.raises(StalePlan, match="box/b: what would be written has changed"):
        load(tmp_path / "plan.json").require_unchanged(made, declared)


def test_a_saved_plan_of_another_environment_or_format_is_refused(tmp_path: Path) -> None:
    made, file = planned(ToyCloud(), recipe(BOX)), tmp_path / "plan.json"
    save(made, recipe(BOX), file)

    with pytest.raises(StalePlan, match=r"it is a plan of \w+, not of other"):
        load(file).require_unchanged(replace(made, environment="other"), recipe(BOX))
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(SpecError, match="is a saved plan of format 2, not 1"):
        load(file)


def test_later_passes_may_do_only_what_was_deferred(tmp_path: Path) -> None:
    shut = ToyCloud(things={"box/b": {"value": "a private value"}}, errors={"note/n": denied()})
    save(planned(shut, recipe(BOX, GRANT, NOTE)), recipe(BOX, GRANT, NOTE), tmp_path / "plan.json")
    later = planned(
        ToyCloud(things={"box/b": {"value": "a private value"}}), recipe(BOX, GRANT, NOTE, node("door/new"))
    )

    assert actions(load(tmp_path / "plan.json").limit_to_deferred(later)) == {
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
        save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), tmp_path / "nowhere" / "plan.json")


def test_a_plan_goes_to_a_device_as_it_is() -> None:
    save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), Path(os.devnull))

    assert Path(os.devnull).stat().st_mode & 0o777 == 0o666


def test_what_a_plan_was_limited_to_is_saved_with_it(tmp_path: Path) -> None:
    save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), tmp_path / "plan.json", [BOX.address])

    assert load(tmp_path / "plan.json").only == (BOX.address,)


def test_once_the_lease_is_held_nothing_else_is_done_than_was_saved(tmp_path: Path) -> None:
    save(planned(ToyCloud(), recipe(BOX)), recipe(BOX), tmp_path / "plan.json")
    saved = load(tmp_path / "plan.json")

    there = planned(ToyCloud(things={"box/b": {"value": "a private value"}}), recipe(BOX))
    assert saved.require_nothing_beyond(there, recipe(BOX)) == there
    with pytest.raises(StalePlan):
        saved.require_nothing_beyond(planned(ToyCloud(), recipe(BOX, NOTE, GRANT)), recipe(BOX, NOTE, GRANT))
