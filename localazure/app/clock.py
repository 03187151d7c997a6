"""The local Azure's time: the machine's, moved by an offset that tests set. The only place that reads a clock."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime


class Clock:
    """`offset_seconds` moves it; `new_id` is here so that randomness has one door, too."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds

    def timestamp(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset_seconds

    def now(self) -> datetime:
        """The same, aware, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def new_id(self) -> str:
        """A fresh GUID."""
        return str(uuid.uuid4())
