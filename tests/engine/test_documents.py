"""Plans, outcomes and errors as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from provisioner.engine.documents import error_json, json_value, outcomes_json, plan_json
from provisioner.errors import Conflict, Defect, Problem, Refusals, Refused, SpecError
from provisioner.kind import changes_of_creation, compare
from provisioner.model import Action, Change, Plan, Step
from provisioner.model.durations import iso_duration
from provisioner.secret import Secret
from tests.engine.test_report import DONE, FAILED, LONG, PLAN, STALE
from tests.engine.toys import Outputs, at


def test_a_plan_as_json_has_every_step_and_says_more_only_where_there_is_more() -> None:
    told = plan_json(PLAN)
    assert (told["environment"], told["digest"], told["summary"]["create"]) == ("dev", "abc", 1)
    made, drifted, kept, left, grant, waiting = told["steps"]
    assert made["changes"] == [
        {"field": "value", "before": None, "after": LONG, "reason": "", "old": None, "new": LONG}
    ]
    assert drifted["reason"] == "the spec says so"
    assert kept == {"address": "box/kept", "action": "keep", "changes": [], "waits_on": []}
    assert left["remains"] == "it holds others' things"
    assert (grant["access"], grant["reason"]) == (True, "it does not exist")
    assert waiting["waits_on"] == ["2026-11-23T18:54:07+00:00"]


def test_a_plan_as_json_says_what_only_a_platform_can_put_right() -> None:
    assert plan_json(STALE)["platform"] == {"drift": "workers run with a, not b"}
    assert "platform" not in plan_json(PLAN)


def test_outcomes_as_json_say_what_became_of_each_step() -> None:
    done, failed = outcomes_json(PLAN, (DONE, FAILED))["steps"]
    assert (done["outcome"], done["error"], done["seconds"]) == ("done", None, 1.26)
    assert (failed["outcome"], "409 HolderKey" in failed["error"]) == ("failed", True)


def test_what_ended_a_run_is_in_its_document() -> None:
    assert outcomes_json(PLAN, (DONE,))["error"] is None
    assert outcomes_json(PLAN, (DONE,), Refused("box/new", "it is full", "Empty it"))["error"]["type"] == "Refused"


def _changes(*changes: Change) -> list[dict[str, object]]:
    step = Step(address=at("box/b"), action=Action.UPDATE, changes=changes)
    return plan_json(Plan(environment="dev", steps=(step,), digest=""))["steps"][0]["changes"]


def test_values_are_typed() -> None:
    changes = (
        *compare("count", 1, 2),
        *compare("open", before=False, after=True),
        *compare("every", timedelta(hours=1), timedelta(days=1, hours=12)),
        *compare("lines", None, ("a", "b")),
        Change(field="words", before="as text", after="only"),
    )

    assert [(one["old"], one["new"]) for one in _changes(*changes)] == [
        (1, 2),
        (False, True),
        ("PT1H", "P1DT12H"),
        (None, ["a", "b"]),
        ("as text", "only"),
    ]


def test_what_is_secret_or_not_known_yet_has_no_value_and_says_so() -> None:
    ref = Outputs.value.of(at("box/b"))
    hidden, later, written = _changes(
        Change(field="value", before="(secret)", after="(secret)"),
        *compare("id", "old", ref),
        Change(field="password", after="(secret)", new=Secret("hush")),
    )

    assert (hidden["old"], hidden["new"], hidden["secret"]) == (None, None, True)
    assert (later["old"], later["new"], later["known_after_apply"]) == ("old", None, True)
    assert (written["new"], written["secret"]) == (None, True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 11, 30, 12, tzinfo=UTC), "2026-11-30T12:00:00+00:00"),
        ({"a": (1, None), 2: Secret("hush")}, {"a": [1, None], "2": "(secret)"}),
        (at("box/b"), "box/b"),
        (Outputs.value.of(at("box/b")), "(known after apply)"),
    ],
)
def test_a_value_is_as_json_has_it(value: object, expected: object) -> None:
    assert json_value(value) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [(timedelta(), "PT0S"), (timedelta(days=60), "P60D"), (timedelta(minutes=90, seconds=1), "PT1H30M1S")],
)
def test_a_duration_is_written_by_iso_8601(length: timedelta, expected: str) -> None:
    assert iso_duration(length) == expected


def test_an_error_has_its_fields_and_those_it_consists_of() -> None:
    conflict = Conflict(operation="PUT it", status=409, code="Leased")
    found = error_json(Refusals((Refused("box/b", "it is full", "Empty it"), conflict)))

    assert (found["type"], found["details"], len(found["errors"])) == ("Refusals", {}, 2)
    assert found["errors"][0]["details"] == {"address": "box/b", "reason": "it is full", "remedy": "Empty it"}
    assert found["errors"][1]["details"] == {"operation": "PUT it", "status": 409, "code": "Leased"}


def test_the_problems_of_a_spec_are_listed() -> None:
    problem = Problem(file="dev.yaml", line=3, path="vault", wrong="is missing", right="name one")

    assert error_json(SpecError((problem,)))["details"] == {"problems": [vars(problem)]}


def test_a_defect_keeps_its_cause_to_itself() -> None:
    found = error_json(Defect(ValueError("hush")))

    assert "hush" not in json.dumps(found)
    assert error_json(ValueError("x"))["details"] == {}


def test_the_changes_of_a_creation_have_their_values() -> None:
    (change,) = changes_of_creation(Problem(file="f", line=3, path="", wrong="", right=""))[1:2]
    assert (change.field, change.after, change.new) == ("line", "3", 3)
