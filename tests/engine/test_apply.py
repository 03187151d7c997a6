from __future__ import annotations

import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.engine.selection import limit_to
from provisioner.errors import Conflict, Interrupted, NotAuthorized, NotFound, UnknownReference
from provisioner.model import Address, Intent, Outcome, Ref, Request, Search, Step
from tests.engine.toy_cloud import ToyCloud, denied
from tests.engine.toys import Outputs, at, key_of, node, recipe
from tests.engine.walk import applied, planned

if TYPE_CHECKING:
    from pathlib import Path


BOX = node("box/b", value="x")
NOTE = node("note/n", container="box/b", value="hello")


def results(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {address: outcome.result.value for address, outcome in outcomes.items()}


def test_steps_are_done_in_order_and_read_back(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(NOTE, BOX)

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "done", "note/n": "done"}
    written = [call for call in world.calls if call.startswith("create")]
    assert written == ["create box/b", "create note/n"]
    assert outcomes["note/n"].note == "assigned, not proven"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(NOTE, BOX)
    applied(world, what, planned(world, what), tmp_path)

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "unchanged", "note/n": "unchanged"}


def test_a_failure_blocks_only_what_needs_it(tmp_path: Path) -> None:
    world = ToyCloud(write_errors={"box/b": Conflict(operation="PUT b", status=409, code="HolderKey")})
    what = recipe(BOX, NOTE, node("box/other"))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "failed", "note/n": "blocked", "box/other": "done"}
    assert str(outcomes["box/b"].error).startswith("box/b: PUT b answered 409 HolderKey")


def test_values_known_after_apply_reach_those_who_need_them(tmp_path: Path) -> None:
    world = ToyCloud()
    what = recipe(BOX, node("note/n", value=Outputs.value.of(at("box/b"))))

    applied(world, what, planned(world, what), tmp_path)

    assert world.things["note/n"]["value"] == "x"


def test_a_replacement_deletes_and_makes_anew(tmp_path: Path) -> None:
    world, what = ToyCloud(things={"box/b": {"value": "1"}}), recipe(node("box/b", value="fixed"))

    applied(world, what, planned(world, what), tmp_path)

    assert [call for call in world.calls if "read" not in call] == ["delete box/b", "create box/b"]


def test_an_update_writes_what_differs(tmp_path: Path) -> None:
    world, what = ToyCloud(things={"box/b": {"value": "1"}}), recipe(BOX)

    applied(world, what, planned(world, what), tmp_path)

    assert world.things["box/b"]["value"] == "x"


def test_what_another_environment_wrote_over_is_written_again_where_both_share_it(tmp_path: Path) -> None:
    world, what = ToyCloud(overwritten={"shelf/s": "theirs"}), recipe(node("shelf/s", value="ours"))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"shelf/s": "done"}
    assert [call for call in world.calls if "read" not in call] == ["create shelf/s", "update shelf/s"]
    assert world.things["shelf/s"]["value"] == "ours"


def test_a_leftover_is_deleted(tmp_path: Path) -> None:
    world, what = ToyCloud(things={"note/old": {}}), recipe(searches=[Search(kind="note", scope="")])

    assert results(applied(world, what, planned(world, what), tmp_path)) == {"note/old": "done"}
    assert world.things == {}


KEY = node("key/k")
HELD: dict[str, Any] = key_of()


