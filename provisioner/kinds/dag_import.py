"""The import of a DAG's file into an Airflow runtime.

No API says what was imported, so the file's metadata does: which content into which runtime. Imported again only when
that differs. No API takes a DAG out again either.
https://learn.microsoft.com/azure/data-factory/delete-dags-in-workflow-orchestration-manager
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.errors import NotFound
from provisioner.kind import Kind, compare, publish_nothing
from provisioner.model import Change, Observed, View

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

IMPORTED = "provisioner_imported"
REMEMBERED = 20


@dataclass(frozen=True, kw_only=True)
class DagImport:
    """What should be. runtime: its name; folder: `container` or `container/folder`; path: of the file in the container.

    deadline_seconds: how long the factory may take to be let in where the file lies.
    """

    factory_id: str
    runtime: str
    linked_service: str
    account: str
    filesystem: str
    folder: str
    path: str
    content_sha256: str
    environment: str
    deadline_seconds: float = field(default=600.0, repr=False)

    @property
    def runtime_id(self) -> str:
        """The runtime's resource id."""
        return f"{self.factory_id}/integrationruntimes/{self.runtime}"


@dataclass(frozen=True, kw_only=True)
class ObservedDagImport(Observed):
    """What was imported last."""

    content_sha256: str


def _read(cloud: Cloud, desired: DagImport) -> ObservedDagImport | None:
    into = _fingerprint(cloud, desired)
    done = _imports(cloud, desired)
    if not into or into not in done:
        return None
    return ObservedDagImport(owned=True, content_sha256=done[into])


def _fingerprint(cloud: Cloud, desired: DagImport) -> str:
    """Of this very runtime: one that is made anew under the same name has another address. Empty: there is none."""
    found = cloud.data_factory.find_runtime(desired.runtime_id)
    if found is None:
        return ""
    return hashlib.sha256(f"{desired.runtime_id.lower()} {found.web_url}".encode()).hexdigest()[:16]


def _imports(cloud: Cloud, desired: DagImport) -> dict[str, str]:
    """By runtime, the SHA-256 of what was imported; oldest first."""
    found = cloud.data_lake.find_path(desired.account, desired.filesystem, desired.path)
    told = found.metadata.get(IMPORTED, "") if found else ""
    pairs = (pair.partition(":") for pair in told.split(",") if pair)
    return {runtime: content for runtime, _, content in pairs}


def _diff(desired: DagImport, observed: ObservedDagImport, _view: View) -> tuple[Change, ...]:
    reason = "Airflow has another version of the DAG"
    return compare("content_sha256", observed.content_sha256, desired.content_sha256, reason=reason)


def _create(cloud: Cloud, desired: DagImport) -> None:
    cloud.data_factory.import_dags(
        desired.factory_id,
        desired.runtime,
        desired.linked_service,
        desired.folder,
        deadline_seconds=desired.deadline_seconds,
    )
    into = _fingerprint(cloud, desired)
    if not into:
        raise NotFound(operation=f"import into {desired.runtime}", code="IntegrationRuntimeNotFound")
    others = {runtime: content for runtime, content in _imports(cloud, desired).items() if runtime != into}
    kept = list({**others, into: desired.content_sha256}.items())[-REMEMBERED:]
    told = ",".join(f"{runtime}:{content}" for runtime, content in kept)
    cloud.data_lake.set_metadata(desired.account, desired.filesystem, desired.path, {IMPORTED: told})


def _update(cloud: Cloud, desired: DagImport, _observed: ObservedDagImport) -> None:
    _create(cloud, desired)


KIND: Kind[DagImport, ObservedDagImport] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    create=_create,
    update=_update,
)
