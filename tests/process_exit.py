"""Whether processes have ended, as the kernel tells it of descriptors; a number may be another process's by then."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def watch(pids: Sequence[int]) -> list[int]:
    """Descriptors of running processes, for `ended`."""
    assert pids
    return [os.pidfd_open(pid) for pid in pids]


def ended(watched: Sequence[int], seconds: float) -> bool:
    """Whether all end within the time. Closes the descriptors."""
    deadline, told = time.monotonic() + seconds, 0
    for each in watched:
        waiting = select.poll()  # select takes no descriptor above 1023
        waiting.register(each, select.POLLIN)
        told += len(waiting.poll(max(deadline - time.monotonic(), 0) * 1000))
        os.close(each)
    return told == len(watched)
