"""Runs one program as a child and ends it, with all its descendants, when its own standard input, a pipe, closes.

    python -I -S subreaper.py LOCK FOLDER COMMAND…

The kernel closes the pipe however the local Azure ended, so no process is left behind. On Linux this process is the
"child subreaper" of its descendants (prctl(2)): those that left the program's process group or lost their parent become
its children. Standard library only: it starts in 20 ms and reads no variable that is meant for the program.
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
    """Run the command in the folder until it ends or is to end. Returns its exit code, 128 + N after signal N."""
    wakeup_fd = _route_signals_to_pipe()
    _prctl(_SET_CHILD_SUBREAPER, 1)
    with Path(lock).open("a") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # the program of before may still be ending
        try:
            program = subprocess.Popen(  # noqa: S603  # the command of a runtime's module, not of a user
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # this process has one thread
            )
        except OSError as error:
            print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201  # into the log
            return NOT_STARTED
        return _wait_then_end_all(program.pid, wakeup_fd)


def descendants(root: int) -> list[int]:
    """Return the ids of a process's descendants, parents first; empty where there is no /proc, which is no snapshot."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    pids = [root]
    for pid in pids:
        pids += children.get(pid, [])
    return pids[1:]


def _route_signals_to_pipe() -> int:
    """Return a descriptor that becomes readable when a signal arrives; its bytes are the signals' numbers.

    Replaces the handlers of SIGCHLD, SIGTERM, SIGINT and SIGHUP.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)  # its only argument
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _prctl(option: int, value: int) -> None:
    """Call prctl(2) on Linux; do nothing elsewhere, where only the program's process group is ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_with_parent() -> None:
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _wait_then_end_all(program_pid: int, wakeup_fd: int) -> int:
    """Wait until the program ends, the pipe closes or a signal asks to end; then end all descendants."""
    pipe, code = sys.stdin.fileno(), None
    while code is None:
        ready, _, _ = select.select([pipe, wakeup_fd], [], [])
        code = _reap().get(program_pid)
        if pipe in ready or _read_signals(wakeup_fd) & {signal.SIGTERM, signal.SIGINT}:
            break
    return _end_all(program_pid, wakeup_fd, code)


def _end_all(program_pid: int, wakeup_fd: int, code: int | None) -> int:
    """Send SIGTERM, after GRACE_SECONDS SIGKILL, until no descendant is left. Returns the program's exit code."""
    ended = {} if code is None else {program_pid: code}
    deadline = time.monotonic() + GRACE_SECONDS
    _signal_all(program_pid, signal.SIGTERM)
    while _reap_and_test_children(ended):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            _signal_all(program_pid, signal.SIGKILL)
        select.select([wakeup_fd], [], [], min(max(remaining, 0), _ROUND_SECONDS) or _ROUND_SECONDS)
        _read_signals(wakeup_fd)
    return ended.get(program_pid, 128 + signal.SIGKILL)


def _signal_all(program: int, number: signal.Signals) -> None:
    """Send a signal to the program's process group and to the descendants that left it."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: no permission for a group of zombies
        os.killpg(program, number)
    for pid in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _reap_and_test_children(ended: dict[int, int]) -> bool:
    """Add the exit codes of children that ended. Returns whether there are others."""
    ended.update(_reap())
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _reap() -> dict[int, int]:
    """Return the exit codes of children that ended, adopted descendants included, by process id."""
    codes: dict[int, int] = {}
    with suppress(ChildProcessError):
        while (waited := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(waited[1])
            codes[waited[0]] = code if code >= 0 else 128 - code
    return codes


def _read_signals(wakeup_fd: int) -> set[int]:
    with suppress(BlockingIOError):
        return set(os.read(wakeup_fd, 512))
    return set()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
