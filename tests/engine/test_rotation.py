from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.engine.observe import observe
from provisioner.engine.rotation import plan_rotation, rotation_recipe
from provisioner.errors import NotAuthorized, Refusals, Refused
from provisioner.model import Intent, Request, Search
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import KINDS, key_of, node, recipe
from tests.engine.walk import actions

if TYPE_CHECKING:
    from provisioner.model import Plan, Recipe

BOX = node("box/b", value="x")
SHUT: dict[str, Any] = {"value": "refused"}


def reference(key: str) -> dict[str, Any]:
    """What a place of that credential desires."""
    return key_of(key)


TWO = (node("key/k"), node("key/l"), node("slot/t", **reference("key/l")))
LIVING = {"key/k": {"key_id": "id1"}, "key/l": {"key_id": "id2"}, "slot/t": {"key_id": "old", "credential": "key/l"}}


def round_of(world: ToyCloud, what: Recipe, *names: str) -> Plan:
    wanted = rotation_recipe(what, KINDS)
    asked = Request(intent=Intent.ROTATE, names=names, begin=True)
    return plan_rotation(wanted, observe(world.as_cloud(), wanted, KINDS), KINDS, asked)


def test_a_rotation_takes_credentials_and_their_places_and_leaves_other_drift_alone() -> None:
    things = {"key/k": {"key_id": "id1"}, "slot/s": {"key_id": "other"}, "box/b": {"value": "1"}}
    what = recipe(
        node("door/d", access=True),
        BOX,
        node("key/k", container="box/b"),
        node("slot/s", needs=["door/d"], **reference("key/k")),
    )

    made = round_of(ToyCloud(things=things), what)

    assert actions(made) == {"key/k": "rotate", "slot/s": "update", "door/d": "create"}


def test_nothing_is_read_that_a_rotation_does_not_stand_on() -> None:
    world = ToyCloud(things={"key/k": {"key_id": "id1"}, "slot/s": {"key_id": "id1"}, "box/b": {"value": "x"}})
    world.errors["given/elsewhere"] = denied()
    searches = [Search(kind="key", scope="keys"), Search(kind="note", scope="notes")]
    what = recipe(
        BOX,
        node("key/k"),
        node("slot/s", container="box/b", **reference("key/k")),
        node("given/elsewhere"),
        searches=searches,
    )

    round_of(world, what)

    assert sorted(world.calls) == ["read box/b", "read key/k", "read slot/s", "search keys"]


def test_a_rotation_into_a_place_that_cannot_be_reached_yet_is_refused() -> None:
    what = recipe(BOX, node("key/k"), node("slot/s", container="box/b", **reference("key/k")))

    with pytest.raises(Refused, match="box/b does not exist"):
        round_of(ToyCloud(), what)


@pytest.mark.parametrize("shut", ["refused", "unreadable"])
def test_a_place_that_refuses_holds_up_its_own_credential_only(shut: str) -> None:
    world = ToyCloud(things={**LIVING, "slot/s": {"key_id": "id1"}, "key/k/id0": {"key_id": "id0"}})
    if shut == "unreadable":
        world.errors["slot/s"] = denied()
    wanted = reference("key/k") | (SHUT if shut == "refused" else {})
    what = recipe(*TWO, node("slot/s", **wanted), searches=[Search(kind="key", scope="keys")])

    made = round_of(world, what)

    assert actions(made) == {"key/l": "rotate", "slot/t": "update", "slot/s": "keep"}
    (stuck,) = [step for step in made.steps if step.remains]
    assert stuck.remains.startswith("its credential is not rotated: ")
    assert ("value is , not refused" if shut == "refused" else "Ask an owner") in stuck.remains


def test_where_no_other_credential_is_asked_for_the_refusal_is_raised() -> None:
    world = ToyCloud(things={**LIVING, "slot/s": {"key_id": "id1"}})
    what = recipe(*TWO, node("slot/s", **reference("key/k"), **SHUT))

    with pytest.raises(Refused, match="slot/s: value is"):
        round_of(world, what, "k")
    assert actions(round_of(world, what, "l"))["key/l"] == "rotate"


def test_what_is_no_place_holds_up_every_credential() -> None:
    world = ToyCloud(things={**LIVING, "slot/s": {"key_id": "id1"}, "box/b": {}})
    door = node("box/b", **SHUT)
    what = recipe(door, *TWO, node("slot/s", container="box/b", **reference("key/k"), **SHUT))

    with pytest.raises(Refusals, match="box/b: value is"):
        round_of(world, what)


def test_places_of_every_credential_that_refuse_are_all_told() -> None:
    world = ToyCloud(things={**LIVING, "slot/s": {"key_id": "id1"}}, errors={"slot/t": denied(), "slot/s": denied()})

    with pytest.raises(Refusals) as caught:
        round_of(world, recipe(*TWO, node("slot/s", **reference("key/k"))))

    assert all(isinstance(error, NotAuthorized) for error in caught.value.errors)
