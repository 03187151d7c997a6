"""When a schedule is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.spec.cron import CRON_OF, PRESETS, cron_problem, has_moments, moment_before, moments

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "before", "count"),
    [
        ("0 * * * *", timedelta(hours=1), 24),
        ("*/10 * * * *", timedelta(minutes=10), 144),
        ("30 6 * * ?", timedelta(hours=5, minutes=30), 1),
        ("@hourly", timedelta(hours=1), 24),
        ("@daily", timedelta(hours=12), 1),
        ("@quarterly", timedelta(days=60, hours=12), 0),
    ],
)
def test_its_moments_are_found_forwards_and_backwards(schedule: str, before: timedelta, count: int) -> None:
    assert has_moments(schedule)
    assert moment_before(schedule, NOON) == NOON - before
    found = moments(schedule, NOON, NOON + timedelta(days=1))
    assert len(found) == count
    assert all(NOON < one <= NOON + timedelta(days=1) for one in found)


@pytest.mark.parametrize("schedule", ["@once", "@continuous", "0 * * * * */10"])
def test_a_schedule_without_minutes_of_its_own_has_none(schedule: str) -> None:
    assert cron_problem(schedule) == ""
    assert not has_moments(schedule)


def test_each_preset_with_moments_is_one_of_airflows() -> None:
    assert PRESETS - CRON_OF.keys() == {"@once", "@continuous"}
