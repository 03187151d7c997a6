"""Plans and outcomes as people read them."""

from __future__ import annotations

from dataclasses import replace

from provisioner.engine.report import (
    AGAIN,
    deferred_lines,
    dependency_flowchart,
    outcome_line,
    outcomes_summary,
    plan_lines,
    remaining_lines,
)
from provisioner.errors import Conflict, Interrupted
from provisioner.model import Action, Change, Observed, Outcome, Plan, Platform, Result, Step
from tests.engine.toys import Outputs, at, node, recipe

WAITING = Step(
    address=at("key/k"),
    action=Action.DEFER,
    reason="retiring",
    waits_on=("2026-11-23T18:54:07+00:00",),
    dated=True,
)


def test_what_waits_for_a_date_says_for_which() -> None:
    told = "key/k: retiring, until 2026-11-23 18:54 UTC"

    (line,) = deferred_lines([Outcome(step=WAITING, result=Result.DEFERRED)])
    assert line.text == f"  deferred {told}"
    first, count = plan_lines(Plan(environment="dev", steps=(WAITING,), digest=""))
    assert first.text == f"? defer {told}"
    assert count.text == "dev: 1 waiting for a date; 0 unchanged"


LONG = "x" * 200
MADE = Step(address=at("box/new"), action=Action.CREATE, changes=(Change(field="value", after=LONG),))
DRIFTED = Step(
    address=at("box/old"),
    action=Action.UPDATE,
    reason="the spec says so",
    changes=(Change(field="value", after="2", reason="the spec says so"),),
)
KEPT = Step(address=at("box/kept"), action=Action.KEEP)
LEFT = Step(address=at("box/left"), action=Action.KEEP, remains="it holds others' things")
GRANT = Step(address=at("door/caller"), action=Action.CREATE, access=True, reason="it does not exist")
PLAN = Plan(environment="dev", steps=(MADE, DRIFTED, KEPT, LEFT, GRANT, WAITING), digest="abc")


def test_a_plan_says_what_changes_from_what_to_what_and_counts() -> None:
    assert [line.text for line in plan_lines(PLAN)] == [
        "+ create box/new",
        f"      value: {LONG}",
        "~ update box/old: the spec says so",
        "      value: (none) → 2",
        "  keep box/left: it holds others' things",
        "+ create door/caller: it does not exist",
        "? defer key/k: retiring, until 2026-11-23 18:54 UTC",
        "dev: 1 create, 1 update, 1 access, 1 waiting for a date; 2 unchanged",
    ]


def test_a_plan_with_nothing_to_do_says_so() -> None:
    (line,) = plan_lines(Plan(environment="dev", steps=(KEPT,), digest=""))
    assert line.text == "dev: no changes; 1 unchanged"


STALE = Plan(environment="dev", steps=(KEPT,), digest="", platform=Platform(drift="workers run with a, not b"))


def test_what_only_a_platform_can_put_right_is_to_be_deployed_and_pending() -> None:
    lines = [line.text for line in plan_lines(STALE)]
    assert lines == ["! deploy Airflow: workers run with a, not b", "dev: 1 to deploy; 1 unchanged"]
    assert STALE.pending


def test_what_cannot_be_seen_of_a_platform_is_not_known_and_no_change() -> None:
    unknown = replace(STALE, platform=Platform(unknown="nobody can be asked"))
    lines = [line.text for line in plan_lines(unknown)]
    assert lines == ["? Airflow's platform: not known; nobody can be asked", "dev: no changes; 1 unchanged"]
    assert not unknown.pending


FAILED = Outcome(step=DRIFTED, result=Result.FAILED, error=Conflict(operation="PUT it", status=409, code="HolderKey"))
NAMED = Outcome(step=DRIFTED, result=Result.FAILED, error=Conflict(operation="PUT it", status=409, address="box/old"))
DONE = Outcome(step=MADE, result=Result.DONE, seconds=1.26, note="assigned, not proven")


def test_each_step_that_ends_is_told_in_a_line() -> None:
    assert outcome_line(DONE).text == "+ created box/new in 1.3 s (assigned, not proven)"
    assert outcome_line(FAILED).text.startswith("! failed box/old: PUT it answered 409 HolderKey")
    assert outcome_line(NAMED).text.startswith("! failed box/old: PUT it answered 409")
    assert outcome_line(Outcome(step=DRIFTED, result=Result.BLOCKED)).text == "  blocked box/old"


def test_a_run_is_counted_in_words() -> None:
    assert outcomes_summary("dev", (DONE, DONE, FAILED)) == f"dev: 2 created, 1 failed; {AGAIN}"
    assert outcomes_summary("dev", ()) == "dev: nothing to do"


def test_what_a_teardown_leaves_is_told_with_the_reason() -> None:
    outcomes = (Outcome(step=LEFT, result=Result.UNCHANGED), Outcome(step=KEPT, result=Result.UNCHANGED))
    assert [line.text for line in remaining_lines(outcomes)] == ["remains box/left: it holds others' things"]


def test_a_graph_has_an_arrow_from_each_need_to_what_needs_it() -> None:
    drawn = dependency_flowchart(
        recipe(node("box/b"), node("note/n", container="box/b", value=Outputs.value.of(at("box/b"))))
    )
    assert drawn == 'flowchart LR\n  n0["box<br/>b"]\n  n1["note<br/>n"]\n  n0 --> n1\n'


def test_what_several_wait_for_is_said_once() -> None:
    closed = [
        Outcome(step=replace(WAITING, address=at(f"box/{n}"), dated=False), result=Result.DEFERRED) for n in range(3)
    ]
    silent = Outcome(step=replace(WAITING, address=at("box/x"), dated=False, reason=""), result=Result.DEFERRED)

    lines = [line.text for line in deferred_lines([*closed, silent, Outcome(step=MADE, result=Result.DONE)])]

    assert lines == ["  deferred box/0 and 2 more: retiring", "  deferred box/x"]


def test_an_interrupted_run_says_in_one_line_what_was_not_begun_and_what_to_do() -> None:
    outcomes = [
        Outcome(step=MADE, result=Result.DONE),
        Outcome(step=DRIFTED, result=Result.INTERRUPTED, error=Interrupted(during="waiting")),
        *(Outcome(step=KEPT, result=Result.INTERRUPTED) for _ in range(25)),
    ]

    assert outcomes_summary("dev", outcomes) == (
        "dev: 1 created, 1 interrupted, 25 not begun; interrupted: run the command again, it goes on where it stopped"
    )


def test_a_plan_says_what_is_to_be_known_of_a_resource_that_stays() -> None:
    noted = replace(KEPT, reason="sent, not confirmed", observed=Observed(owned=True, note="sent, not confirmed"))
    plain = replace(KEPT, observed=Observed(owned=True))

    lines = plan_lines(Plan(environment="dev", steps=(noted, plain), digest=""))

    assert [line.text for line in lines] == ["  keep box/kept: sent, not confirmed", "dev: no changes; 2 unchanged"]
