"""A run in a process that can be killed: forked from one that has imported everything, and told when to begin."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

# What a run imports only when it needs it: a forked process has it at once.
import azure.identity
import azure.keyvault.secrets
import azure.mgmt.authorization
import azure.mgmt.keyvault
import azure.mgmt.resource
import azure.mgmt.storage
import azure.storage.filedatalake

import provisioner.cloud.lease
from provisioner.kinds import kinds
from tests import emulator
from tests.rotation.world import Rotations, failed

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from provisioner.model import Asked

IMPORTED = (
    azure.identity,
    azure.keyvault.secrets,
    azure.mgmt.authorization,
    azure.mgmt.keyvault,
    azure.mgmt.resource,
    azure.mgmt.storage,
    azure.storage.filedatalake,
    provisioner.cloud.lease,
    kinds(),
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def begin(rotations: Rotations, asked: Asked) -> tuple[BaseProcess, Event]:
    """A process that runs `rotate` once the event is set; exit code 0 if all went well."""
    go = FORKS.Event()
    process = FORKS.Process(target=_rotate, args=(rotations.azure.state, rotations.spec, rotations.journal, asked, go))
    process.start()
    return process, go


def _rotate(state: Path, spec: Path, journal: Path, asked: Asked, go: Event) -> None:
    rotations = Rotations(azure=emulator.running(state), spec=spec, journal=journal)
    assert rotations.environment.cloud == "local"
    go.wait()
    if failed(rotations.rotate(asked)):
        raise SystemExit(1)
