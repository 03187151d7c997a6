"""The import of a DAG's file into an Airflow runtime.

No API says what was imported, so the file's metadata does: which content into which runtime, and whether Airflow was
seen to have it: an import that was accepted (202) may still fail. Imported again only when the content differs. No API
takes a DAG out again either.
https://learn.microsoft.com/azure/data-factory/delete-dags-in-workflow-orchestration-manager
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.errors import CloudError, NotFound
from provisioner.kind import Kind, Proofs, compare, publish_nothing
from provisioner.model import Change, Observed, Output, Proof, Published, ReadBy, Unproven, View
from provisioner.parsed_dag import DagState, ExpectedDag, await_parsed, dag_state

if TYPE_CHECKING:
    from provisioner.cloud.clients.data_factory import AirflowRuntime, DataFactory
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import AirflowApi

SENT, NOT_CONFIRMED = "sent", "sent, not confirmed"
IMPORTED = "provisioner_imported"
IMPORTS_KEPT = 20


@dataclass(frozen=True, kw_only=True)
class DagImport:
    """What the spec declares. runtime: its name; folder: `container` or `container/folder`; path: in the container.

    dag, api: how its Airflow is asked. deadline_seconds: how long the factory's grant on the container may take to
    arrive, and Airflow to parse the file.
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
    dag: ExpectedDag = field(repr=False)
    api: AirflowApi = field(repr=False)
    deadline_seconds: float = field(default=600.0, repr=False)

    @property
    def runtime_id(self) -> str:
        """The runtime's resource id."""
        return f"{self.factory_id}/integrationruntimes/{self.runtime}"


@dataclass(frozen=True, kw_only=True)
class ObservedDagImport(Observed):
    """What was imported last. confirmed: Airflow was seen to have parsed it."""

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
    fingerprint, imports = _fingerprint_and_imports(cloud, desired)
    if fingerprint not in imports:
        return None
    content, _, state = imports[fingerprint].partition(":")
    note = f"{NOT_CONFIRMED}: `provisioner verify` asks Airflow; `provisioner provision --reimport` sends it again"
    confirmed = state != SENT
    return ObservedDagImport(owned=True, content_sha256=content, confirmed=confirmed, note="" if confirmed else note)


def _fingerprint_and_imports(cloud: Cloud, desired: DagImport) -> tuple[str, dict[str, str]]:
    """Both, by two requests at once."""
    with ThreadPoolExecutor(1) as pool:
        fingerprint = pool.submit(_fingerprint, cloud, desired)
        imports = _imports(cloud, desired)
        return fingerprint.result(), imports


def _fingerprint(cloud: Cloud, desired: DagImport) -> str:
    """Of this runtime; one created again under the same name has another URL. Empty if there is none."""
    runtime = _factory(cloud).find_runtime(desired.runtime_id)
    if runtime is None:
        return ""
    return hashlib.sha256(f"{desired.runtime_id.lower()} {runtime.web_url}".encode()).hexdigest()[:16]


def _imports(cloud: Cloud, desired: DagImport) -> dict[str, str]:
    """By runtime, the SHA-256 of what was imported, with `:sent` until Airflow was seen to have it; oldest first."""
    file = cloud.data_lake.find_path(desired.account, desired.filesystem, desired.path)
    imports = file.metadata.get(IMPORTED, "") if file else ""
    pairs = (pair.partition(":") for pair in imports.split(",") if pair)
    return {runtime: content for runtime, _, content in pairs}


def _diff(desired: DagImport, observed: ObservedDagImport, _view: View) -> tuple[Change, ...]:
    reason = "Airflow has another version of the DAG"
    return compare("content_sha256", observed.content_sha256, desired.content_sha256, reason=reason)


def _create(cloud: Cloud, desired: DagImport) -> Outputs:
    """Import it, and wait until Airflow has parsed it, where Airflow can be asked. Raises DagNotParsed."""
    _factory(cloud).import_dags(
        desired.factory_id,
        desired.runtime,
        desired.linked_service,
        desired.folder,
        deadline_seconds=desired.deadline_seconds,
    )
    runtime = _factory(cloud).find_runtime(desired.runtime_id)
    if runtime is None:
        raise NotFound(operation=f"import into {desired.runtime}", code="IntegrationRuntimeNotFound")
    _record(cloud, desired, f"{desired.content_sha256}:{SENT}")
    reason = _await_parsed(cloud, desired, runtime)
    if not reason:
        _record(cloud, desired, desired.content_sha256)
    return Outputs(unconfirmed=reason)


def _record(cloud: Cloud, desired: DagImport, imported: str) -> None:
    fingerprint, before = _fingerprint_and_imports(cloud, desired)
    others = {runtime: content for runtime, content in before.items() if runtime != fingerprint}
    kept = list({**others, fingerprint: imported}.items())[-IMPORTS_KEPT:]
    imports = ",".join(f"{runtime}:{content}" for runtime, content in kept)
    cloud.data_lake.set_metadata(desired.account, desired.filesystem, desired.path, {IMPORTED: imports})


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


KIND: Kind[DagImport, ObservedDagImport] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    create=_create,
    update=_update,
    proofs=Proofs(written=_prove),
)
