"""What changed in Azure, apart from what changed in the file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision
from provisioner.engine.provenance import note_after_run, with_origins
from provisioner.engine.report import plan_lines
from provisioner.engine.written import secrets_in
from provisioner.model import LOCAL_FILE, Action, Change, Described, Found, Origin, Outcome, Plan, Result, Search, Step
from provisioner.secret import Secret
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import KINDS, Outputs, Seen, Thing, at, node, recipe
from tests.engine.walk import planned

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.cloud.cloud import Cloud

BOX = node("box/b", value="x")
NOTE = node("note/n", container="box/b", value="hello")
DOOR = node("door/d", value="v", secret=Secret("hush"))
ALL = recipe(BOX, NOTE, DOOR)


def settled(*addresses: str) -> list[Outcome]:
    return [Outcome(step=Step(address=at(one), action=Action.KEEP), result=Result.DONE) for one in addresses]


APPLIED = note_after_run("", ALL, settled("box/b", "note/n", "door/d"))


def origins(plan: Plan) -> dict[str, Origin | None]:
    return {str(step.address): step.origin for step in plan.steps if step.action is not Action.KEEP}


def test_what_is_as_noted_in_the_file_has_changed_in_azure() -> None:
    world = ToyCloud(things={"box/b": {"value": "edited"}, "door/d": {"value": "v"}})

    plan = with_origins(planned(world, ALL), ALL, APPLIED)

    assert origins(plan) == {"box/b": Origin.AZURE, "note/n": Origin.AZURE}


def test_what_is_declared_otherwise_than_noted_has_changed_in_the_file() -> None:
    now = recipe(replace(BOX, desired=replace(BOX.desired, value="y")), node("box/new"), NOTE, DOOR)
    world = ToyCloud(things={"box/b": {"value": "x"}, "note/n": {"value": "hello"}, "door/d": {"value": "v"}})

    assert origins(with_origins(planned(world, now), now, APPLIED)) == {"box/b": Origin.FILE, "box/new": Origin.FILE}


def test_of_a_value_with_a_secret_and_of_what_was_never_noted_nothing_is_said() -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}, "note/n": {"value": "hello"}, "door/d": {"value": "edited"}})

    assert origins(with_origins(planned(world, ALL), ALL, APPLIED)) == {"door/d": None}
    assert origins(with_origins(planned(world, ALL), ALL, note_after_run("", ALL, settled("box/b")))) == {
        "door/d": None
    }
    for note in ("", "no base64!"):
        assert origins(with_origins(planned(ToyCloud(), ALL), ALL, note)) == dict.fromkeys(
            ("box/b", "note/n", "door/d")
        )


def test_what_refers_to_something_that_the_file_changed_follows_it() -> None:
    follower = node("note/n", value=Outputs.value.of(at("box/b")))
    note = note_after_run("", recipe(BOX, follower), settled("box/b", "note/n"))
    now = recipe(replace(BOX, desired=replace(BOX.desired, value="y")), follower)
    world = ToyCloud(things={"box/b": {"value": "x"}, "note/n": {"value": "other"}})

    assert origins(with_origins(planned(world, now), now, note)) == {"box/b": Origin.FILE, "note/n": Origin.FILE}


def test_of_what_waits_or_rotates_nothing_is_said() -> None:
    steps = tuple(Step(address=at("box/b"), action=action) for action in (Action.DEFER, Action.ROTATE))

    found = with_origins(Plan(environment="dev", steps=steps, digest=""), ALL, APPLIED)
    assert [step.origin for step in found.steps] == [None, None]


def test_a_note_keeps_what_a_run_did_not_settle_and_forgets_what_is_gone() -> None:
    changed = replace(BOX, desired=replace(BOX.desired, value="y"))
    failed = Outcome(step=Step(address=BOX.address, action=Action.UPDATE), result=Result.FAILED)
    fewer = recipe(changed, NOTE)

    assert note_after_run(APPLIED, fewer, [failed]) == note_after_run("", recipe(BOX, NOTE), settled("box/b", "note/n"))
    assert note_after_run(APPLIED, fewer, settled("box/b")) == note_after_run("", fewer, settled("box/b", "note/n"))
    assert (
        note_after_run("", recipe(replace(BOX, bootstrap=True), replace(NOTE, access=True)), settled("box/b", "note/n"))
        == ""
    )


def test_a_file_that_cannot_be_read_is_not_noted(tmp_path: Path) -> None:
    from dataclasses import dataclass, field

    @dataclass(frozen=True, kw_only=True)
    class Jar(Thing):
        file: str = field(default=str(tmp_path / "nowhere"), metadata=LOCAL_FILE)

    jar = replace(BOX, desired=Jar(name="box/b", value="x"))
    assert note_after_run("", recipe(jar), settled("box/b")) == ""
    world = ToyCloud(things={"box/b": {"value": "edited"}})
    assert origins(with_origins(planned(world, recipe(jar)), recipe(jar), APPLIED)) == {"box/b": None}


def test_a_resource_may_show_itself_where_it_changed() -> None:
    step = Step(address=BOX.address, action=Action.UPDATE, changes=(Change(field="value", origin=Origin.AZURE),))

    (found,) = with_origins(Plan(environment="dev", steps=(step,), digest=""), ALL, "").steps
    assert found.origin is Origin.AZURE


@pytest.mark.parametrize(
    ("described", "reason", "origin"),
    [
        (None, "the spec no longer names it", Origin.FILE),
        (Described(label="Reader on b"), "Reader on b: the spec no longer names it", Origin.FILE),
        (Described(label="Reader on b", lost="its owner is gone"), "Reader on b: its owner is gone", Origin.AZURE),
        (denied(), "the spec no longer names it", Origin.FILE),
    ],
)
def test_what_is_only_an_id_is_called_by_its_name_and_says_why_it_goes(
    described: Described | Exception | None, reason: str, origin: Origin
) -> None:
    def describe() -> Described:
        if isinstance(described, Exception):
            raise described
        assert described is not None
        return described

    def owned(_cloud: Cloud, _scope: str) -> list[Found]:
        found = Found(name="9f", observed=Seen(owned=True, name="note/9f"), describe=describe if described else None)
        return [found]

    kinds = {**KINDS, "note": replace(KINDS["note"], owned=owned)}
    what = recipe(BOX, searches=[Search(kind="note", scope="")])
    plan = plan_provision(what, observe(ToyCloud(things={"box/b": {"value": "x"}}).as_cloud(), what, kinds), kinds)

    (step,) = (step for step in with_origins(plan, what, APPLIED).steps if step.action is Action.DELETE)
    assert (step.reason, step.origin) == (reason, origin)


def test_ids_have_names_where_the_plan_knows_them() -> None:
    plan = Plan(environment="dev", steps=(), digest="", outputs={at("box/b"): {"object_id": "9f", "url": "https://b"}})

    assert with_origins(plan, ALL, "").names == {ALL.environment_id: ALL.environment, "9f": "box/b (object id)"}


def test_a_plan_has_headings_where_something_is_known_and_names_in_place_of_ids() -> None:
    changes = (
        Change(field="owner", before=None, after="9f"),
        Change(field="text", before="a", after="b", diff="-a\n+b"),
    )
    edited = Step(address=at("box/b"), action=Action.UPDATE, changes=changes, origin=Origin.AZURE)
    gone = Step(address=at("box/c"), action=Action.CREATE, reason="it does not exist", origin=Origin.AZURE)
    new = Step(address=at("box/d"), action=Action.CREATE, reason="it does not exist", origin=Origin.FILE)
    other = Step(address=at("box/e"), action=Action.DELETE)
    plan = Plan(environment="dev", steps=(new, edited, other, gone), digest="", names={"9f": "box/c (object id)"})

    assert [line.text for line in plan_lines(plan)] == [
        "Changed in Azure since the last provision:",
        "~ update box/b: it differs from the file",
        "      owner: (none) → box/c (object id)",
        "      text: a → b",
        "      -a",
        "      +b",
        "+ create box/c: it was deleted",
        "Changed in the file:",
        "+ create box/d: it does not exist",
        "For another reason:",
        "- delete box/e",
        "dev: 2 create, 1 update, 1 delete; 0 unchanged",
    ]
    assert [line.style for line in plan_lines(plan)][4:6] == ["red", "green"]


def test_a_diff_shows_no_secret_of_the_environment() -> None:
    def diff(*_: object) -> list[Change]:
        return [Change(field="text", before="a", after="b", diff="-a = 'hush'\n+b = 'plain'")]

    kinds = {**KINDS, "box": replace(KINDS["box"], diff=diff)}
    found = observe(ToyCloud(things={"box/b": {"value": "x"}}).as_cloud(), ALL, kinds)

    (step,) = (step for step in plan_provision(ALL, found, kinds).steps if step.address == BOX.address)
    assert step.changes[0].diff == "-a = '(secret)'\n+b = 'plain'"


def test_secrets_are_found_wherever_they_are() -> None:
    assert secrets_in(({"a": [Secret("one")]}, Thing(name="x", secret=Secret("two")), "three")) == ("one", "two")
