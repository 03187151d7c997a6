"""Rotations that are killed after a write, or whose answer to it gets lost, and what the runs after them make of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from provisioner.cloud.lease import LEASE_SECONDS
from provisioner.errors import CloudError
from provisioner.model import Intent, Request
from tests.kinds.fabric import settings
from tests.localazure.fabric.workspace import JOBS, Fabric
from tests.reliability.kills import AFTER, LOST
from tests.rotation import child
from tests.rotation.key_history import KeyHistory
from tests.rotation.rotating_environment import DAY, NAMES, ROTATE, RotatingEnvironment, done, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator import LocalAzure
    from tests.reliability.kills import Way

ROOT = Path(__file__).parents[2]
HOUR = 3600.0
OVERLAP = timedelta(hours=24)
WRITES = {"method": "PUT,POST,PATCH,DELETE", "host": r"^(?!login\.)"}
KILLED = -9
MOST = 40  # writes of a run
REVOKE = Request(intent=Intent.REVOKE, outage=True, names=("flink-api",))
FRESH = "rotation"
SEEN: set[Path] = set()  # folders of local Azures that have the snapshot


def provisioned(azure: LocalAzure, place: Path) -> RotatingEnvironment:
    """Return environments/local.yaml, provisioned just now: in truth once per local Azure."""
    made = RotatingEnvironment(azure=azure, spec=ROOT / "environments/local.yaml", journal=place / "journal")
    if azure.state in SEEN:
        azure.control("POST", f"/snapshots/{FRESH}")
        return made
    assert failed(made.provision()) == []
    azure.control("PUT", f"/snapshots/{FRESH}")
    SEEN.add(azure.state)
    return made


class RotatingInFabric(RotatingEnvironment):
    """One whose workers have what is in use in a job of Fabric."""

    def workers(self) -> dict[str, Any]:
        (workers,) = self.azure.control("GET", "/airflow-jobs")
        return workers

    def runtime(self) -> dict[str, str]:
        (job,) = Fabric(azure=self.azure)("GET", JOBS).json()["value"]
        return settings(self.azure, f"{JOBS}/{job['id']}".removeprefix("/v1"))["environmentVariables"]


def provisioned_in_fabric(azure: LocalAzure, place: Path) -> RotatingInFabric:
    """Return environments/fabric.yaml, provisioned just now; workers have a change an hour later than Fabric says."""
    made = RotatingInFabric(azure=azure, spec=ROOT / "environments/fabric.yaml", journal=place / "journal")
    assert failed(made.provision()) == []
    Fabric(azure=azure).settings(workers_lag_seconds=HOUR)
    return made


class Stage:
    """A moment that can be gone back to: the store and the clock."""

    def __init__(self, rotations: RotatingEnvironment, name: str) -> None:
        self.rotations, self.name = rotations, name
        rotations.azure.control("PUT", f"/snapshots/{name}")
        self.offset = rotations.azure.control("GET", "/clock")["offset_seconds"]

    def again(self) -> KeyHistory:
        """Back to it, with a new diary."""
        azure = self.rotations.azure
        azure.control("DELETE", "/faults")
        azure.control("POST", f"/snapshots/{self.name}")
        azure.control("PUT", "/clock", {"offset_seconds": self.offset})
        azure.tokens.clear()
        diary = KeyHistory(self.rotations)
        self.rotations.watched = diary.watch
        diary.note()
        return diary


def ended(diary: KeyHistory, *, by_provision: bool = False) -> Any:
    """Runs as the schedule would make them until all is quiet, and what stands then: no key id, so that it compares.

    by_provision: every other run is a `provision`, the first one too.
    """
    rotations = diary.rotations
    for turn, seconds in enumerate((LEASE_SECONDS + 1.0, 1.5 * HOUR, DAY + 2 * HOUR, DAY)):
        rotations.advance(seconds)
        assert failed(rotations.provision() if by_provision and not turn % 2 else rotations.rotate()) == []
        diary.note()
        rotations.advance(HOUR + 60.0)  # what was written is rolled out
        diary.note()
    assert done(rotations.rotate()) == []
    return standing(rotations)


def standing(rotations: RotatingEnvironment) -> Any:
    airflow, api = rotations.uses()
    versions = rotations.versions()
    latest = max(versions, key=lambda one: one["attributes"]["created"])
    return {
        "living": {name: len(keys) for name, keys in rotations.key_ids().items()},
        "working": [airflow.works, api.works],
        "enabled": sum(one["attributes"]["enabled"] for one in versions),
        "named": [rotations.runtime()["PROVISIONER_KEY_ID"] == airflow.key_id, latest["tags"]["keyId"] == api.key_id],
    }


QUIET = {"living": dict.fromkeys(NAMES, 1), "working": [True, True], "enabled": 1, "named": [True, True]}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A run to be killed, from a moment on. by_provision: every other run after it is a `provision`."""

    name: str
    moment: Callable[[LocalAzure, Path], RotatingEnvironment]
    asked: Request = ROTATE
    by_provision: bool = False

    def stage(self, azure: LocalAzure, place: Path) -> Stage:
        """Return the moment before the run."""
        return Stage(self.moment(azure, place), self.name)

    def meet(self, stage: Stage, number: int, way: Way) -> tuple[bool, list[str]]:
        """Let the run meet the fault at that write, and others follow. Returns whether it met it, and complaints."""
        diary = stage.again()
        if not (self._killed if way is AFTER else self._unanswered)(stage, number):
            return False, []
        diary.note()
        stands = ended(diary, by_provision=self.by_provision)
        wrong = [] if stands == QUIET else [f"in the end: {stands}"]
        return True, wrong if self.asked.outage else [*wrong, *diary.gaps(), *diary.removed_too_early(OVERLAP)]

    def _killed(self, stage: Stage, number: int) -> bool:
        process, go = child.begin(stage.rotations, self.asked)
        stage.rotations.azure.fault(fault="kill", pid=process.pid, after=True, skip=number, **WRITES)
        go.set()
        process.join()
        assert process.exitcode in (0, KILLED)
        return process.exitcode == KILLED

    def _unanswered(self, stage: Stage, number: int) -> bool:
        stage.rotations.azure.fault(fault="lost", skip=number, **WRITES)
        with suppress(CloudError):  # without the lease a run ends before its first write
            stage.rotations.rotate(self.asked)
        (rule,) = stage.rotations.azure.control("GET", "/faults")["rules"]
        return bool(rule["hit"])


