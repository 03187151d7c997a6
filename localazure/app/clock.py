"""The local Azure's time: the machine's, moved by an offset that tests set. The only place that reads a clock."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime


class Clock:
    """The current time plus `offset_seconds`, and the only source of random ids, so that tests can replace both."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds

    def timestamp(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.offset_seconds

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def new_id(self) -> str:
        """Return a random GUID."""
        return str(uuid.uuid4())
