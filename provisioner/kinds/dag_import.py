"""The import of a DAG's file into an Airflow runtime.

No API says what was imported, so the file's metadata does: which content into which runtime, and whether Airflow was
seen to have it: an import that was accepted (202) may still fail. Imported again only when the content differs. No API
takes a file out again either, so a file without a DAG is imported over it: Airflow deactivates a DAG that its file no
longer has.
https://learn.microsoft.com/azure/data-factory/delete-dags-in-workflow-orchestration-manager
https://airflow.apache.org/docs/apache-airflow/2.6.3/configurations-ref.html#dag-stale-not-seen-duration
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from provisioner.errors import CloudError, NotFound
from provisioner.kind import Kind, Proofs, compare, publish_nothing
from provisioner.model import Change, Found, Observed, Output, Proof, Published, ReadBy, Unproven, View
from provisioner.parsed_dag import DagState, ExpectedDag, await_parsed, dag_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.data_factory import AirflowRuntime, DataFactory
    from provisioner.cloud.clients.data_lake import PathProperties
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import AirflowApi

SENT, NOT_CONFIRMED = "sent", "sent, not confirmed"
IMPORTED, DAG_ID = "provisioner_imported", "provisioner_dag"
IMPORTS_KEPT = 20
FILE = "dag_file"  # what the owner tag of such a file says that it is
WITHOUT_DAG = b"# The environment that had this file declares it no more.\n"


@dataclass(frozen=True, kw_only=True)
class Route:
    """From where to where files are imported. runtime: its name; folder: `container` or `container/folder`.

    deadline_seconds: how long the factory's grant on the container may take to arrive, and Airflow to parse a file.
    """

    factory_id: str
    runtime: str
    linked_service: str
    account: str
    filesystem: str
    folder: str
    environment: str
    deadline_seconds: float = field(default=600.0, repr=False)

    @property
    def runtime_id(self) -> str:
        """The runtime's resource id."""
        return f"{self.factory_id}/integrationruntimes/{self.runtime}"


@dataclass(frozen=True, kw_only=True)
class DagImport(Route):
    """What the spec declares. path: in the container. dag, api: how its Airflow is asked."""

    path: str
    content_sha256: str
    dag: ExpectedDag = field(repr=False)
    api: AirflowApi = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Scope(Route):
    """Where to look for files that were imported and that the spec no longer names. folders: in the container."""

    folders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ObservedDagImport(Observed):
    """What was imported last. confirmed: Airflow was seen to have parsed it."""

    route: Route = field(repr=False)
    path: str
    content_sha256: str
    confirmed: bool


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """Of an import just made. unconfirmed: why it cannot be seen whether Airflow has the file; empty if it has."""

    unconfirmed: Output[str] = Output()


def _factory(cloud: Cloud) -> DataFactory:
    client: DataFactory = cloud.client("data_factory")
    return client


def _read(cloud: Cloud, desired: DagImport) -> ObservedDagImport | None:
    fingerprint, imports = _read_fingerprint_and_imports(cloud, desired, desired.path)
    return _observed(desired, desired.path, imports[fingerprint]) if fingerprint in imports else None


def _observed(route: Route, path: str, imported: str) -> ObservedDagImport:
    content, _, state = imported.partition(":")
    note = f"{NOT_CONFIRMED}: `provisioner verify` asks Airflow; `provisioner provision --reimport` sends it again"
    confirmed = state != SENT
    common = {one.name: getattr(route, one.name) for one in fields(Route)}
    return ObservedDagImport(
        owned=True,
        route=Route(**common),
        path=path,
        content_sha256=content,
        confirmed=confirmed,
        note="" if confirmed else note,
    )


def _read_fingerprint_and_imports(cloud: Cloud, route: Route, dag_path: str) -> tuple[str, dict[str, str]]:
    """Both, by two requests at once."""
    with ThreadPoolExecutor(1) as pool:
        fingerprint = pool.submit(_runtime_fingerprint, cloud, route)
        file = cloud.data_lake.find_path(route.account, route.filesystem, dag_path)
        return fingerprint.result(), _recorded_imports(file)


def _runtime_fingerprint(cloud: Cloud, route: Route) -> str:
    """Of this runtime; one created again under the same name has another URL. Empty if there is none."""
    runtime = _factory(cloud).find_runtime(route.runtime_id)
    if runtime is None:
        return ""
    return hashlib.sha256(f"{route.runtime_id.lower()} {runtime.web_url}".encode()).hexdigest()[:16]


def _recorded_imports(file: PathProperties | None) -> dict[str, str]:
    """By runtime, the SHA-256 of what was imported, with `:sent` until Airflow was seen to have it; oldest first."""
    imports = file.metadata.get(IMPORTED, "") if file else ""
    pairs = (pair.partition(":") for pair in imports.split(",") if pair)
    return {runtime: content for runtime, _, content in pairs}


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    fingerprint = _runtime_fingerprint(cloud, scope)
    files = cloud.data_lake.owned_files(scope.account, scope.filesystem, scope.environment, FILE, scope.folders)
    return tuple(
        Found(
            name=file.metadata.get(DAG_ID) or path.rpartition("/")[2],
            observed=_observed(scope, path, _recorded_imports(file)[fingerprint]),
        )
        for path, file in files.items()
        if fingerprint in _recorded_imports(file)
    )


