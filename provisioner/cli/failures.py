"""How a command ends that raised something: what is said of it, and the exit code."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.errors import Defect, Firewalled, Interrupted, NotAuthorized, ProvisionerError, Refusals, Refused

if TYPE_CHECKING:
    from argparse import Namespace

FAILED, PARTLY, UNMET, INTERRUPTED = 1, 3, 4, 130
UNMET_ERRORS = (Firewalled, NotAuthorized, Refused, Refusals)


def is_of_machine(error: BaseException) -> bool:
    """Whether this machine is to blame, as with a full disk or a reader that has gone; output may be lost then."""
    return isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and error.errno is not None)


def print_failure(arguments: Namespace, error: BaseException) -> int:
    """Print what happened. Returns the exit code: PARTLY if the command has changed something before.

    With `--json` the error is printed as the document, too; of an error of this machine nothing is.
    """
    code, document = FAILED, error
    if isinstance(error, ProvisionerError):
        show.complaint(str(error))
        code = _code(error)
    elif isinstance(error, KeyboardInterrupt):
        show.note("interrupted; run the command again, it continues where it stopped")
        code, document = INTERRUPTED, Interrupted(during=arguments.verb)
    elif not isinstance(error, BrokenPipeError):  # who reads no further is told nothing
        document = _print_unexpected(arguments, error)
    if code != INTERRUPTED and getattr(arguments, "wrote", False):
        show.complaint(show.AFTER_WRITES)
        code = PARTLY
    if isinstance(document, ProvisionerError) and getattr(arguments, "json", False):
        try:
            show.failure(document, code)
            sys.stdout.flush()
        except OSError:  # nobody takes it; its sentence is on standard error
            discard_output()
    return code


def discard_output() -> None:
    """Lead all further output to nowhere: its reader has gone, or it cannot be written."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_unexpected(arguments: Namespace, error: BaseException) -> BaseException:
    """Say what is wrong with this machine, or that it is a defect of this tool; the traceback only with --debug.

    Returns the error that the document shows.
    """
    if getattr(arguments, "debug", False):
        traceback.print_exception(error)
    if isinstance(error, OSError) and is_of_machine(error):
        where = error.filename or "standard output"
        message = f"{where}: {error.strerror}. Fix that and run the command again; it continues where it stopped."
        show.note(message)
        return error
    defect = Defect(error)
    show.note(str(defect))
    return defect


def _code(error: ProvisionerError) -> int:
    if isinstance(error, Interrupted):
        return INTERRUPTED
    return UNMET if isinstance(error, UNMET_ERRORS) else FAILED
