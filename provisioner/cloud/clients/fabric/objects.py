"""Workspaces, jobs, environments and files as Fabric's REST API shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.cloud.clients.fabric.marks import KEYS, RECORDS, UNFINISHED, owner_in
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STARTED = "Started"
CHANGING = frozenset({"Starting", "Stopping", "Upgrading"})
FAILED = "Failed"
MASK = re.compile(r"\*{3,}")
HIDDEN = "***"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace. capacity_id: a GUID; empty if it has none."""

    id: str
    name: str
    capacity_id: str


@dataclass(frozen=True, kw_only=True)
class AirflowJob:
    """An Apache Airflow job as an item of its workspace.

    path: `/workspaces/GUID/apacheAirflowJobs/GUID`. owner: the environment that made it; finished: it has a definition.
    """

    path: str
    name: str
    owner: str
    finished: bool


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What a job runs on. pool_id, pool_name: of the pool; version: of its Airflow."""

    pool_id: str
    pool_name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class JobEnvironment:
    """What a job's Airflow runs with. libraries: versions by package, empty where there is none.

    status: Started, Stopped, Failed and others; triggerers: Enabled or Disabled.
    """

    status: str
    triggerers: str
    libraries: Mapping[str, str]
    variables: Mapping[str, Secret] = field(repr=False, compare=False)
    overrides: Mapping[str, Secret] = field(repr=False, compare=False)

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self.status == STARTED

    @property
    def startable(self) -> bool:
        """Whether it does not run, and nobody is starting it."""
        return not self.started and not self.failed and self.status not in CHANGING

    @property
    def failed(self) -> bool:
        """Whether only a person can start it."""
        return self.status == FAILED

    @property
    def masked(self) -> tuple[str, ...]:
        """The names whose values are hidden."""
        every = {**self.overrides, **self.variables}
        return tuple(name for name, value in every.items() if MASK.fullmatch(value.reveal()))

    def text(self, variable: str) -> str:
        """The text of a variable; empty if it is missing."""
        value = self.variables.get(variable)
        return value.reveal() if value else ""

    def unmanaged(self, environment: str) -> tuple[str, ...]:
        """The names of variables and overrides that this environment has not set."""
        owner, *names = self.text(KEYS).split() or [""]
        managed = set(names) if owner == environment else set[str]()
        every = sorted({*self.variables, *self.overrides} - managed)
        return tuple(name for name in every if not name.startswith(RECORDS) or owner not in {"", environment})


@dataclass(frozen=True, kw_only=True)
class JobFile:
    """A file of a job. path: such as `dags/count.py`; owner: the environment that wrote it, empty if none has."""

    path: str
    owner: str
    content: bytes = field(repr=False)


def read_workspace(item: Mapping[str, Any]) -> Workspace:
    """From an item of an answer."""
    capacity = str(item.get("capacityId") or "")
    return Workspace(id=str(item["id"]).lower(), name=str(item["displayName"]), capacity_id=capacity)


def read_job(item: Mapping[str, Any], workspace: str) -> AirflowJob:
    """From an item of an answer."""
    description = str(item.get("description") or "")
    return AirflowJob(
        path=f"/workspaces/{workspace}/apacheAirflowJobs/{item['id']}",
        name=str(item["displayName"]),
        owner=owner_in(description),
        finished=not description.endswith(UNFINISHED),
    )


def read_settings(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Secret]:
    """From a list of names and values. A value that is no text is taken for one that Fabric hides."""
    values = ((str(pair["name"]), pair.get("value")) for pair in pairs)
    return {name: Secret(value if isinstance(value, str) else HIDDEN) for name, value in values}


def settings_body(values: Mapping[str, Secret]) -> list[dict[str, str]]:
    """A list of names and values."""
    return [{"name": name, "value": value.reveal()} for name, value in values.items()]
