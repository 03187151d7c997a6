from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.engine.observe import observe
from provisioner.errors import NotAuthorized, NotFound, Refused, Unreachable
from provisioner.kind import Container
from provisioner.model import Recipe, Search, Snapshot
from tests.engine.toy_cloud import NOW, ToyCloud, denied
from tests.engine.toys import BOX, KINDS, Outputs, at, node, recipe

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.errors import ProvisionerError
    from tests.engine.toys import Seen, Thing


def seen(world: ToyCloud, what: Recipe, *, teardown: bool = False) -> Snapshot:
    return observe(world.as_cloud(), what, KINDS, teardown=teardown)


def test_each_node_is_read_once_in_a_new_pass() -> None:
    world = ToyCloud(things={"box/b": {}})

    snapshot = seen(world, recipe(node("box/b"), node("note/n", container="box/b")))

    assert sorted(world.calls) == ["read box/b", "read note/n"]
    assert (world.session.reads.passes, snapshot.now) == (1, NOW)


def test_what_an_absent_container_would_hold_is_absent_whatever_its_read_said() -> None:
    world = ToyCloud(errors={"note/n": Unreachable(operation="GET note")})

    snapshot = seen(world, recipe(node("box/b"), node("note/n", container="box/b")))

    assert snapshot.readings[at("note/n")].observed is None
    assert snapshot.readings[at("note/n")].error is None


def test_an_absent_container_may_answer_after_what_it_does_not_hold() -> None:
    world = ToyCloud(errors={"note/n": denied()}, slow={"box/b"})

    snapshot = seen(world, recipe(node("box/b"), node("note/n", container="box/b")))

    assert world.calls == ["read note/n", "read box/b"]
    assert snapshot.readings[at("note/n")].error is None


def test_what_azure_retains_is_left_out_where_nobody_may_ask() -> None:
    def refused(_cloud: Cloud, _desired: Thing, _observed: Seen | None) -> str:
        raise denied()

    kinds = {**KINDS, "box": replace(BOX, container=Container(retained=refused))}

    snapshot = observe(ToyCloud().as_cloud(), recipe(node("box/b")), kinds)

    assert (snapshot.readings[at("box/b")].observed, snapshot.readings[at("box/b")].retained) == (None, "")


def test_a_chain_of_absent_containers_is_not_waited_for() -> None:
    what = recipe(
        node("box/a"),
        node("box/b", container="box/a"),
        node("note/n", container="box/b", value=Outputs.value.of(at("box/b"))),
    )

    snapshot = seen(ToyCloud(), what)

    assert all(reading.observed is None for reading in snapshot.readings.values())


def test_not_found_is_absent_and_a_missing_right_is_told() -> None:
    world = ToyCloud(errors={"box/a": NotFound(operation="GET a"), "box/b": denied()})

    snapshot = seen(world, recipe(node("box/a"), node("box/b")))

    assert snapshot.readings[at("box/a")].error is None
    assert str(snapshot.readings[at("box/b")].error).startswith("box/b: ")


@pytest.mark.parametrize("error", [Unreachable(operation="GET a"), Refused("box/a", "it is odd", "Look at it")])
def test_any_other_error_ends_the_pass(error: ProvisionerError) -> None:
    with pytest.raises(type(error)):
        seen(ToyCloud(errors={"box/a": error}), recipe(node("box/a")))


def test_identity_waits_for_the_node_that_publishes_it() -> None:
    world = ToyCloud(things={"box/b": {"value": "v"}, "note/n": {"value": "v"}})

    snapshot = seen(world, recipe(node("note/n", value=Outputs.value.of(at("box/b"))), node("box/b")))

    assert world.calls == ["read box/b", "read note/n"]
    assert snapshot.readings[at("note/n")].observed is not None


def test_identity_that_nobody_publishes_means_absent() -> None:
    world = ToyCloud(things={"note/n": {}})

    snapshot = seen(world, recipe(node("note/n", value=Outputs.value.of(at("box/b"))), node("box/b")))

    assert snapshot.readings[at("note/n")].observed is None


def test_searches_find_what_is_not_declared() -> None:
    world = ToyCloud(things={"box/b": {"value": "s"}, "note/n": {}, "note/old": {}})
    what = recipe(
        node("box/b"),
        node("note/n", container="box/b"),
        searches=[Search(kind="note", scope=Outputs.value.of(at("box/b")), container=at("box/b"))],
    )

    assert [str(one.address) for one in seen(world, what).orphans] == ["note/old"]


@pytest.mark.parametrize(
    "search",
    [
        Search(kind="note", scope="", container=at("box/absent")),
        Search(kind="note", scope=Outputs.value.of(at("box/absent"))),
        Search(kind="note", scope="shut"),
        Search(kind="door", scope=""),
    ],
    ids=["container absent", "scope unknown", "not allowed", "kind without a search"],
)
def test_a_search_that_cannot_be_made_finds_nothing(search: Search) -> None:
    world = ToyCloud(things={"note/old": {}}, errors={"shut": denied()})

    assert seen(world, recipe(node("box/absent"), searches=[search])).orphans == ()


def test_what_two_searches_come_upon_is_found_once() -> None:
    searches = [Search(kind="note", scope="here"), Search(kind="note", scope="there")]

    (found,) = seen(ToyCloud(things={"note/old": {}}), recipe(searches=searches)).orphans

    assert (found.address, found.rank) == (at("note/old"), 0)


def test_a_search_waits_for_its_container_and_for_nothing_else() -> None:
    world = ToyCloud(things={"box/b": {}, "box/slow": {}}, errors={"shut": denied()}, slow={"box/slow"})
    searches = [Search(kind="note", scope="shut", container=at("box/b"))]

    seen(world, recipe(node("box/slow"), node("box/b"), searches=searches))

    assert world.calls == ["read box/b", "search shut", "read box/slow"]


def test_unmanaged_contents_are_listed_for_our_containers_when_asked() -> None:
    world = ToyCloud(things={"box/a": {"unmanaged": ["x"]}, "box/b": {"ours": False, "unmanaged": ["y"]}, "door/d": {}})
    what = recipe(node("box/a"), node("box/b"), node("door/d"))

    assert seen(world, what).unmanaged == {}
    assert seen(world, what, teardown=True).unmanaged == {at("box/a"): ("x",)}


def test_what_was_listed_in_a_container_whose_own_container_is_absent_is_left_out() -> None:
    world = ToyCloud(things={"box/b": {"unmanaged": ["x"]}}, slow={"box/outer"})

    snapshot = seen(world, recipe(node("box/outer"), node("box/b", container="box/outer")), teardown=True)

    assert world.calls == ["read box/b", "read box/outer"]
    assert (snapshot.readings[at("box/b")].observed, snapshot.unmanaged) == (None, {})


def test_a_container_whose_contents_may_not_be_listed_counts_as_unreadable() -> None:
    reading = seen(ToyCloud(things={"box/a": {"unmanaged": denied()}}), recipe(node("box/a")), teardown=True).readings[
        at("box/a")
    ]

    assert reading.observed is not None
    assert isinstance(reading.error, NotAuthorized)
