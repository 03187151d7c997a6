"""A run in a process that can be killed: forked from one that has imported everything, and told when to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import emulator
from tests.child import FORKS, Process
from tests.rotation.rotating_environment import RotatingEnvironment, failed

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from provisioner.model import Request


def begin(rotations: RotatingEnvironment, asked: Request) -> tuple[BaseProcess, Event]:
    """A process that runs `rotate` once the event is set; exit code 0 if all went well."""
    go = FORKS.Event()
    process = Process(target=_rotate, args=(rotations.azure.state, rotations.spec, rotations.journal, asked, go))
    process.start()
    return process, go


def _rotate(state: Path, spec: Path, journal: Path, asked: Request, go: Event) -> None:
    rotations = RotatingEnvironment(azure=emulator.running(state), spec=spec, journal=journal)
    assert rotations.environment.cloud == "local"
    go.wait()
    if failed(rotations.rotate(asked)):
        raise SystemExit(1)
