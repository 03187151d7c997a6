from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision
from provisioner.engine.selection import limit_to, with_forced_updates
from provisioner.engine.teardown import plan_teardown
from provisioner.errors import NotAuthorized, Refusals, Refused, UnknownReference
from provisioner.model import Address, Found, Search
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import KINDS, Outputs, Seen, at, key_of, node, recipe
from tests.engine.walk import actions, planned

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

BOX = node("box/b", value="x")
NOTE = node("note/n", container="box/b", value="hello")


def test_what_is_absent_is_created_container_first() -> None:
    made = planned(ToyCloud(), recipe(NOTE, BOX))

    assert [str(step.address) for step in made.steps] == ["box/b", "note/n"]
    assert actions(made) == {"box/b": "create", "note/n": "create"}
    assert {change.field: change.after for change in made.steps[0].changes}["value"] == "x"


def test_what_is_as_declared_is_kept_and_nothing_is_pending() -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}, "note/n": {"value": "hello"}})

    made = planned(world, recipe(BOX, NOTE))

    assert actions(made) == {"box/b": "keep", "note/n": "keep"}
    assert not made.pending


def test_a_difference_is_an_update_with_its_reason() -> None:
    made = planned(ToyCloud(things={"box/b": {"value": "old"}}), recipe(BOX))

    (step,) = made.steps
    assert (step.action, step.reason) == ("update", "the spec says so")
    assert (step.changes[0].before, step.changes[0].after) == ("old", "x")


def test_an_adopted_container_is_left_as_it_is() -> None:
    made = planned(ToyCloud(things={"box/b": {"value": "old", "ours": False}}), recipe(BOX))

    assert actions(made) == {"box/b": "keep"}
    assert "adopted" in made.steps[0].reason


def test_what_cannot_serve_is_refused_with_all_reasons_at_once() -> None:
    boxes = recipe(node("box/a", value="refused"), node("box/b", value="refused"))
    world = ToyCloud(things={"box/a": {"value": "1"}, "box/b": {"value": "2"}})

    with pytest.raises(Refusals) as caught:
        planned(world, boxes)

    assert "box/a: value is 1, not refused" in str(caught.value)
    assert "box/b: value is 2, not refused" in str(caught.value)


def test_one_refusal_is_raised_as_itself() -> None:
    with pytest.raises(Refused, match="it cannot change"):
        planned(ToyCloud(things={"box/b": {"value": "1"}}), recipe(node("box/b", value="refused")))


def test_a_looked_up_resource_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="does not exist"):
        planned(ToyCloud(), recipe(node("given/g")))


def test_a_change_may_force_a_replacement_whose_outputs_are_unknown() -> None:
    other = node("slot/s", value=Outputs.value.of(at("box/b")))
    world = ToyCloud(things={"box/b": {"value": "1"}, "slot/s": {"value": "1"}})

    made = planned(world, recipe(node("box/b", value="fixed"), other))

    assert actions(made) == {"box/b": "replace", "slot/s": "update"}
    assert made.steps[1].changes[0].after == "(known after apply)"


def test_what_may_not_be_read_yet_is_deferred_until_the_grant_of_this_run() -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}}, errors={"note/n": denied()})
    grant = node("door/caller", container="box/b", access=True)
    note = node("note/n", container="box/b", needs=["door/caller"], value="hello")

    made = planned(world, recipe(BOX, grant, note))

    step = made.steps[-1]
    assert (step.action, step.waits_on) == ("defer", ("door/caller",))
    assert made.summary()["access"] == 1
    assert (made.pending, made.unread) == (False, (step,))


def test_what_depends_on_something_deferred_is_deferred_too() -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}}, errors={"note/n": denied()})
    grant = node("door/caller", container="box/b", access=True)
    note = node("note/n", container="box/b", needs=["door/caller"], value="hello")
    child = node("note/child", value=Outputs.value.of(at("note/n")))

    assert actions(planned(world, recipe(BOX, grant, note, child)))["note/child"] == "defer"


def test_what_may_not_be_read_and_no_grant_opens_is_an_error() -> None:
    with pytest.raises(NotAuthorized, match="box/b"):
        planned(ToyCloud(errors={"box/b": denied()}), recipe(BOX))


