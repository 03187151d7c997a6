"""Two files of one environment under two names, the modelled Airflows of both, and what their runs have worked."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from provisioner.cloud.clients.airflow.objects import due_of
from tests.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.command_line import Cli, Said

CLUSTER = "/resourceGroups/flink-platform/providers/Microsoft.ContainerService/managedClusters/aks-platform"
EVERY_TEN_MINUTES = "*/10 * * * *"
TEN_MINUTES = timedelta(minutes=10)
HOUR = 3600.0
RUN_SECONDS = 1.0
FABRIC_URL = "https://airflow-moved.fabric.airflow.svc.datafactory.azure.com"
FABRIC_JOB = "airflow-moved"


@dataclass
class Moving:
    """`old` and `new` are the command line on either file."""

    old: Cli
    new: Cli

    @property
    def azure(self) -> Any:
        return self.old.azure

    def migrate(self, *options: str) -> Said:
        """As `provisioner migrate OLD NEW`; `--yes` unless the plan alone is wanted."""
        self.write()
        confirmed = () if "--plan-only" in options else ("--yes",)
        return self.old.run("migrate", str(self.old.file), str(self.new.file), *options, *confirmed)

    def begin(self) -> None:
        """A migration that fails before it pauses a DAG: the new one is provisioned beside the old one."""
        self.azure.fault(fault="error", path="dagSources", host="moved", times=None, status=400)
        assert self.migrate().code == 3
        self.azure.control("DELETE", "/faults")

    def write(self) -> tuple[Path, Path]:
        """Both files."""
        for one in (self.old, self.new):
            one.file.write_text(yaml.safe_dump(one.spec))
        return self.old.file, self.new.file

    @property
    def to_fabric(self) -> bool:
        """Whether the new one is a job of Microsoft Fabric."""
        return self.new.spec["airflow"].get("target") == "fabric"

    @property
    def to_data_factory(self) -> bool:
        """Whether the new one is another runtime in the same data factory."""
        return "runtime" in self.new.spec["airflow"]

    def advance(self, seconds: float) -> None:
        """Let time pass; tokens of before have ended."""
        self.azure.advance(seconds)
        self.azure.tokens.clear()

    def seconds_to_next(self) -> float:
        """Until the schedule is due."""
        now = datetime.fromisoformat(self.azure.control("GET", "/clock")["now"])
        return TEN_MINUTES.total_seconds() - now.timestamp() % TEN_MINUTES.total_seconds()

    def runs(self) -> list[dict[str, Any]]:
        """Every run of both Airflows."""
        return list(self.azure.control("GET", "/airflow-runs"))

    def worked(self) -> Counter[datetime]:
        """How often a run has worked for each moment that was due, in either Airflow."""
        dues = (_due(run) for run in self.runs() if run["has_worked"])
        return Counter(due for due in dues if due is not None)

    def lost_or_twice(self) -> list[str]:
        """What is wrong with the runs so far, every ten minutes: one that is missing, or that worked more than once."""
        worked = self.worked()
        steps = (max(worked) - min(worked)) // TEN_MINUTES
        expected = [min(worked) + number * TEN_MINUTES for number in range(steps + 1)]
        return [f"{due:%H:%M} {worked[due]} times: {self._of(due)}" for due in expected if worked[due] != 1]

    def _of(self, due: datetime) -> list[str]:
        runs = (run for run in self.runs() if _due(run) == due)
        return [f"{run['airflow']} {run['dag_run_id']} from {run['start_date']}: {run['state']}" for run in runs]

    def deploy(self) -> None:
        """What a platform does with what `render` prints, for the modelled Airflow of the new environment."""
        settings: dict[str, Any] = {
            "issuer": f"{self.azure.subscription}{CLUSTER}",
            "subject": "system:serviceaccount:airflow:airflow",
            "version": self.new.spec["airflow"]["version"],
            "requirements": [],
            "variables": self.rendered(),
            "dags": f"{self.new.spec['storage_account']}/airflow-new",
        }
        self.azure.control("PUT", "/settings/airflow-moved", settings)

    def rendered(self) -> str:
        """What `render` prints for its platform."""
        self.write()
        said = self.new.run("render", str(self.new.file), "--format", "env", "--offline")
        assert said.code == 0, said.err
        return said.out


def _due(run: dict[str, Any]) -> datetime | None:
    """The moment that a run is for; None for one by hand."""
    if run["run_type"] == "scheduled":
        return datetime.fromisoformat(run.get("run_after") or run["data_interval_end"])
    return due_of(run["dag_run_id"])


def with_schedule(spec: dict[str, Any], schedule: str | None = EVERY_TEN_MINUTES) -> None:
    """Its job runs by itself, for so long."""
    spec["dag"] = {"schedule": schedule, "timeout": "1m"}


def self_managed(old: Cli, version: str = "3.3.2") -> Cli:
    """The same environment with an Airflow of one's own: the same group, vault, account, cluster and jar."""
    spec = copy.deepcopy(old.spec)
    example = yaml.safe_load((ROOT / "environments/self-managed.yaml").read_text())
    spec |= {"name": "moved", "airflow": example["airflow"], "principals": example["principals"]}
    spec["airflow"] |= {
        "version": version,
        "url": "https://moved.airflow.example",
        "dags": {"delivery": "container"},
        "container": "airflow-new",
    }
    return replace(old, file=old.file.with_name("moved.yaml"), spec=spec)


def in_fabric(old: Cli) -> Cli:
    """The same environment with a job of Microsoft Fabric, which reads the vault under prefixes of its own."""
    spec = copy.deepcopy(old.spec) | {"name": "moved"}
    spec["airflow"] = {"target": "fabric", "workspace": "flink-workspace", "job": FABRIC_JOB, "url": FABRIC_URL}
    spec["airflow"] |= {"variables_prefix": "moved-variables", "connections_prefix": "moved-connections"}
    spec["principals"] = {"airflow": {"role": "Key Vault Secrets User"}}
    return replace(old, file=old.file.with_name("moved.yaml"), spec=spec)


def ready_to_move(old: Cli, form: Callable[[Cli], Cli] = self_managed) -> Moving:
    """An environment whose job has run by its schedule for hours, and one of that form, whose platform is prepared.

    The last run was due two minutes ago, so no other is under way soon.
    """
    with_schedule(old.spec)
    old.azure.control("PUT", "/settings/modelled-airflow", {"run_seconds": RUN_SECONDS})
    old.azure.control("PUT", "/settings/airflow", {"tells_sources": True})
    moving = Moving(old, form(old))
    if not moving.to_fabric:
        moving.deploy()
    old.done("provision", "--wait-dag")
    old.azure.advance(3 * HOUR + moving.seconds_to_next() + 120.0)
    return moving
