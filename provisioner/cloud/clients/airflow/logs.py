"""A task's log as lines for people: Airflow 2 stores text, Airflow 3 objects. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARKS = re.compile(r"::(end)?group::")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def plain_lines(text: str) -> tuple[str, ...]:
    """Without colours and folding marks. The rest of a line is as Airflow wrote it."""
    lines = (COLOUR.sub("", line).rstrip() for line in text.splitlines())
    return tuple(line for line in lines if line and not MARKS.search(line))


def structured_lines(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Of `{"content": [{"timestamp", "level", "event", "error_detail"?, …} | text, …]}`."""
    content: Any = body.get("content") or []
    if isinstance(content, str):
        return plain_lines(content)
    return plain_lines("\n".join(line for one in content for line in _entry(one)))


def _entry(one: Any) -> Iterator[str]:
    if not isinstance(one, dict):
        yield str(one)
        return
    entry: dict[str, Any] = {**one}
    head = (
        str(entry.get("timestamp") or "")[:19],
        str(entry.get("level") or "").upper(),
        str(entry.get("event") or ""),
    )
    yield " ".join(part for part in head if part)
    errors: Any = entry.get("error_detail") or []
    for error in errors:
        yield f"{error.get('exc_type')}: {error.get('exc_value')}"