def test_what_the_spec_no_longer_names_is_deleted_later_made_first() -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}, "note/old": {}, "key/k/lost": {}, "key/k/current": {}})
    searches = [Search(kind="key", scope="", container=at("box/b")), Search(kind="note", scope="")]

    made = planned(world, recipe(BOX, searches=searches))

    by_address = {str(step.address): step for step in made.steps}
    assert actions(made) == {"box/b": "keep", "note/old": "delete", "key/k/lost": "defer"}
    assert by_address["key/k/lost"].after == (at("note/old"),)


def test_a_defer_that_waits_for_a_date_is_no_pending_change() -> None:
    world = ToyCloud(things={"key/k/lost": {}})

    made = planned(world, recipe(searches=[Search(kind="key", scope="")]))

    assert not made.pending
    assert made.steps[0].waits_on == ("2026-11-23T00:00:00+00:00",)


def test_a_credential_that_nobody_can_copy_is_rotated() -> None:
    key = node("key/k")
    slot = node("slot/s", **key_of())
    world = ToyCloud(things={"key/k": {"key_id": "id1"}, "slot/s": {"key_id": "other"}})

    assert actions(planned(world, recipe(key, slot))) == {"key/k": "rotate", "slot/s": "update"}


def test_a_credential_that_a_place_holds_readably_is_copied() -> None:
    key = node("key/k")
    ref: dict[str, Any] = key_of()
    world = ToyCloud(things={"key/k": {"key_id": "id1"}, "slot/a": {"key_id": "id1"}, "slot/b": {"key_id": "gone"}})

    made = planned(world, recipe(key, node("slot/a", **ref), node("slot/b", **ref)))

    assert actions(made) == {"key/k": "keep", "slot/a": "keep", "slot/b": "update"}
    assert made.sources[at("key/k")] == (at("slot/a"), "id1")
    assert made.sources[at("key/k/gone")] == (at("slot/b"), "gone")


def test_only_keeps_what_an_address_needs() -> None:
    made = planned(ToyCloud(), recipe(BOX, NOTE, node("box/other")))

    assert actions(limit_to(made, [at("note/n")])) == {"box/b": "create", "note/n": "create"}


def test_only_refuses_an_address_that_is_not_there() -> None:
    with pytest.raises(UnknownReference, match="not declared"):
        limit_to(planned(ToyCloud(), recipe(BOX)), [Address("box", "nowhere")])
    with pytest.raises(UnknownReference, match=r"Did you mean box/b\?"):
        limit_to(planned(ToyCloud(), recipe(BOX)), [Address("bx", "b")])


def test_what_stands_in_something_unreadable_is_not_told_again() -> None:
    shut = ToyCloud(errors={"box/b": denied(), "note/n": denied()})
    with pytest.raises(NotAuthorized):
        planned(shut, recipe(BOX, node("note/n", container="box/b", value="hello")))


def test_the_digest_changes_with_what_was_read_and_not_with_a_value() -> None:
    def digest(version: int, value: str) -> str:
        return planned(ToyCloud(things={"box/b": {"value": value, "version": version}}), recipe(BOX)).digest

    assert digest(1, "a") == digest(1, "b")
    assert digest(1, "a") != digest(2, "a")


def test_what_is_kept_until_a_teardown_has_no_step_before() -> None:
    def owned(_cloud: Cloud, _scope: str) -> list[Found]:
        return [Found(name="theirs", observed=Seen(owned=True, name="note/theirs"), kept="a grant to another caller")]

    kinds = {**KINDS, "note": replace(KINDS["note"], owned=owned)}
    what = recipe(searches=[Search(kind="note", scope="")])
    snapshot = observe(ToyCloud().as_cloud(), what, kinds)

    assert plan_provision(what, snapshot, kinds).steps == ()
    assert actions(plan_teardown(what, snapshot, kinds)) == {"note/theirs": "delete"}


def test_what_stands_as_declared_is_written_again_where_that_is_asked_for() -> None:
    made = planned(ToyCloud(things={"box/b": {"value": "x"}}), recipe(BOX))

    assert actions(with_forced_updates(made, [BOX.address], reason="--reimport")) == {"box/b": "update"}
    assert with_forced_updates(made, [], reason="--reimport").digest == made.digest
    assert (
        with_forced_updates(planned(ToyCloud(), recipe(BOX)), [BOX.address], reason="--reimport").steps[0].action
        == "create"
    )
