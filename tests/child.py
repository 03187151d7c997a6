"""The command line in a process that can be killed: forked from one that has imported everything, told when to begin.

What it prints goes to a file. One that hangs is ended, and its threads' stacks say where it hung.
"""

from __future__ import annotations

import faulthandler
import gc
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection
from pkgutil import walk_packages
from typing import TYPE_CHECKING

import provisioner
from provisioner.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection, PipeConnection
    from pathlib import Path

# What a run imports only when it needs it: a forked process has it at once.
OF_OTHERS = (
    "azure.identity",
    "azure.keyvault.secrets",
    "azure.mgmt.authorization.v2022_04_01",
    "azure.mgmt.keyvault",
    "azure.mgmt.resource.resources",
    "azure.mgmt.storage",
    "azure.storage.filedatalake",
    "jinja2.sandbox",
    "msal_extensions",
)
OURS = (each.name for each in walk_packages(provisioner.__path__, "provisioner."))
IMPORTED = tuple(
    import_module(name) for name in (*OF_OTHERS, *OURS) if not name.startswith(("provisioner.__main__", "localazure."))
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])
LOCK = threading.Lock()
LONGEST_SECONDS = 120.0
KILLED = -signal.SIGKILL


class Process(FORKS.Process):
    """A process that threads may wait for while others begin some.

    Each start looks whether earlier processes have ended, and of two threads that look at one the second finds its exit
    code read already and takes it for 255.
    """

    def start(self) -> None:
        with LOCK:
            super().start()

    def join(self, timeout: float | None = None) -> None:
        connection.wait([self.sentinel], timeout)
        with LOCK:
            super().join(0.0)

    def is_alive(self) -> bool:
        with LOCK:
            return super().is_alive()

    @property
    def exitcode(self) -> int | None:
        with LOCK:
            return super().exitcode


@dataclass(frozen=True, kw_only=True)
class Child:
    """One call of the program. said: where its output goes."""

    process: Process
    go: Connection | PipeConnection
    said: Path

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def text(self) -> str:
        """What it has printed so far, on both streams."""
        return self.said.read_text()

    def begin(self) -> Child:
        """Let it run."""
        self.go.send(None)
        self.go.close()
        return self

    def wait(self, seconds: float = LONGEST_SECONDS) -> int:
        """Its exit code, or minus the signal that ended it. Raises AssertionError with its stacks if it hangs."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            os.kill(self.pid, signal.SIGABRT)  # faulthandler writes the stacks into its output
            self.process.join(10.0)
            raise AssertionError(f"it did not end within {seconds:.0f} s:\n{self.text}")
        code = self.process.exitcode
        self.process.close()
        return code


def prepare(arguments: tuple[str, ...], variables: Mapping[str, str], said: Path) -> Child:
    """A process that waits for `begin`; then it is `provisioner ARGUMENTS`."""
    said.touch()
    waiting, go = FORKS.Pipe(duplex=False)
    process = Process(target=_run, args=(arguments, dict(variables), said, waiting))
    process.start()
    waiting.close()
    return Child(process=process, go=go, said=said)


def _run(
    arguments: tuple[str, ...], variables: dict[str, str], said: Path, waiting: Connection | PipeConnection
) -> None:
    os.environ.update(variables)
    with said.open("ab", buffering=0) as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    faulthandler.enable()
    gc.freeze()  # what was imported stays: to look through it takes longer than some runs
    waiting.recv()
    code = main(list(arguments))
    sys.stdout.flush()
    raise SystemExit(code)
