"""One call of the program: parse, run the verb, turn every error into a sentence and an exit code.

0 done or nothing to do · 1 failed, usage, spec · 2 changes pending · 3 partly applied or something remains ·
4 a missing right or precondition, found before the first write · 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from provisioner.cli.arguments import parse
from provisioner.errors import Defect, Firewalled, Interrupted, NotAuthorized, ProvisionerError, Refusals, Refused

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator

FAILED, UNMET, INTERRUPTED = 1, 4, 130


def main(argv: list[str] | None = None) -> int:
    """The exit code of `provisioner ARGV`."""
    _plain_where_needed()
    arguments = parse(argv)
    try:
        with _ended_by_signals():
            code = _run(arguments)
        sys.stdout.flush()
    except ProvisionerError as error:
        from provisioner.cli import show

        show.complaint(str(error))
        return _code(error)
    except KeyboardInterrupt:
        print("interrupted; run the command again, it goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _to_nowhere()
        return FAILED
    except Exception as error:
        told = _of_this_machine(error)
        if told:
            _to_nowhere()
        if getattr(arguments, "debug", False):
            raise
        print(told or Defect(error), file=sys.stderr)
        return FAILED
    else:
        return code


def _to_nowhere() -> None:
    """Who read our output has gone, or it can take no more: what is still to be told there is not."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_this_machine(error: Exception) -> str:
    """A full disk, a file that may not be written: no mistake of ours."""
    if not isinstance(error, OSError) or error.errno is None:
        return ""
    where = error.filename or "standard output"
    return f"{where}: {error.strerror}. Mend that and run the command again; it goes on where it stopped."


def _plain_where_needed() -> None:
    """A terminal or file that cannot show a character gets another one, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


@contextmanager
def _ended_by_signals() -> Generator[None]:
    """SIGTERM ends a run as SIGINT does: what is under way ends, the lease is given back."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only that one is told of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: Namespace) -> int:
    if arguments.verb == "local":
        from provisioner.cli import local

        return local.run(arguments)
    from provisioner.cli import verbs

    return verbs.VERBS[arguments.verb](arguments)


def _code(error: ProvisionerError) -> int:
    if isinstance(error, Interrupted):
        return INTERRUPTED
    return UNMET if isinstance(error, (Firewalled, NotAuthorized, Refused, Refusals)) else FAILED
