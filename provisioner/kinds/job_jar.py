"""The job's jar in the data lake: a local file, streamed there when its SHA-256 is not the one in the metadata.

The local file is read while observing, so that deciding needs no I/O; an unchanged jar sends no bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.kind import Kind, compare
from provisioner.model import LOCAL_FILE, Change, Forces, Found, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.data_lake import PathProperties
    from provisioner.cloud.cloud import Cloud

NAME = "job_jar"
# 8 MiB: 64 MiB of memory at most for any size; the SDK's own default takes 248 MiB for 1 GiB.
PIECE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class JobJar:
    """What the spec declares. path: in the filesystem; file: on this machine; environment: the owner tag's value."""

    account: str
    filesystem: str
    path: str
    file: str = field(metadata=LOCAL_FILE)
    environment: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for jars that the spec no longer names. folders: besides those noted in the filesystem."""

    account: str
    filesystem: str
    environment: str
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """A local file's content."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ObservedJobJar(Observed):
    """What exists. local: of the local file; None in a search."""

    account: str
    filesystem: str
    path: str
    environment: str
    size: int
    sha256: str
    url: str
    local: Fingerprint | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    url: Output[str] = Output()


def _read(cloud: Cloud, desired: JobJar) -> ObservedJobJar | None:
    file = cloud.data_lake.find_path(desired.account, desired.filesystem, desired.path)
    scope = Scope(account=desired.account, filesystem=desired.filesystem, environment=desired.environment)
    return None if file is None else _observed(cloud, scope, file, read_fingerprint(desired.file))


def _observed(cloud: Cloud, scope: Scope, file: PathProperties, local: Fingerprint | None) -> ObservedJobJar:
    return ObservedJobJar(
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
        local=local,
    )


def _diff(desired: JobJar, observed: ObservedJobJar, view: View) -> tuple[Change, ...]:
    local = observed.local
    if local is None:
        return ()
    same = (observed.size, observed.sha256) == (local.size, local.sha256)
    if same and not view.request.is_foreign(observed.owner, desired.environment):
        return ()
    if observed.owner not in {"", desired.environment}:
        reason = "choose another `storage_account.filesystem`, or `directory` for the jar; only `migrate` uses that one"
        owner = f"owned by environment {observed.owner}"
        return (Change(field="path", before=owner, reason=reason, forces=Forces.REFUSE),)
    reason = "the jar changed" if observed.sha256 else "it was not uploaded by this tool"
    changes = compare("sha256", observed.sha256, local.sha256, reason=reason)
    return (*changes, *compare("size", observed.size, local.size, reason="its length differs"))


def _publish(observed: ObservedJobJar, _view: View | None) -> Outputs:
    return Outputs(url=observed.url)


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    file = cloud.data_lake.owned_files(scope.account, scope.filesystem, scope.environment, NAME, scope.folders)
    return tuple(
        Found(name=f"{scope.filesystem}/{path}", observed=_observed(cloud, scope, properties, None))
        for path, properties in file.items()
    )


def _create(cloud: Cloud, desired: JobJar) -> None:
    _upload(cloud, desired, "")


def _update(cloud: Cloud, desired: JobJar, observed: ObservedJobJar) -> None:
    _upload(cloud, desired, observed.version)


def _upload(cloud: Cloud, desired: JobJar, etag: str) -> None:
    local = read_fingerprint(desired.file)
    cloud.data_lake.upload(
        (desired.account, desired.filesystem, desired.path),
        lambda: _read_pieces(desired.file),
        size=local.size,
        metadata=cloud.data_lake.owner_metadata(desired.environment, NAME, local.sha256),
        etag=etag,
    )


def _delete(cloud: Cloud, observed: ObservedJobJar) -> None:
    cloud.data_lake.delete_owned_file(observed.account, observed.filesystem, observed.path, observed.environment)


def read_fingerprint(local_path: str) -> Fingerprint:
    """Size and SHA-256, computed once per process for as long as the file stays the same. Raises Refused."""
    try:
        status = Path(local_path).stat()
        return _cached_fingerprint(local_path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise _unreadable(local_path, error) from error


@lru_cache(maxsize=64)
def _cached_fingerprint(local_path: str, _size: int, _modified_ns: int) -> Fingerprint:
    digest, size = hashlib.sha256(), 0
    for piece in _read_pieces(local_path):
        digest.update(piece)
        size += len(piece)
    return Fingerprint(size=size, sha256=digest.hexdigest())


def _read_pieces(path: str) -> Iterator[bytes]:
    try:
        with Path(path).open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(file: str, error: OSError) -> Refused:
    return Refused(file, f"the jar cannot be read: {error.strerror}", "Build it, or correct `file` of the job.")


KIND: Kind[JobJar, ObservedJobJar] = Kind(
    diff=_diff,
    publish=_publish,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
)