def _diff(desired: DagImport, observed: ObservedDagImport, _view: View) -> tuple[Change, ...]:
    reason = "Airflow has another version of the DAG"
    return compare("content_sha256", observed.content_sha256, desired.content_sha256, reason=reason)


def _create(cloud: Cloud, desired: DagImport) -> Outputs:
    """Import it, and wait until Airflow has parsed it, where Airflow can be asked. Raises DagNotParsed."""
    _import_folder(cloud, desired)
    runtime = _factory(cloud).find_runtime(desired.runtime_id)
    if runtime is None:
        raise NotFound(operation=f"import into {desired.runtime}", code="IntegrationRuntimeNotFound")
    _record_import(cloud, desired, f"{desired.content_sha256}:{SENT}")
    reason = _await_parsed(cloud, desired, runtime)
    if not reason:
        _record_import(cloud, desired, desired.content_sha256)
    return Outputs(unconfirmed=reason)


def _import_folder(cloud: Cloud, route: Route) -> None:
    """Import the route's whole folder: no API imports a single file."""
    _factory(cloud).request_dag_import(
        route.factory_id,
        route.runtime,
        route.linked_service,
        route.folder,
        deadline_seconds=route.deadline_seconds,
    )


def _record_import(cloud: Cloud, desired: DagImport, content_and_state: str) -> None:
    fingerprint, before = _read_fingerprint_and_imports(cloud, desired, desired.path)
    metadata = {
        IMPORTED: _text_of_latest_imports({**_without(before, fingerprint), fingerprint: content_and_state}),
        DAG_ID: desired.dag.id,
    }
    cloud.data_lake.change_metadata(desired.account, desired.filesystem, desired.path, metadata)


def _without(imports: Mapping[str, str], fingerprint: str) -> dict[str, str]:
    return {runtime: content for runtime, content in imports.items() if runtime != fingerprint}


def _text_of_latest_imports(imports: Mapping[str, str]) -> str:
    """The metadata's text of the newest IMPORTS_KEPT; older ones are dropped."""
    return ",".join(f"{runtime}:{content}" for runtime, content in list(imports.items())[-IMPORTS_KEPT:])


def _await_parsed(cloud: Cloud, desired: DagImport, runtime: AirflowRuntime) -> str:
    """Wait until Airflow has parsed the file. Returns why that cannot be seen, else an empty text."""
    if not desired.dag.id:
        return f"no DAG's id can be read in dags/{desired.dag.file}"
    airflow = cloud.airflow(runtime.web_url, desired.api, retry=False)  # it answers 503 for minutes while it is rebuilt
    try:
        if dag_state(airflow, desired.dag) is DagState.UNREADABLE:
            return f"Airflow has {desired.dag.id} and does not tell its text"
        waits, seconds = cloud.session.waits, desired.deadline_seconds
        await_parsed(airflow, desired.dag, waits, seconds=seconds, fresh=True)
    except CloudError as error:
        return f"Airflow did not answer: {error}"
    return ""


def _prove(
    _cloud: Cloud, _desired: DagImport, observed: ObservedDagImport, made: Published, _reader: ReadBy | None
) -> Proof | Unproven:
    if observed.confirmed:
        return Proof.USABLE
    return Unproven(why=f"{NOT_CONFIRMED}: {made.known()['unconfirmed']}")


def _update(cloud: Cloud, desired: DagImport, _observed: ObservedDagImport) -> Outputs:
    return _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedDagImport) -> None:
    """Import a file without a DAG over it, unless the file was there before this environment.

    The record of the import goes last, so what was cut off is repeated.
    """
    route, place = observed.route, (observed.route.account, observed.route.filesystem, observed.path)
    file = cloud.data_lake.find_path(*place)
    fingerprint, imports = _runtime_fingerprint(cloud, route), _recorded_imports(file)
    if file is None or fingerprint not in imports:
        return
    if file.owner == route.environment:
        content = hashlib.sha256(WITHOUT_DAG).hexdigest()
        tag = cloud.data_lake.owner_metadata(route.environment, FILE, content)
        emptied = {
            **file.metadata,
            **tag,
            IMPORTED: _text_of_latest_imports({**imports, fingerprint: f"{content}:{SENT}"}),
        }
        cloud.data_lake.upload(place, lambda: [WITHOUT_DAG], size=len(WITHOUT_DAG), metadata=emptied, etag=file.etag)
        _import_folder(cloud, route)
    cloud.data_lake.change_metadata(*place, {IMPORTED: _text_of_latest_imports(_without(imports, fingerprint))})


KIND: Kind[DagImport, ObservedDagImport] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    proofs=Proofs(written=_prove),
)
