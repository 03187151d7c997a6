"""The DAG's file in the data lake: a rendered text, whose SHA-256 stands in the metadata."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provisioner.kind import Kind, compare, text_diff
from provisioner.model import Change, Forces, Found, Observed, Output, Published, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.data_lake import PathProperties
    from provisioner.cloud.cloud import Cloud

NAME = "dag_file"


@dataclass(frozen=True, kw_only=True)
class DagFile:
    """What the spec declares. path: such as `dags/flink_wordcount.py`; environment: the owner tag's value."""

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
    """Where to look for DAG files that the spec no longer names. folders: besides those noted in the filesystem."""

    account: str
    filesystem: str
    environment: str
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ObservedDagFile(Observed):
    """What exists. content: of one that differs from the declared one."""

    account: str
    filesystem: str
    path: str
    environment: str
    size: int
    sha256: str
    url: str
    content: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    url: Output[str] = Output()
    sha256: Output[str] = Output()


def _read(cloud: Cloud, desired: DagFile) -> ObservedDagFile | None:
    file = cloud.data_lake.find_path(desired.account, desired.filesystem, desired.path)
    if file is None:
        return None
    scope = Scope(account=desired.account, filesystem=desired.filesystem, environment=desired.environment)
    observed = _observed(cloud, scope, file)
    if not _differs(desired, observed):
        return observed
    where = (desired.account, desired.filesystem, desired.path)
    return replace(observed, content=cloud.data_lake.read_text_or_empty(*where, size=observed.size))


def _observed(cloud: Cloud, scope: Scope, file: PathProperties) -> ObservedDagFile:
    return ObservedDagFile(
        owned=file.owner == scope.environment,
        version=file.etag,
        account=scope.account,
        filesystem=scope.filesystem,
        path=file.target,
        environment=scope.environment,
        owner=file.owner,
        size=file.size,
        sha256=file.sha256,
        url=cloud.data_lake.url(scope.account, scope.filesystem, file.target),
    )


def _differs(desired: DagFile, observed: ObservedDagFile) -> bool:
    return (observed.size, observed.sha256) != (len(desired.content.encode()), desired.sha256)


def _diff(desired: DagFile, observed: ObservedDagFile, view: View) -> tuple[Change, ...]:
    if not (_differs(desired, observed) or view.request.is_foreign(observed.owner, desired.environment)):
        return ()
    if observed.owner not in {"", desired.environment}:
        reason = "choose another `airflow.container` or another file for the DAG; that one runs this"
        owner = f"owned by environment {observed.owner}"
        return (Change(field="path", before=owner, reason=reason, forces=Forces.REFUSE),)
    reason = "the DAG changed" if observed.sha256 else "it was not written by this tool"
    shown = text_diff(desired.path, observed.content, desired.content) if observed.content else ""
    changes = compare("sha256", observed.sha256, desired.sha256, reason=reason)
    changes += compare("size", observed.size, len(desired.content.encode()), reason="its length differs")
    return (replace(changes[0], diff=shown), *changes[1:])


def _publish(observed: ObservedDagFile, _view: View | None) -> Outputs:
    return Outputs(url=observed.url, sha256=observed.sha256)


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    file = cloud.data_lake.owned_files(scope.account, scope.filesystem, scope.environment, NAME, scope.folders)
    return tuple(
        Found(name=f"{scope.filesystem}/{path}", observed=_observed(cloud, scope, properties))
        for path, properties in file.items()
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
        metadata=cloud.data_lake.owner_metadata(desired.environment, NAME, desired.sha256),
        etag=etag,
    )


def _delete(cloud: Cloud, observed: ObservedDagFile) -> None:
    cloud.data_lake.delete_owned_file(observed.account, observed.filesystem, observed.path, observed.environment)


KIND: Kind[DagFile, ObservedDagFile] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
)
