"""The command line in a process that can be killed: forked from one that has imported everything, told when to begin.

What it prints goes to a file. One that hangs is ended, and its threads' stacks say where it hung.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

# What a run imports only when it needs it: a forked process has it at once.
import azure.identity
import azure.keyvault.secrets
import azure.mgmt.authorization
import azure.mgmt.keyvault
import azure.mgmt.resource
import azure.mgmt.storage
import azure.storage.filedatalake

import provisioner.cli.local
import provisioner.cli.status
import provisioner.cli.verbs
import provisioner.cloud.lease
import provisioner.cloud.session
import provisioner.engine.report
import provisioner.engine.saved
import provisioner.spec.loader
from provisioner.cli.main import main
from provisioner.kinds import kinds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection, PipeConnection
    from multiprocessing.process import BaseProcess
    from pathlib import Path

IMPORTED = (
    azure.identity,
    azure.keyvault.secrets,
    azure.mgmt.authorization,
    azure.mgmt.keyvault,
    azure.mgmt.resource,
    azure.mgmt.storage,
    azure.storage.filedatalake,
    provisioner.cli.local,
    provisioner.cli.status,
    provisioner.cli.verbs,
    provisioner.cloud.lease,
    provisioner.cloud.session,
    provisioner.engine.report,
    provisioner.engine.saved,
    provisioner.spec.loader,
    kinds(),
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])
LONGEST_SECONDS = 120.0
KILLED = -signal.SIGKILL


@dataclass(frozen=True, kw_only=True)
class Child:
    """One call of the program. said: where its output goes."""

    process: BaseProcess
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
    process = FORKS.Process(target=_run, args=(arguments, dict(variables), said, waiting))
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
    waiting.recv()
    code = main(list(arguments))
    sys.stdout.flush()
    raise SystemExit(code)
