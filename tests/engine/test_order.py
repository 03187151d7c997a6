from __future__ import annotations

import pytest

from provisioner.engine.order import closure, ordered
from provisioner.errors import Cycle, UnknownReference
from tests.engine.toys import Outputs, at, node


def test_each_node_comes_behind_what_it_needs() -> None:
    nodes = [node("note/n", container="box/b"), node("door/d", value=Outputs.value.of(at("note/n"))), node("box/b")]

    assert [str(one.address) for one in ordered(nodes)] == ["box/b", "note/n", "door/d"]


def test_a_need_that_nothing_declares_is_named() -> None:
    with pytest.raises(UnknownReference, match="note/n refers to box/b"):
        ordered([node("note/n", container="box/b")])


def test_nodes_that_need_each_other_are_named() -> None:
    with pytest.raises(Cycle, match=r"box/a → box/b → box/a|box/b → box/a → box/b"):
        ordered([node("box/a", needs=["box/b"]), node("box/b", needs=["box/a"])])


def test_closure_follows_needs_of_needs() -> None:
    needs = {at("a/1"): [at("b/1")], at("b/1"): [at("c/1")], at("c/1"): [at("a/1")], at("d/1"): []}

    assert closure([at("a/1")], needs) == {at("a/1"), at("b/1"), at("c/1")}
