"""Keeps one program and everything that it starts; ends all of it when its input, a pipe, closes.

    python -I -S keeper.py LOCK FOLDER COMMAND…

The kernel closes the pipe however the local Azure ended, so nothing is left behind. On Linux the keeper is the
"subreaper" of its descendants: those that left the program's group or lost their parent are still its children.
Standard library only, and nothing of ours: it starts in 20 ms and reads no variable that is meant for the program.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL
NOT_STARTED = 127  # as a shell has it
_ROUND_SECONDS = 0.1
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(lock: str, folder: str, command: list[str]) -> int:
    """The program's exit code, 128 + N after signal N."""
    woken = _wakeups()
    _prctl(_SET_CHILD_SUBREAPER, 1)
    with Path(lock).open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)  # the program of before may still be ending
        try:
            program = subprocess.Popen(  # noqa: S603  # what the runtime's file says, no text of a user's
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_end_with_keeper,  # noqa: PLW1509  # the keeper has one thread
            )
        except OSError as error:
            print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201  # into the log
            return NOT_STARTED
        return _keep(program.pid, woken)


def descendants(root: int) -> list[int]:
    """The processes below one, parents first; none where there is no /proc."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            below.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += below.get(pid, [])
    return found[1:]


def _wakeups() -> int:
    """Becomes readable when a signal arrives; the bytes are the signals' numbers."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)  # its only argument
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the program's group is all that is ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_with_keeper() -> None:
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _keep(program: int, woken: int) -> int:
    """Wait until the program ends or is to end; nothing of it runs afterwards."""
    pipe, code = sys.stdin.fileno(), None
    while code is None:
        ready, _, _ = select.select([pipe, woken], [], [])
        code = _reaped().get(program)
        if pipe in ready or _arrived(woken) & {signal.SIGTERM, signal.SIGINT}:
            break
    return _end(program, woken, code)


def _end(program: int, woken: int, code: int | None) -> int:
    ended = {} if code is None else {program: code}
    deadline = time.monotonic() + GRACE_SECONDS
    _send(program, signal.SIGTERM)
    while _any_left(ended):
        left = deadline - time.monotonic()
        if left <= 0:
            _send(program, signal.SIGKILL)
        select.select([woken], [], [], min(max(left, 0), _ROUND_SECONDS) or _ROUND_SECONDS)
        _arrived(woken)
    return ended.get(program, 128 + signal.SIGKILL)


def _send(program: int, number: signal.Signals) -> None:
    """To the program's group and to whoever left it."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: no permission for a group of zombies
        os.killpg(program, number)
    for pid in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _any_left(ended: dict[int, int]) -> bool:
    ended.update(_reaped())
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _reaped() -> dict[int, int]:
    """Exit codes of children that ended, those that the keeper adopted among them."""
    codes: dict[int, int] = {}
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(found[1])
            codes[found[0]] = code if code >= 0 else 128 - code
    return codes


def _arrived(woken: int) -> set[int]:
    with suppress(BlockingIOError):
        return set(os.read(woken, 512))
    return set()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
