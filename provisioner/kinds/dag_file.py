"""The DAG's file in the data lake: a rendered text, whose SHA-256 stands in the metadata."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.kind import Kind, compare
from provisioner.model import Change, Forces, Found, Observed, Output, Published, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.data_lake import PathProperties
    from provisioner.cloud.cloud import Cloud

NAME = "dag_file"


@dataclass(frozen=True, kw_only=True)
class DagFile:
    """What should be. path: in the filesystem, as `dags/flink_wordcount.py`; environment: the owner tag's value."""

    account: str
    filesystem: str
    path: str
    content: str = field(repr=False)
    environment: str

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8, in hexadecimal."""
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where DAG files of ours may lie that the spec no longer names."""

    account: str
    filesystem: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedDagFile(Observed):
    """What is there. owner: whose mark it bears."""

    account: str
    filesystem: str
    path: str
    environment: str
    owner: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    url: Output[str] = Output()
    sha256: Output[str] = Output()


def _read(cloud: Cloud, desired: DagFile) -> ObservedDagFile | None:
    found = cloud.data_lake.find_path(desired.account, desired.filesystem, desired.path)
    scope = Scope(account=desired.account, filesystem=desired.filesystem, environment=desired.environment)
    return None if found is None else _observed(cloud, scope, found)


def _observed(cloud: Cloud, scope: Scope, found: PathProperties) -> ObservedDagFile:
    return ObservedDagFile(
        owned=found.mark == scope.environment,
        version=found.etag,
        account=scope.account,
        filesystem=scope.filesystem,
        path=found.target,
        environment=scope.environment,
        owner=found.mark,
        size=found.size,
        sha256=found.sha256,
        url=cloud.data_lake.url(scope.account, scope.filesystem, found.target),
    )


def _diff(desired: DagFile, observed: ObservedDagFile, _view: View) -> tuple[Change, ...]:
    size = len(desired.content.encode())
    if observed.size == size and observed.sha256 == desired.sha256:
        return ()
    if observed.owner not in {"", desired.environment}:
        reason = "choose another path; this DAG belongs to another environment, which runs it"
        return (Change(field="path", before=f"held by {observed.owner}", reason=reason, forces=Forces.REFUSE),)
    reason = "the DAG changed" if observed.sha256 else "it was not written from here"
    changes = compare("sha256", observed.sha256, desired.sha256, reason=reason)
    return (*changes, *compare("size", observed.size, size, reason="it has another length"))


def _publish(observed: ObservedDagFile, _view: View | None) -> Outputs:
    return Outputs(url=observed.url, sha256=observed.sha256)


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    found = cloud.data_lake.marked(scope.account, scope.filesystem, scope.environment, NAME)
    return tuple(
        Found(name=f"{scope.filesystem}/{path}", observed=_observed(cloud, scope, properties))
        for path, properties in found.items()
    )


def _create(cloud: Cloud, desired: DagFile) -> None:
    _upload(cloud, desired, "")


def _update(cloud: Cloud, desired: DagFile, observed: ObservedDagFile) -> None:
    _upload(cloud, desired, observed.version)


def _upload(cloud: Cloud, desired: DagFile, etag: str) -> None:
    content = desired.content.encode()
    cloud.data_lake.upload(
        (desired.account, desired.filesystem, desired.path),
        lambda: [content] if content else [],
        size=len(content),
        metadata=cloud.data_lake.marks(desired.environment, NAME, desired.sha256),
        etag=etag,
    )


def _delete(cloud: Cloud, observed: ObservedDagFile) -> None:
    cloud.data_lake.delete_file(observed.account, observed.filesystem, observed.path, observed.environment)


KIND: Kind[DagFile, ObservedDagFile] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
)
