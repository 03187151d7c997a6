"""A DAG's file in an Apache Airflow job of Fabric, compared by its content.

Whose it is stands in a small file beside it: files of a job have no metadata.
https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/files-(beta)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.kind import Checked, Kind, Preflight, Verdict, compare, publish_nothing, require_resolved, text_diff
from provisioner.model import IDENTITY, Change, Forces, Found, Observed, Ref, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.fabric import Fabric
    from provisioner.cloud.cloud import Cloud

MOST_BYTES = 2 << 20


@dataclass(frozen=True, kw_only=True)
class FabricFile:
    """What the spec declares. job: its path in Fabric's API; path: such as `dags/count.py`."""

    job: str | Ref[str] = field(metadata=IDENTITY)
    path: str
    content: str = field(repr=False)
    environment: str

    @property
    def size(self) -> int:
        """Of the text in UTF-8, in bytes."""
        return len(self.content.encode())


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for files that the spec no longer names."""

    job: str | Ref[str]
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedFabricFile(Observed):
    """What exists."""

    job: str
    path: str
    content: str = field(repr=False)


def _fabric(cloud: Cloud) -> Fabric:
    return cloud.client("fabric")


def _read(cloud: Cloud, desired: FabricFile) -> ObservedFabricFile | None:
    job = require_resolved(desired.job)
    file = _fabric(cloud).files.find(job, desired.path)
    if file is None:
        return None
    return ObservedFabricFile(
        owned=file.owner == desired.environment,
        version=hashlib.sha256(file.content).hexdigest(),
        job=job,
        path=desired.path,
        owner=file.owner,
        content=file.content.decode("utf-8", "replace"),
    )


def _diff(desired: FabricFile, observed: ObservedFabricFile, _view: View) -> tuple[Change, ...]:
    if observed.owner not in {"", desired.environment}:
        reason = "choose another `airflow.job` or another file for the DAG; that one runs this"
        owner = f"owned by environment {observed.owner}"
        return (Change(field="path", before=owner, reason=reason, forces=Forces.REFUSE),)
    unowned = compare("owner", observed.owner, desired.environment, reason="it was not written by this tool")
    if observed.content == desired.content:
        return unowned
    expected = hashlib.sha256(desired.content.encode()).hexdigest()
    changed = compare("sha256", observed.version, expected, reason="the DAG changed")
    return (replace(changed[0], diff=text_diff(desired.path, observed.content, desired.content)), *unowned)


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    job = require_resolved(scope.job)
    return tuple(
        Found(
            name=path,
            observed=ObservedFabricFile(owned=True, job=job, path=path, owner=scope.environment, content=""),
        )
        for path in _fabric(cloud).files.list_owned_dag_paths(job, scope.environment)
    )


def _create(cloud: Cloud, desired: FabricFile) -> None:
    _fabric(cloud).files.set(require_resolved(desired.job), desired.path, desired.content.encode(), desired.environment)


def _update(cloud: Cloud, desired: FabricFile, _observed: ObservedFabricFile) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedFabricFile) -> None:
    _fabric(cloud).files.delete(observed.job, observed.path)


def _check(_cloud: Cloud, desired: FabricFile) -> None:
    """Raises Refused for a file that is too large."""
    if desired.size > MOST_BYTES:
        remedy = "Split the DAG, or let it read what is large from elsewhere"
        raise Refused(desired.path, f"it has {desired.size} bytes, and Fabric takes {MOST_BYTES}", remedy)


def _ready(_cloud: Cloud, desired: FabricFile, _observed: ObservedFabricFile | None) -> Iterator[Checked]:
    yield Checked(verdict=Verdict.HOLDS, what=f"{desired.path} has {desired.size} of at most {MOST_BYTES} bytes")


KIND: Kind[FabricFile, ObservedFabricFile] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(check=_check, ready=_ready),
)
