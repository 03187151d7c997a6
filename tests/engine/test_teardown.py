from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.engine.observe import observe
from provisioner.engine.released_access import NEXT_WRITE
from provisioner.engine.teardown import plan_teardown
from provisioner.errors import NotAuthorized
from provisioner.model import Action, Address, Search
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import BOX as BOX_KIND
from tests.engine.toys import KINDS, Seen, Thing, at, node, recipe
from tests.engine.walk import actions, applied, torn_down

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.cloud.cloud import Cloud

BOX = node("box/b")
NOTE = node("note/n", container="box/b")


def test_contents_go_before_their_container(tmp_path: Path) -> None:
    world = ToyCloud(things={"box/b": {}, "note/n": {}, "note/old": {}})
    what = recipe(BOX, NOTE, searches=[Search(kind="note", scope="", container=at("box/b"))])

    applied(world, what, torn_down(world, what), tmp_path)

    assert [call for call in world.calls if call.startswith("delete")][-1] == "delete box/b"
    assert world.things == {}


def test_what_is_not_there_not_ours_or_not_made_stays() -> None:
    world = ToyCloud(things={"box/b": {"ours": False}, "given/g": {}})

    made = torn_down(world, recipe(BOX, NOTE, node("given/g")))

    assert {str(step.address): step.reason for step in made.steps} == {
        "note/n": "does not exist",
        "box/b": "not owned",
        "given/g": "looked up, not created",
    }


def test_a_container_with_strangers_stays_and_so_does_what_holds_it() -> None:
    world = ToyCloud(things={"box/outer": {}, "box/b": {"unmanaged": ["theirs"]}})
    what = recipe(node("box/outer"), node("box/b", container="box/outer"))

    made = torn_down(world, what)

    remains = {str(step.address): step.remains for step in made.steps}
    assert "theirs" in remains["box/b"]
    assert "box/b" in remains["box/outer"]
    assert set(actions(made).values()) == {"keep"}


def test_with_contents_goes_after_saying_what_is_in_it() -> None:
    world = ToyCloud(things={"box/b": {"unmanaged": ["theirs"]}})

    (step,) = torn_down(world, recipe(BOX), with_contents=True).steps

    assert (step.action, step.reason) == ("delete", "owned, with theirs")


def test_what_there_will_still_be_of_it_is_said() -> None:
    world = ToyCloud(things={"box/b": {"unmanaged": ["theirs"]}, "box/adopted": {"ours": False}})

    def retained(_cloud: Cloud, _desired: Thing, seen: Seen | None) -> str:
        return f"{seen.name} until 2026" if seen else "nothing"

    assert BOX_KIND.container is not None
    kinds = {**KINDS, "box": replace(BOX_KIND, container=replace(BOX_KIND.container, retained=retained))}
    what = recipe(BOX, node("box/adopted"))

    made = plan_teardown(what, observe(world.as_cloud(), what, kinds, teardown=True), kinds, with_contents=True)

    assert {str(step.address): step.reason for step in made.steps} == {
        "box/b": "owned, with theirs; box/b until 2026",
        "box/adopted": "not owned",
    }


def test_the_caller_s_own_access_goes_after_all_that_needs_it() -> None:
    access = node("door/caller", container="box/b", access=True)
    note = node("note/n", container="box/b", needs=["door/caller"])
    world = ToyCloud(things={"box/b": {}, "door/caller": {}, "note/n": {}, "note/old": {}})
    what = recipe(BOX, access, note, searches=[Search(kind="note", scope="", container=at("box/b"))])

    order = [str(step.address) for step in torn_down(world, what).steps]

    assert order.index("door/caller") > max(order.index("note/n"), order.index("note/old"))


def test_what_the_caller_may_not_read_waits_for_access_that_is_made_first() -> None:
    access = node("door/caller", container="box/b", access=True)
    world = ToyCloud(things={"box/b": {}}, errors={"note/n": denied()})

    made = torn_down(world, recipe(BOX, access, NOTE, node("box/absent")))

    assert actions(made) == {"box/b": "defer", "door/caller": "create", "note/n": "defer"}


def test_access_to_write_that_an_earlier_run_took_back_is_granted_for_this_one() -> None:
    to_write = replace(node("door/writing", container="box/b", access=True), released=True)
    world = ToyCloud(things={"box/b": {}, "note/n": {}})

    made = torn_down(world, recipe(BOX, to_write, node("note/n", container="box/b", needs=["door/writing"])))

    (step,) = (step for step in made.steps if step.address == to_write.address)
    assert (step.action, step.reason) == (Action.CREATE, NEXT_WRITE)


def test_access_that_is_there_but_not_as_it_should_be_is_mended_first() -> None:
    access = node("door/caller", container="box/b", access=True, value="open")
    world = ToyCloud(things={"box/b": {}, "door/caller": {"value": "ajar"}}, errors={"note/n": denied()})

    made = torn_down(world, recipe(BOX, access, NOTE))

    assert actions(made) == {"box/b": "defer", "door/caller": "update", "note/n": "defer"}


def test_no_access_is_made_where_there_is_nothing_to_enter() -> None:
    access = node("door/caller", container="box/b", access=True)
    elsewhere = node("door/elsewhere", container="box/absent", access=True)
    world = ToyCloud(things={"box/b": {}}, errors={"note/n": denied()})

    made = torn_down(world, recipe(BOX, node("box/absent"), access, elsewhere, NOTE))

    assert "door/elsewhere" not in actions(made)


def test_what_nothing_opens_is_an_error() -> None:
    with pytest.raises(NotAuthorized):
        torn_down(ToyCloud(errors={"box/b": denied()}), recipe(BOX))


def test_what_goes_along_is_deleted_only_where_its_container_stays() -> None:
    along = replace(node("note/n", container="box/b"), goes_along=True)
    contained = torn_down(ToyCloud(things={"box/b": {}, "note/n": {}}), recipe(BOX, along))
    adopted = torn_down(ToyCloud(things={"box/b": {"ours": False}, "note/n": {}}), recipe(BOX, along))

    assert {str(s.address): s.reason for s in contained.steps}["note/n"] == "deleted with box/b"
    assert actions(adopted) == {"box/b": "keep", "note/n": "delete"}


def test_what_the_deletion_of_an_orphan_needs_is_deleted_after_it() -> None:
    world = ToyCloud(things={"box/b": {}, "note/n": {}, "note/old": {}, "door/d": {}})
    search = Search(kind="note", scope="", needs=(Address("door", "d"),))

    made = torn_down(world, recipe(BOX, NOTE, node("door/d"), searches=[search]))

    order = [str(step.address) for step in made.steps]
    assert order.index("note/old") < order.index("door/d")


def test_keys_are_steps_of_their_own() -> None:
    world = ToyCloud(things={"key/k": {}, "key/k/lost": {}})

    made = torn_down(world, recipe(node("key/k"), searches=[Search(kind="key", scope="")]))

    assert actions(made)["key/k"] == "keep"
    assert actions(made)["key/k/lost"] == "defer"
