"""Runs that meet other runs: many at once, one whose owner stalls, one whose owner died, two environments."""

from __future__ import annotations

import copy
import os
import re
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from provisioner.cloud.lease import LEASE_SECONDS
from tests.child import LONGEST_SECONDS
from tests.emulator import ARM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.child import Child
    from tests.emulator import LocalAzure
    from tests.reliability.restorable_environment import CommandResult, RestorableEnvironment

ID = "0a05bbc5-f0cb-5d6b-a02d-2b390f031b4c"  # of environments/local.yaml in the local tenant
LOCK = f"provisioner-{ID}"
ADD_PASSWORD = "addPassword$"
ACCOUNT = "/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts/stflinklocal"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/{LOCK}?api-version=2023-05-01"
EACH_SECONDS = 10.0  # for one more run at once, on a machine that has other work
ANSWER_SECONDS, QUIET_SECONDS = 15.0, 1.0
LOOKS = 6
# How a run ends that found another one at work.
TURNED_AWAY = re.compile(
    "taking the environment's lease .* ("
    "(has held it since .*, for .*|a run that has not written its name yet has it). Wait until that run has ended|"
    "another run has just removed the environment.* Run the command again)"
)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Runs that began at once. unclear: what those printed that neither went well nor told what was in their way."""

    went_well: int
    turned_away: int
    unclear: tuple[str, ...]


def crowd(ground: RestorableEnvironment, count: int, verb: str = "provision") -> Crowd:
    """So many runs of one environment, begun at once."""
    begun = [child.begin() for child in [ground.prepare(verb) for _ in range(count)]]
    ended = [ground.ran(child, seconds=LONGEST_SECONDS + EACH_SECONDS * count) for child in begun]
    away = [ran for ran in ended if turned_away(ran)]
    unclear = [f"exit code {ran.code}: {ran.text}" for ran in ended if ran.code and not turned_away(ran)]
    return Crowd(went_well=sum(ran.code == 0 for ran in ended), turned_away=len(away), unclear=tuple(unclear))


def turned_away(ran: CommandResult) -> bool:
    """Whether a run ended because another one was at work."""
    return ran.code in {1, 3} and bool(TURNED_AWAY.search(ran.text.replace("\n", " ")))


def stalled_at(ground: RestorableEnvironment, child: Child, path: str) -> Child:
    """A run that stopped while it waited for the answer to a write of this path, and whose lease has run out since.

    All that needs no such answer has gone its way before, so that no other write has begun: docs/known-flaws.md.
    It stalls for as long as a lease really lasts: its own clock tells it, not the local Azure's. Nobody on this machine
    can see that it stalled, so its lease is as one of another machine.
    """
    ground.azure.fault(fault="latency", path=path, method="PUT,POST,PATCH", seconds=ANSWER_SECONDS)
    child.begin()
    while not ground.azure.control("GET", "/faults")["rules"][-1]["hit"]:
        assert child.process.is_alive(), child.text
    _until_quiet(ground, child)
    os.kill(child.pid, signal.SIGSTOP)
    child.process.join(LEASE_SECONDS + 2.0)
    ground.azure.control("DELETE", "/faults")
    of_another_machine(ground)
    return child


def _until_quiet(ground: RestorableEnvironment, child: Child) -> None:
    """Until it has called nobody for a while."""
    total, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        child.process.join(0.05)
        called: int = ground.azure.control("GET", "/calls?since=1000000")["total"]
        if called != total:
            total, since = called, time.monotonic()


def resumed(ground: RestorableEnvironment, child: Child) -> tuple[CommandResult, list[str]]:
    """Its end, and what it wrote after it went on: the lease's own calls left out."""
    ground.azure.control("DELETE", "/calls")
    os.kill(child.pid, signal.SIGCONT)
    ran = ground.ran(child)
    return ran, [str(call) for call in ground.calls() if call.writes and not call.path.endswith("/lease")]


def words(ground: RestorableEnvironment) -> dict[str, str]:
    """What stands beside the lease."""
    found: dict[str, Any] = ground.azure.request("GET", f"{ARM}{ground.azure.subscription}{CONTAINER}").json()
    return {name: str(value) for name, value in found["properties"]["metadata"].items()}


def lease(azure: LocalAzure) -> None:
    """Somebody takes it who has not written their name yet."""
    container = f"{ARM}{azure.subscription}{CONTAINER}"
    assert azure.request("PATCH", container, {"properties": {"metadata": {}}}).status == 200
    url = container.replace("?", "/lease?")
    answer = azure.request("POST", url, {"action": "Acquire", "leaseDuration": 60})
    assert answer.status == 200, answer.body


def is_leased(ground: RestorableEnvironment) -> bool:
    """Whether a run has the lease now."""
    found: dict[str, Any] = ground.azure.request("GET", f"{ARM}{ground.azure.subscription}{CONTAINER}").json()
    return found["properties"]["leaseState"] == "Leased"


def impatient(ground: RestorableEnvironment) -> Path:
    """The spec with hardly any wait for another run's lease."""
    spec: dict[str, Any] = yaml.safe_load(ground.spec.read_text())
    spec["job"] = str((ground.spec.parent / spec["job"]["jar"]).resolve())
    spec["waits"] = {"lease": "1s"}
    path = ground.folder / "impatient.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def begun_to_wait(ground: RestorableEnvironment, child: Child) -> Child:
    """A run that has looked at the lease of another one several times."""
    child.begin()
    asked, path = 0, CONTAINER.partition("?")[0]
    while asked < LOOKS:
        child.process.join(0.05)
        assert child.process.is_alive(), child.text
        asked = sum(call.path.endswith(path) for call in ground.calls())
    return child


def of_another_machine(ground: RestorableEnvironment) -> None:
    """Let the lease's words say that its owner ran elsewhere, where nobody here can see whether it lives."""
    told = {**words(ground), "lease_owner": "somebody@elsewhere", "lease_process": "elsewhere/boot/pid/1.1"}
    body = {"properties": {"metadata": told}}
    answer = ground.azure.request("PATCH", f"{ARM}{ground.azure.subscription}{CONTAINER}", body)
    assert answer.status == 200, answer.body


def neighbour(ground: RestorableEnvironment, *, shared: bool) -> Path:
    """The spec of another environment; shared: in the same group, vault, account and data factory."""
    spec: dict[str, Any] = copy.deepcopy(yaml.safe_load(ground.spec.read_text()))
    spec["name"], spec["job"] = "second", str((ground.spec.parent / spec["job"]["jar"]).resolve())
    spec["airflow"]["runtime"] = "airflow-second"
    spec["waits"] = {"lease": "2s"}  # a run that stands still in a test does not end before
    if shared:
        spec["airflow"].update(container="airflow-second", variables_prefix="second-variables")
        spec["airflow"]["connections_prefix"] = "second-connections"
        spec["storage_account"] = {"name": "stflinklocal", "filesystem": "jobs-second"}
        spec["dag"] = {"id": "SecondExample"}
    else:
        spec.update(resource_group="flink-second", vault="kv-flink-second", storage_account="stflinksecond")
    path = ground.folder / "second.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path
