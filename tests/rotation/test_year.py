from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.rotation.key_history import KeyHistory
from tests.rotation.rotating_environment import DAY, NAMES, active_keys, failed

if TYPE_CHECKING:
    from tests.rotation.rotating_environment import RotatingEnvironment

HOUR = 3600.0
DAILY = 65  # days
OVERLAP = timedelta(hours=24)
SECRET = ["AZURE_CLIENT_SECRET"]


def run(diary: KeyHistory, rollout_seconds: float) -> None:
    """One run, and everybody signing in just before and just after the new values are in use."""
    rotations, seen = diary.rotations, len(diary.entries)
    assert failed(rotations.rotate()) == []
    if len(diary.entries) > seen:
        diary.note()
        if rollout_seconds:
            rotations.advance(rollout_seconds - 5.0)
            diary.note()
            rotations.advance(10.0)
        diary.note()


def live(rotations: RotatingEnvironment, days: list[int], rollout_seconds: float) -> KeyHistory:
    """Runs on those days, each watched; each a little later than the day before, so that 30 days are always full."""
    diary = KeyHistory(rotations)
    rotations.watched = diary.watch
    began = rotations.now()
    diary.note()
    for day in days:
        rotations.advance_to(began + timedelta(days=day, seconds=2 * day))
        run(diary, rollout_seconds)
    diary.note()
    return diary


def assert_nobody_held_a_dead_credential(diary: KeyHistory) -> None:
    assert diary.gaps() == []
    assert diary.removed_too_early(OVERLAP) == []


def test_a_year_of_runs_leaves_no_minute_uncovered(rotations: RotatingEnvironment) -> None:
    """Every day until two rotations are over, then every fifth, which are the days on which more is due."""
    rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": HOUR, "mask_variables": SECRET})

    diary = live(rotations, [*range(1, DAILY), *range(DAILY, 366, 5)], HOUR)

    assert_nobody_held_a_dead_credential(diary)
    assert [len(diary.switches(name)) for name in NAMES] == [12, 12]
    assert len(diary.removals()) == 24
    assert len(list(active_keys(rotations))) == 2
    assert max(moment - start for _, _, start, _ in active_keys(rotations) for moment in [rotations.now()]) < timedelta(
        days=31
    )
    enabled = [version["attributes"]["enabled"] for version in rotations.versions()]
    assert sorted(enabled) == [False] * 12 + [True]


@pytest.mark.parametrize("masked", [[], SECRET], ids=["echoed", "masked"])
@pytest.mark.parametrize("rollout_seconds", [0.0, HOUR], ids=["at-once", "an-hour"])
def test_a_season_leaves_no_minute_uncovered_however_the_runtime_behaves(
    rotations: RotatingEnvironment, rollout_seconds: float, masked: list[str]
) -> None:
    settings = {"rollout_seconds": rollout_seconds, "mask_variables": masked}
    rotations.azure.control("PUT", "/settings/airflow", settings)

    diary = live(rotations, [1, 29, 30, 31, 32, 33, 60, 61, 62, 63, 64, 65], rollout_seconds)

    assert_nobody_held_a_dead_credential(diary)
    assert [len(diary.switches(name)) for name in NAMES] == [2, 2]
    assert len(list(active_keys(rotations))) == 2


def test_a_rollout_longer_than_the_spec_says_is_what_the_overlap_is_for(rotations: RotatingEnvironment) -> None:
    rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": 20 * HOUR})

    diary = live(rotations, [30, 31, 32], 20 * HOUR)

    assert diary.gaps() == []


def test_a_year_is_a_matter_of_days_that_were_run_not_of_a_clock_in_this_process(
    rotations: RotatingEnvironment,
) -> None:
    """The cloud's clock is a year ahead of this machine's: nothing is due that is not due there."""
    rotations.advance(20 * DAY)

    assert failed(rotations.rotate()) == []

    assert all(start < rotations.now() - timedelta(days=19) for _, _, start, _ in active_keys(rotations))
