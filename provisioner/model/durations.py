"""Durations as a spec writes them, and as ISO 8601 does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


def duration_text(length: timedelta) -> str:
    """`1d12h` and the like; whole seconds."""
    return "".join(f"{count}{unit}" for count, unit in _parts(length) if count) or "0s"


def iso_duration(length: timedelta) -> str:
    """`P1DT12H` and the like; whole seconds."""
    (days, _), *shorter = _parts(length)
    time = "".join(f"{count}{unit.upper()}" for count, unit in shorter if count)
    return f"P{f'{days}D' if days else ''}{f'T{time}' if time else ''}" if days or time else "PT0S"


def _parts(length: timedelta) -> tuple[tuple[int, str], ...]:
    seconds = int(length.total_seconds())
    return (seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")
