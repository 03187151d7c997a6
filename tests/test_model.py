from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from provisioner.model import Action, Address, Node, Output, Plan, Published, Ref, Request, Step, refs, resolve
from provisioner.secret import Secret

A, B = Address("box", "a"), Address("box", "b")


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    x: Output[str] = Output()
    y: Output[str] = Output()
    z: Output[str] = Output()
    value: Output[Secret] = Output(secret=True)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    text: str | Ref[str] = ""
    many: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict[str, Any])
    secret: Secret | Ref[Secret] | None = None


def test_refs_are_found_wherever_they_stand() -> None:
    wanted = Wanted(text=Outputs.x.of(A), many=(1, Outputs.y.of(B)), named={"k": Outputs.z.of(A)}, secret=Secret("s"))

    assert [ref.output for ref in refs(wanted)] == ["x", "y", "z"]


def test_what_a_node_needs_is_its_container_its_needs_and_its_refs_once() -> None:
    node = Node(address=Address("note", "n"), desired=Wanted(text=Outputs.x.of(A)), container=A, needs=(B, A))

    assert node.all_needs == (A, B)


def test_resolve_puts_known_values_in_and_leaves_the_others() -> None:
    wanted = Wanted(
        text=Outputs.x.of(A), many=(Outputs.y.of(B),), named={"k": Outputs.x.of(A)}, secret=Outputs.value.of(A)
    )

    found = resolve(wanted, {A: {"x": "known", "value": Secret("s")}})

    assert (found.text, found.named) == ("known", {"k": "known"})
    assert found.many == (Outputs.y.of(B),)
    assert isinstance(found.secret, Secret)


def test_resolve_gives_back_what_has_no_ref() -> None:
    wanted = Wanted(text="plain", secret=Secret("s"))

    assert resolve(wanted, {}) is wanted


def test_an_unknown_value_shows_as_such() -> None:
    assert str(Outputs.y.of(A)) == "(known after apply)"


def test_a_plan_counts_its_steps_and_those_that_let_the_caller_in_apart() -> None:
    steps = (
        Step(address=A, action=Action.CREATE),
        Step(address=B, action=Action.CREATE, access=True),
        Step(address=B, action=Action.KEEP, access=True),
    )

    summary = Plan(environment="e", steps=steps, digest="").summary()

    assert {name: n for name, n in summary.items() if n} == {"create": 1, "access": 1, "keep": 1}


def test_a_run_concerns_the_credentials_that_it_names_or_all() -> None:
    assert Request().concerns("airflow")
    assert Request(names=("airflow",)).concerns("airflow")
    assert not Request(names=("flink",)).concerns("airflow")
