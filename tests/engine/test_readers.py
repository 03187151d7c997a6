"""What was written is tried as those who read it, with the secret that their holder hands out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.errors import NotAuthorized
from provisioner.model import Outcome, ReadBy
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import Outputs, at, key_of, node, recipe
from tests.engine.walk import applied, planned

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.model import Node

BOX = node("box/b", value="x")
KEY = node("key/k")
HELD: dict[str, Any] = key_of()
READ = replace(
    node("note/n", value="hello"),
    read_by=ReadBy(holder=at("slot/s"), credential=at("key/k"), client_id=Outputs.name.of(at("box/b"))),
)
IN_USE: dict[str, dict[str, Any]] = {
    "box/b": {"value": "x"},
    "key/k": {"key_id": "id1"},
    "slot/s": {"key_id": "id1"},
}


def read_in_use(tmp_path: Path, world: ToyCloud, *others: Node) -> Outcome:
    what = recipe(BOX, KEY, *(others or (node("slot/s", **HELD),)), READ)
    return applied(world, what, planned(world, what), tmp_path)["note/n"]


def test_what_was_written_is_proven_as_who_reads_it_with_what_their_place_hands_out(tmp_path: Path) -> None:
    world = ToyCloud(things={name: {**thing} for name, thing in IN_USE.items()}, denials={"read note/n": 1})

    outcome = read_in_use(tmp_path, world)

    assert (outcome.result, outcome.note) == ("done", "")
    assert "box/b reads note/n with text of id1" in world.calls


def test_a_reader_who_is_not_let_in_until_the_deadline_fails_the_step_with_that_error(tmp_path: Path) -> None:
    world = ToyCloud(things={name: {**thing} for name, thing in IN_USE.items()}, denials={"prove note/n": 1})

    outcome = read_in_use(tmp_path, world)

    assert outcome.result == "failed"
    assert isinstance(outcome.error, NotAuthorized)


@pytest.mark.parametrize(
    ("slot", "note"),
    [
        ({"key_id": "id1", "readable": False}, "slot/s shows nothing to box/b"),
        ({"key_id": "id1", "current": False}, "assigned, not proven"),
        (None, "assigned, not proven"),
    ],
    ids=["hidden", "hands-out-nothing", "absent"],
)
def test_a_reader_whose_secret_cannot_be_had_is_told_and_no_failure(
    tmp_path: Path, slot: dict[str, Any] | None, note: str
) -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}, "key/k": {"key_id": "id1"}, "note/n": {"value": "old"}})
    if slot is not None:
        world.things["slot/s"] = slot
    others = (node("slot/s", key_id="id1"),) if slot else (node("slot/t", **HELD),)

    assert read_in_use(tmp_path, world, *others).note == note


def test_a_place_that_holds_no_credentials_hands_out_nothing(tmp_path: Path) -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}, "key/k": {"key_id": "id1"}})
    by = ReadBy(holder=at("box/b"), credential=at("key/k"), client_id="who")
    what = recipe(BOX, KEY, replace(READ, read_by=by))

    assert applied(world, what, planned(world, what), tmp_path)["note/n"].note == "assigned, not proven"


def test_a_place_that_refuses_may_hand_out_anything(tmp_path: Path) -> None:
    world = ToyCloud(things={**IN_USE, "slot/s": {"key_id": "id1", "current": False}})
    what = recipe(BOX, KEY, node("slot/s", key_id="id1"), READ)
    made = planned(world, what)
    steps = tuple(replace(s, remains="refused") if s.address == at("slot/s") else s for s in made.steps)

    outcomes = applied(world, what, replace(made, steps=steps), tmp_path)

    assert outcomes["note/n"].note == "slot/s shows nothing to box/b"


def test_who_may_not_read_a_place_cannot_sign_in_with_what_it_hands_out(tmp_path: Path) -> None:
    world = ToyCloud(things=dict(IN_USE))
    what = recipe(BOX, KEY, node("slot/s", **HELD), READ)
    made = planned(world, what)
    world.errors["slot/s"] = denied()

    assert applied(world, what, made, tmp_path)["note/n"].note == "slot/s shows nothing to box/b"
