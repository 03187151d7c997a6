"""Cron expressions as Airflow reads them: whether their fields are in their ranges, and when they are due."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cronsim import CronSim

EPOCH = datetime(2021, 1, 1, tzinfo=UTC)
PRESETS = frozenset({"@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@continuous"})
FIELDS = 5  # Airflow takes a sixth one, of seconds
# airflow.timetables._cron
CRON_OF = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


def cron_problem(text: str) -> str:
    """What is wrong with a schedule, such as "bad hour"; empty if nothing is. Presets and cron expressions."""
    if text.startswith("@"):
        return "" if text in PRESETS else "no preset of Airflow"
    from cronsim import CronSim, CronSimError  # noqa: PLC0415  # only schedules need it

    fields = text.replace("?", "*").split()
    if len(fields) not in {FIELDS, FIELDS + 1}:
        return f"{len(fields)} fields, not five"
    try:
        CronSim(" ".join(fields[:FIELDS]), EPOCH)
    except CronSimError as error:
        return str(error).lower()
    return ""


def has_moments(schedule: str) -> bool:
    """Whether a schedule is due at moments that `moments` tells: neither once, nor always, nor at seconds."""
    return schedule in CRON_OF or (not schedule.startswith("@") and len(schedule.split()) == FIELDS)


def moments(schedule: str, after: datetime, until: datetime) -> tuple[datetime, ...]:
    """When a schedule is due after a moment, up to another one. Only for a schedule that `has_moments`."""
    return tuple(takewhile(lambda one: one <= until, _due(schedule, after)))


def moment_before(schedule: str, moment: datetime) -> datetime:
    """When a schedule was due last before a moment. Only for a schedule that `has_moments`."""
    return next(_due(schedule, moment, reverse=True))


def _due(schedule: str, start: datetime, *, reverse: bool = False) -> CronSim:
    from cronsim import CronSim  # noqa: PLC0415  # as above

    return CronSim(CRON_OF.get(schedule, schedule).replace("?", "*"), start, reverse=reverse)
