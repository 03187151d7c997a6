"""Runs that are ended at one of their calls; `make reliability` meets every call in every way, here are a part of them.

A kill after every write of provision, rotate and teardown is here, and of the rest a sample, the same each time.
"""

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
    PROVISION,
    ROTATE,
    TEARDOWN,
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
READS = 6  # of each verb, in each way
SOME_WRITES = 8  # likewise
WRITES = 4  # likewise, of the ways that end nobody
TRIALS: dict[tuple[str, Case], Trial] = {}
# A verb's writes in so many parts, for tests that run beside each other.
PARTS = {PROVISION: 4, ROTATE: 1, TEARDOWN: 3}
SHARES = [(case, part) for case, parts in PARTS.items() for part in range(parts)]
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


@pytest.mark.parametrize(("case", "part"), SHARES, ids=lambda one: getattr(one, "verb", f"{one}"))
def test_a_run_that_ends_after_any_of_its_writes_is_finished_by_the_next(
    ground: RestorableEnvironment, case: Case, part: int
) -> None:
    tried = trial(ground, case)
    writes = [call for call in tried.calls() if call.writes][part :: PARTS[case]]

    assert_survived(tried.meet(call, AFTER) for call in writes)


@pytest.mark.parametrize("way", [BEFORE, LOST], ids=lambda way: way.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_a_run_that_ends_at_a_write_is_finished_by_the_next(
    ground: RestorableEnvironment, case: Case, way: Way
) -> None:
    """A sample: but for what is sent beside it, a run ends there as after the write before, or after this one."""
    tried = trial(ground, case)
    writes = sample([call for call in tried.calls() if call.writes], SOME_WRITES)

    assert_survived(tried.meet(call, way) for call in writes)


@pytest.mark.parametrize("way", [BEFORE, LOST], ids=lambda way: way.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_a_run_that_ends_at_a_read_is_finished_by_the_next(ground: RestorableEnvironment, case: Case, way: Way) -> None:
    tried = trial(ground, case)
    reads = sample([call for call in tried.calls() if not call.writes], READS)

    assert_survived(tried.meet(call, way) for call in reads)


@pytest.mark.parametrize("way", [INTERRUPT, THROTTLED, UNAVAILABLE], ids=lambda way: way.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_a_run_that_is_interrupted_or_turned_away_at_a_write_ends_as_well(
    ground: RestorableEnvironment, case: Case, way: Way
) -> None:
    tried = trial(ground, case)
    writes = sample([call for call in tried.calls() if call.writes], WRITES)

    assert_survived(tried.meet(call, way) for call in writes)


def test_a_killed_rotation_is_finished_by_a_provision_and_the_next_rotation(ground: RestorableEnvironment) -> None:
    tried = trial(ground, ROTATE_THEN_PROVISION)
    writes = sample([call for call in tried.calls() if call.writes], WRITES)

    assert_survived(tried.meet(call, AFTER) for call in writes)
