"""What helps to find out what is wrong: the log of `--debug`, tracebacks of defects, this machine's clock."""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.errors import Defect

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

CLOCK_ADMITS = timedelta(minutes=5)


def warn_if_clock_is_wrong(ahead: timedelta) -> None:
    """Warn on standard error if this machine's clock is wrong: tokens and dates depend on it."""
    if abs(ahead) > CLOCK_ADMITS:
        minutes = round(abs(ahead).total_seconds() / 60)
        side = "ahead of" if ahead > timedelta() else "behind"
        show.warning(f"This machine's clock is {minutes} minutes {side} Azure's; set it (`timedatectl set-ntp true`).")


def print_defect_tracebacks(errors: Iterable[Exception | None]) -> None:
    """Print the tracebacks of defects, for --debug."""
    for error in errors:
        if isinstance(error, Defect):
            traceback.print_exception(error.cause)


@contextmanager
def logging_requests(enabled: bool, sign_in_method: str) -> Generator[None]:  # noqa: FBT001  # an option, passed on
    """Log the credential and every request (method, URL, status, time) to standard error, each once."""
    log, handler = logging.getLogger("provisioner.http"), logging.StreamHandler(sys.stderr)
    if not enabled:
        yield
        return
    first = not log.handlers  # of several environments, which write into one log
    if first:
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    if sign_in_method:
        log.info("signing in with: %s", sign_in_method)
    try:
        yield
    finally:
        log.removeHandler(handler)
