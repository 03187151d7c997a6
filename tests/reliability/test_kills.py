"""Runs that are ended at one of their calls: a sample, the same each time; `make reliability` meets every call."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.reliability.kills import (
    AFTER,
    BEFORE,
    CASES,
    INTERRUPT,
    LOST,
    THROTTLED,
    UNAVAILABLE,
    Case,
    Ended,
    Trial,
    Way,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.reliability.restorable_environment import Call, RestorableEnvironment

SEED = 20261125
READS = 2  # of each verb, in each way
WRITES = [(AFTER, 8), (BEFORE, 3), (LOST, 3), (INTERRUPT, 2), (THROTTLED, 2), (UNAVAILABLE, 2)]  # of each verb
SOME = 3
TRIALS: dict[tuple[str, Case], Trial] = {}
ROTATE_THEN_PROVISION = Case(verb="rotate", moment="due", then=("provision", "rotate"), hours=(0.0, 1.1))


def trial(ground: RestorableEnvironment, case: Case) -> Trial:
    """With the undisturbed run done once per local Azure."""
    return TRIALS.setdefault((str(ground.azure.state), case), Trial(ground=ground, case=case))


def assert_survived(ended: Iterable[Ended]) -> None:
    """The faults met the runs; nothing is lost, nothing is there twice."""
    found = list(ended)
    complaints = [complaint for one in found for complaint in one.complaints]
    assert not complaints, "\n".join(complaints)
    assert [one.point for one in found if not (one.reached or one.again)] == []
    assert any(one.reached for one in found)


def sample(calls: list[Call], count: int) -> list[Call]:
    calls = sorted(calls, key=str)  # their order differs between runs: much is sent at once
    chosen = random.Random(SEED)  # noqa: S311  # the same each time, and guards nothing
    return chosen.sample(calls, min(count, len(calls)))


@pytest.mark.parametrize(("way", "count"), WRITES, ids=lambda one: getattr(one, "name", f"{one}"))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_a_run_that_ends_or_is_turned_away_at_a_write_is_finished_by_the_next(
    ground: RestorableEnvironment, case: Case, way: Way, count: int
) -> None:
    tried = trial(ground, case)
    writes = sample([call for call in tried.calls() if call.writes], count)

    assert_survived(tried.meet(call, way) for call in writes)


@pytest.mark.parametrize("way", [BEFORE, LOST], ids=lambda way: way.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_a_run_that_ends_at_a_read_is_finished_by_the_next(ground: RestorableEnvironment, case: Case, way: Way) -> None:
    tried = trial(ground, case)
    reads = sample([call for call in tried.calls() if not call.writes], READS)

    assert_survived(tried.meet(call, way) for call in reads)


def test_a_killed_rotation_is_finished_by_a_provision_and_the_next_rotation(ground: RestorableEnvironment) -> None:
    tried = trial(ground, ROTATE_THEN_PROVISION)
    writes = sample([call for call in tried.calls() if call.writes], SOME)

    assert_survived(tried.meet(call, AFTER) for call in writes)
