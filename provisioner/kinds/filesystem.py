"""A filesystem (container) of a data lake: created if absent, else adopted. Its owner tag is metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.kind import Checked, Container, Kind, Preflight, Verdict
from provisioner.model import Change, Forces, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class Filesystem:
    """What the spec declares. account: its name; environment: the owner tag's value; folders: of its declared files.

    flat: the folder of DAGs, if Airflow reads it itself and so fails over a folder in it.
    """

    account: str
    name: str
    environment: str
    folders: tuple[str, ...] = field(default=(), repr=False)
    flat: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class ObservedFilesystem(Observed):
    """What exists."""

    account: str
    name: str
    environment: str
    hierarchical: bool
    url: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    url: Output[str] = Output()


def _read(cloud: Cloud, desired: Filesystem) -> ObservedFilesystem | None:
    filesystem = cloud.data_lake.find_filesystem(desired.account, desired.name)
    if filesystem is None:
        return None
    return ObservedFilesystem(
        owned=filesystem.owner == desired.environment,
        owner=filesystem.owner,
        version=filesystem.etag,
        account=desired.account,
        name=desired.name,
        environment=desired.environment,
        hierarchical=filesystem.hierarchical,
        url=cloud.data_lake.url(desired.account, desired.name),
    )


def _diff(_desired: Filesystem, observed: ObservedFilesystem, _view: View) -> tuple[Change, ...]:
    if observed.hierarchical:
        return ()
    # https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-namespace
    reason = "Flink reads the jar from a hierarchical namespace; name an account that has one"
    return (Change(field="hierarchical", before="false", after="true", reason=reason, forces=Forces.REFUSE),)


def _publish(observed: ObservedFilesystem, _view: View | None) -> Outputs:
    return Outputs(url=observed.url)


def _unmanaged(cloud: Cloud, observed: ObservedFilesystem) -> tuple[str, ...]:
    return cloud.data_lake.first_unmanaged_files(observed.account, observed.name, observed.environment)


def _ready(cloud: Cloud, desired: Filesystem, observed: ObservedFilesystem | None) -> Iterator[Checked]:
    """Whether nothing keeps Airflow's WasbDagBundle from reading: it takes each folder for a file.

    https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-known-issues
    """
    if observed is None or not desired.flat:
        return
    for folder in cloud.data_lake.list_folders(desired.account, desired.name, desired.flat):
        what = f"the folder {folder} keeps Airflow's WasbDagBundle from reading any DAG there"
        yield Checked(verdict=Verdict.NOTE, what=what, remedy="Delete it, with what is in it")


def _create(cloud: Cloud, desired: Filesystem) -> None:
    cloud.data_lake.create_filesystem_if_missing(desired.account, desired.name, desired.environment, desired.folders)


def _update(cloud: Cloud, desired: Filesystem, _observed: ObservedFilesystem) -> None:
    """Set the owner tag; nothing else of a filesystem can differ."""
    cloud.data_lake.set_filesystem_owner(desired.account, desired.name, desired.environment)


def _delete(cloud: Cloud, observed: ObservedFilesystem) -> None:
    cloud.data_lake.delete_filesystem(observed.account, observed.name)


KIND: Kind[Filesystem, ObservedFilesystem] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(ready=_ready),
    container=Container(unmanaged=_unmanaged),
)
