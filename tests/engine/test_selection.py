"""What is replaced on a person's word."""

from __future__ import annotations

import pytest

from provisioner.engine.selection import with_forced_replacements
from provisioner.errors import Refused, UnknownReference
from tests.engine.toy_cloud import ToyCloud
from tests.engine.toys import KINDS, Outputs, at, key_of, node, recipe
from tests.engine.walk import actions, planned

BOX = node("box/b", value="x")
NOTE = node("note/n", container="box/b", value="hello")
WORLD = {"box/b": {"value": "x"}, "note/n": {"value": "hello"}, "note/m": {"value": "hello"}}


def test_what_is_as_declared_is_replaced_and_what_is_absent_is_only_created() -> None:
    what = recipe(BOX, NOTE)
    there, absent = planned(ToyCloud(things=WORLD), what), planned(ToyCloud(), what)

    again = with_forced_replacements(there, [NOTE.address], what, KINDS)

    assert actions(again) == {"box/b": "keep", "note/n": "replace"}
    assert again.digest != there.digest
    assert actions(with_forced_replacements(absent, [NOTE.address], what, KINDS))["note/n"] == "create"
    assert with_forced_replacements(there, [], what, KINDS) == there


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("box/b", "what is in it would be lost"),
        ("note/m", "note/n has its id"),
        ("key/k", "would have none for a while"),
        ("slot/s", "would have none for a while"),
        ("given/g", "cannot create and delete it"),
        ("stuck/t", "cannot create and delete it"),
    ],
)
def test_what_would_lose_something_by_it_is_refused(address: str, why: str) -> None:
    note = node("note/n", container="box/b", value=Outputs.value.of(at("note/m")))
    what = recipe(
        BOX, node("note/m", value="hello"), note, node("key/k"), node("slot/s", **key_of()), node("stuck/t"),
        node("given/g"),
    )  # fmt: skip
    world = ToyCloud(things={**WORLD, "key/k": {"key_id": "1"}, "slot/s": {"key_id": "1"}, "given/g": {}})

    with pytest.raises(Refused, match=why):
        with_forced_replacements(planned(world, what), [at(address)], what, KINDS)


def test_an_address_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownReference, match=r"--replace refers to .* Did you mean note/n\?"):
        with_forced_replacements(planned(ToyCloud(), recipe(NOTE, BOX)), [at("note/nn")], recipe(NOTE, BOX), KINDS)