def _due(azure: LocalAzure, place: Path) -> RotatingEnvironment:
    """Both credentials are due."""
    rotations = provisioned(azure, place)
    azure.control("PUT", "/settings/airflow", {"rollout_seconds": HOUR})
    rotations.advance(30 * DAY + HOUR)
    return rotations


def _over(azure: LocalAzure, place: Path) -> RotatingEnvironment:
    """Both were replaced, and the overlap is over."""
    rotations = _due(azure, place)
    assert failed(rotations.rotate()) == []
    rotations.advance(DAY + 2 * HOUR)
    return rotations


def _several(azure: LocalAzure, place: Path) -> RotatingEnvironment:
    """Airflow's secret is in the vault, too: what a run put there, the next one copies to the runtime."""
    rotations = provisioned(azure, place)
    spec = yaml.safe_load(rotations.spec.read_text())
    spec["principals"] = {"airflow": {"secrets": ["airflow-own"]}, "flink-api": {"secrets": ["api-for-others"]}}
    spec["job"] = str((rotations.spec.parent / spec["job"]["jar"]).resolve())
    changed = RotatingEnvironment(azure=azure, spec=place / "several.yaml", journal=rotations.journal)
    changed.spec.write_text(yaml.safe_dump(spec))
    assert failed(changed.provision()) == []
    azure.control("PUT", "/settings/airflow", {"rollout_seconds": HOUR, "mask_variables": ["AZURE_CLIENT_SECRET"]})
    changed.advance(30 * DAY + HOUR)
    return changed


def _due_in_fabric(azure: LocalAzure, place: Path) -> RotatingEnvironment:
    """Both credentials are due, and workers are Fabric's."""
    rotations = provisioned_in_fabric(azure, place)
    rotations.advance(30 * DAY + HOUR)
    return rotations


DUE = Scenario(name="due", moment=_due)
OVER = Scenario(name="over", moment=_over, by_provision=True)
SEVERAL = Scenario(name="several", moment=_several, by_provision=True)
REVOKED = Scenario(name="revoked", moment=_due, asked=REVOKE)
IN_FABRIC = Scenario(name="due-in-fabric", moment=_due_in_fabric)
RUNS = [
    *((scenario, AFTER) for scenario in (DUE, OVER, SEVERAL, REVOKED, IN_FABRIC)),
    *((scenario, LOST) for scenario in (DUE, OVER, IN_FABRIC)),
]
