"""What a migration shows a person before it asks, and what comes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_terminal import COLOUR, Seen, at_terminal
from tests.migration.moving import HOUR

if TYPE_CHECKING:
    from tests.migration.moving import Moving

QUESTION = "Go on? [y/N]"


def asked(moving: Moving, *options: str, types: str, **more: Any) -> Seen:
    """A migration at a terminal."""
    old, new = moving.write()
    return at_terminal(moving.old, "migrate", str(old), str(new), *options, types=types, **more)


def before_the_question(seen: Seen) -> str:
    """What stood on the screen when somebody was asked, without colours."""
    shown, question, _ = COLOUR.sub("", seen.screen).partition(QUESTION)
    assert question, shown
    return shown


@pytest.mark.parametrize("typed", ["n\n", "\n", "\x04"])
def test_its_plan_stands_before_the_question_and_anything_but_yes_changes_nothing(moving: Moving, typed: str) -> None:
    moving.old.forget_calls()

    seen = asked(moving, types=typed)

    shown = before_the_question(seen)
    for line in ("~ update key_vault/kv-flink-local", "- delete airflow_runtime/airflow", "+ create "):
        assert line in shown, shown
    assert (seen.code, moving.old.writes()) == (1, []), seen.screen
    assert "local to moved" in seen.screen
    assert "none of it was done" in seen.screen


def test_a_yes_moves_it_without_another_question(moving: Moving) -> None:
    seen = asked(moving, types="y\n")

    assert seen.code == 0, seen.screen
    assert seen.screen.count("[y/N]") == 1
    phases = ("provisioning moved beside local", "verifying moved", "taking over what both declare", "removing what")
    places = [seen.screen.index(phase) for phase in (QUESTION, *phases)]
    assert places == sorted(places)
    moving.advance(HOUR)
    assert moving.lost_or_twice() == []
    assert moving.new.done("plan", "--json").actions() == {}


def test_going_back_asks_too(moving: Moving) -> None:
    moving.begin()
    moving.old.forget_calls()

    seen = asked(moving, "--undo", types="n\n")

    assert "- delete vault_secret/" in before_the_question(seen)
    assert (seen.code, moving.old.writes()) == (1, []), seen.screen
    seen = asked(moving, "--undo", types="y\n")
    assert seen.code == 0, seen.screen
    assert moving.old.done("plan", "--json").actions() == {}


@pytest.mark.parametrize("options", [(), ("--undo",)])
def test_what_another_migration_did_while_a_person_was_asked_is_not_done_again(
    moving: Moving, options: tuple[str, ...]
) -> None:
    moving.begin()

    seen = asked(moving, *options, types="y\n", meanwhile=moving.migrate)

    assert (seen.code, "Run the command again; it sees what is there now" in seen.screen) == (1, True), seen.screen
    moving.advance(HOUR)
    assert moving.lost_or_twice() == []
    assert moving.new.done("plan", "--json").actions() == {}


def test_there_is_no_way_back_once_the_old_dags_were_paused_while_a_person_was_asked(moving: Moving) -> None:
    moving.begin()
    moving.azure.fault(fault="error", method="PATCH", host="airflow", status=403, code="Forbidden")

    seen = asked(moving, "--undo", types="y\n", meanwhile=moving.migrate)

    assert (seen.code, "paused already, so there is only the way on" in seen.screen) == (4, True), seen.screen
    steps = moving.migrate("--plan-only", "--json").json()["phases"][0]["steps"]
    assert "create" not in {step["action"] for step in steps}
    assert moving.migrate().code == 0
    moving.advance(HOUR)
    assert moving.lost_or_twice() == []