def test_a_new_credential_reaches_its_place_within_the_run(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(KEY, node("slot/s", **HELD))

    applied(world, what, planned(world, what), tmp_path)

    assert world.things["slot/s"] == {"key_id": "id2", "secret": "text of id2"}


def test_a_rotated_credential_reaches_its_place(tmp_path: Path) -> None:
    world = ToyCloud(things={"key/k": {"key_id": "id1"}, "slot/s": {"key_id": "other"}})
    what = recipe(KEY, node("slot/s", **HELD))

    applied(world, what, planned(world, what), tmp_path)

    assert world.things["slot/s"]["key_id"] == "id2"


def test_a_credential_is_copied_from_a_place_that_can_be_read(tmp_path: Path) -> None:
    world = ToyCloud(things={"key/k": {"key_id": "id1"}, "slot/a": {"key_id": "id1"}, "slot/b": {"key_id": "gone"}})
    what = recipe(KEY, node("slot/a", **HELD), node("slot/b", **HELD))

    applied(world, what, planned(world, what), tmp_path)

    assert world.things["slot/b"] == {"key_id": "id1", "secret": "text of id1"}


RETIRED: dict[str, dict[str, Any]] = {
    "key/k": {"key_id": "id1"},
    "key/k/retired": {"key_id": "retired"},
    "slot/a": {"key_id": "id1"},
    "slot/b": {"key_id": "retired"},
}
PLACES = recipe(KEY, node("slot/a", **HELD), node("slot/b", **HELD), searches=[Search(kind="key", scope="")])


def test_a_retired_credential_is_proven_dead_with_the_text_that_a_place_still_has(tmp_path: Path) -> None:
    world = ToyCloud(things={name: {**thing} for name, thing in RETIRED.items()})

    outcomes = applied(world, PLACES, planned(world, PLACES), tmp_path)

    assert results(outcomes)["key/k/retired"] == "done"
    assert "key/k/retired" not in world.things


def test_a_credential_that_still_works_after_its_removal_is_a_failure(tmp_path: Path) -> None:
    world = ToyCloud(things={name: {**thing} for name, thing in RETIRED.items()})
    world.unproven.add("key/k/retired: text of retired")

    outcomes = applied(world, PLACES, planned(world, PLACES), tmp_path)

    assert "it was removed but still works" in str(outcomes["key/k/retired"].error)


def test_a_credential_is_not_copied_from_a_place_that_is_no_part_of_the_plan(tmp_path: Path) -> None:
    world = ToyCloud(things={"key/k": {"key_id": "id1"}, "slot/a": {"key_id": "id1"}, "slot/b": {"key_id": "gone"}})
    what = recipe(KEY, node("slot/a", **HELD), node("slot/b", **HELD))

    applied(world, what, limit_to(planned(world, what), [at("slot/b")]), tmp_path)

    assert world.things["slot/b"] == {"key_id": "id1", "secret": None}


def test_a_value_that_nothing_publishes_fails_the_step_that_needs_it(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(BOX, node("note/n", value=Ref(at("box/b"), "colour")))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "done", "note/n": "failed"}
    assert isinstance(outcomes["note/n"].error, UnknownReference)


def test_a_write_that_never_shows_is_a_failure_that_names_the_field(tmp_path: Path) -> None:
    world, what = ToyCloud(things={"door/d": {"value": "1"}}), recipe(node("door/d", value="2"))
    made = planned(world, what)
    world.things["door/d"] = _Stubborn(value="1")

    outcome = applied(world, what, made, tmp_path)["door/d"]

    assert "Azure does not show what was written: value" in str(outcome.error)


class _Stubborn(dict[str, str]):
    """A thing that takes no update."""

    def update(self, *_args: object, **_more: object) -> None:
        """Nothing changes."""


def test_a_thing_that_vanishes_after_its_write_is_a_failure(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(BOX)
    made = planned(world, what)
    world.things = _Leaky()

    assert "the whole resource" in str(applied(world, what, made, tmp_path)["box/b"].error)


class _Leaky(dict[str, dict[str, object]]):
    """A world that forgets at once."""

    def __setitem__(self, key: str, value: dict[str, object]) -> None:
        """Nothing is kept."""


def test_what_is_never_usable_is_a_failure(tmp_path: Path) -> None:
    world, what = ToyCloud(unproven={"note/n"}), recipe(node("note/n"))

    assert "not usable after 3 s" in str(applied(world, what, planned(world, what), tmp_path)["note/n"].error)


def test_a_deferred_step_defers_and_blocks_what_needs_it(tmp_path: Path) -> None:
    world = ToyCloud(things={"box/b": {"value": "x"}}, errors={"note/n": denied()})
    grant = node("door/caller", container="box/b", access=True)
    note = node("note/n", container="box/b", needs=["door/caller"], value="hello")
    what = recipe(BOX, grant, note, node("door/after", needs=["note/n"]))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes)["note/n"] == "deferred"
    assert results(outcomes)["door/after"] == "blocked"


ADMITTED = (
    node("box/b", value="x"),
    node("door/caller", container="box/b", access=True),
    node("note/n", container="box/b", needs=["door/caller"], value="hello"),
)


def test_a_front_end_that_does_not_know_the_caller_s_new_access_yet_is_asked_again(tmp_path: Path) -> None:
    world, what = ToyCloud(denials={"note/n": 2}), recipe(*ADMITTED)

    assert results(applied(world, what, planned(world, what), tmp_path))["note/n"] == "done"


def test_a_front_end_that_never_lets_the_caller_in_is_a_failure(tmp_path: Path) -> None:
    world, what = ToyCloud(denials={"note/n": 9}), recipe(*ADMITTED)

    assert isinstance(applied(world, what, planned(world, what), tmp_path)["note/n"].error, NotAuthorized)


def test_a_caller_who_had_access_before_is_turned_away_once(tmp_path: Path) -> None:
    world, what = (
        ToyCloud(things={"door/caller": {}, "box/b": {"value": "x"}}, denials={"note/n": 1}),
        recipe(*ADMITTED),
    )

    assert results(applied(world, what, planned(world, what), tmp_path))["note/n"] == "failed"


def test_an_interrupt_lets_running_steps_end_and_starts_no_more(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(BOX, NOTE)

    def press_ctrl_c(step: Step, outcome: Outcome | None) -> None:
        if outcome is None and step.address == at("box/b"):
            world.calls.append("ctrl-c")
        if outcome is not None and step.address == at("box/b"):
            signal.raise_signal(signal.SIGINT)

    outcomes = applied(world, what, planned(world, what), tmp_path, press_ctrl_c)

    assert results(outcomes) == {"box/b": "done", "note/n": "interrupted"}
    assert world.session.waits.interrupted.is_set()


def test_a_call_that_was_interrupted_says_so(tmp_path: Path) -> None:
    world, what = ToyCloud(write_errors={"box/b": Interrupted(during="waiting")}), recipe(BOX)

    assert results(applied(world, what, planned(world, what), tmp_path)) == {"box/b": "interrupted"}


def test_a_kind_that_cannot_write_says_so(tmp_path: Path) -> None:
    world, what = ToyCloud(things={"stuck/s": {"value": "1"}}), recipe(node("stuck/s", value="2"))

    assert "cannot be updated" in str(applied(world, what, planned(world, what), tmp_path)["stuck/s"].error)


def test_a_defect_of_ours_fails_its_step_and_loses_no_other(tmp_path: Path) -> None:
    world = ToyCloud(write_errors={"box/b": ZeroDivisionError("a private value")})
    what = recipe(BOX, node("box/other"))

    outcomes = applied(world, what, planned(world, what), tmp_path)

    assert results(outcomes) == {"box/b": "failed", "box/other": "done"}
    assert "ZeroDivisionError in step_runner.py" in str(outcomes["box/b"].error)
    assert "private" not in str(outcomes["box/b"].error)


@pytest.mark.parametrize(
    "gone",
    [
        ToyCloud(write_errors={"note/n": NotFound(operation="PUT n", status=404)}),
        ToyCloud(unseen={"note/n"}),
        ToyCloud(unproven={"note/n"}),
    ],
    ids=["written", "read back", "proven"],
)
@pytest.mark.parametrize("displaced", [True, False])
@pytest.mark.parametrize("intent", [Intent.TEARDOWN, Intent.CONVERGE])
def test_a_teardown_waits_for_nothing_in_what_another_has_just_removed(
    gone: ToyCloud, *, displaced: bool, intent: Intent, tmp_path: Path
) -> None:
    world = replace(gone, calls=[], things={}, displaced={"note/n"} if displaced else set())
    what = recipe(node("note/n", value="hello"))

    outcome = applied(world, what, planned(world, what), tmp_path, asked=Request(intent=intent))["note/n"]

    if displaced and intent is Intent.TEARDOWN:
        assert (outcome.result.value, outcome.note) == ("done", "its container has just been removed")
        # To plan, to apply, to look for what was written, and whether what it stands in is there.
        assert world.calls.count("read note/n") <= 4
    else:
        assert outcome.result.value == "failed"


@pytest.mark.parametrize("displaced", [True, False])
@pytest.mark.parametrize("answer", [{}, {"note/n": NotFound(operation="PUT n", status=404, code="ResourceNotFound")}])
def test_nothing_is_waited_for_in_a_container_that_somebody_has_just_deleted(
    tmp_path: Path, answer: dict[str, BaseException], *, displaced: bool
) -> None:
    what = recipe(BOX, replace(NOTE, container=Address("box", "b")))
    world = ToyCloud(things={"box/b": {"value": "x"}}, unseen={"note/n"}, write_errors=answer)
    made = planned(world, what)
    del world.things["box/b"]
    world.displaced = {"box/b"} if displaced else set()

    outcome = applied(world, what, made, tmp_path)["note/n"]

    assert outcome.result.value == "failed"
    assert "somebody has just deleted box/b. Run the command again." in str(outcome.error)
    assert world.calls.count("read box/b") <= 4  # to plan, to apply, and to see why the note is not there


def test_the_journal_has_intents_and_outcomes(tmp_path: Path) -> None:
    world, what = ToyCloud(), recipe(BOX)
    applied(world, what, planned(world, what), tmp_path)
    file = tmp_path / "toy.jsonl"
    entries = [json.loads(line) for line in file.read_text().splitlines()]

    assert [(e["event"], e["address"]) for e in entries] == [("intent", "box/b"), ("outcome", "box/b")]
    assert file.stat().st_mode & 0o777 == 0o600
