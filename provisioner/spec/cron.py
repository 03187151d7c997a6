"""Whether the fields of a cron expression are in their ranges, as Airflow reads them."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime(2021, 1, 1, tzinfo=UTC)
PRESETS = frozenset({"@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@continuous"})
FIELDS = 5  # Airflow takes a sixth one, of seconds


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
