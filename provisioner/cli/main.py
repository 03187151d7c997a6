"""The program: parses the command line, runs the command, turns every error into a sentence and an exit code.

0 done or nothing to do · 1 failed, usage, spec · 2 changes pending · 3 partly applied or something remains ·
4 a missing right or precondition, found before the first write · 130 interrupted. With `--json` an error is one JSON
document on standard output, too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import Namespace
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provisioner.cli.arguments import parse

if TYPE_CHECKING:
    from collections.abc import Generator


def main(argv: list[str] | None = None) -> int:
    """Run `provisioner ARGV`. Returns its exit code; exits by itself after a help and after a completion."""
    _open_closed_streams()
    _replace_unencodable_characters()
    _complete_and_exit_if_asked()
    words = sys.argv[1:] if argv is None else argv
    arguments = Namespace(json="--json" in words)  # until the words are understood
    try:
        arguments = _parsed(words)
        with _ended_by_signals():
            code = _run(arguments)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # no traceback reaches who has not asked for it
        from provisioner.cli.failures import discard_output, is_of_machine, print_failure

        if is_of_machine(error):
            discard_output()
        return print_failure(arguments, error)
    else:
        return code


def _parsed(words: list[str]) -> Namespace:
    """Raises SystemExit after a help, whose reader may have gone."""
    try:
        return parse(words)
    except SystemExit:
        sys.stdout.flush()
        raise


def _complete_and_exit_if_asked() -> None:
    """Answer a shell that asks how the line could go on, and end."""
    if "_ARGCOMPLETE" in os.environ:
        from provisioner.cli.completion import complete_and_exit

        complete_and_exit()


def _open_closed_streams() -> None:
    """Lead each stream that the shell has closed (`>&-`) to nowhere; its number is not some other file's then."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _replace_unencodable_characters() -> None:
    """Replace characters that a terminal or file cannot show, instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


@contextmanager
def _ended_by_signals() -> Generator[None]:
    """Let SIGTERM and SIGHUP end a run as SIGINT does: calls under way finish, the lease is released.

    Signals that are ignored stay ignored, as after nohup.
    """

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


def _run(arguments: Namespace) -> int:
    from provisioner.cli.verbs import command

    chosen = command(arguments.verb)
    if getattr(arguments, "notify", False):
        from provisioner.cli.notify import notifying

        chosen = notifying(chosen)
    if not hasattr(arguments, "parallel"):
        return chosen(arguments)
    from provisioner.cli.many import run

    return run(chosen, arguments)
