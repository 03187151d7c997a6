"""Airflow in Data Factory: the runtime's settings, the DAG file, and its import through a linked service."""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from provisioner.errors import Refused
from provisioner.kinds import airflow_runtime, dag_import, data_factory, filesystem, linked_service, role_assignment
from provisioner.model import Address, AirflowApi, AirflowSignIn, NeededRight, Node, Ref, Search
from provisioner.parsed_dag import expected_dag
from provisioner.recipe.declared_network import network
from provisioner.recipe.grants import grant_address, grant_node
from provisioner.recipe.lake_files import dag_address, dag_node, file_searches
from provisioner.recipe.targets.contract import Airflow, Around, Reader
from provisioner.recipe.targets.standing import Import, Standing
from provisioner.render.airflow_settings import AirflowSettings, airflow_settings
from provisioner.render.dag import Hosts
from provisioner.spec import airflow_version, resource_id
from provisioner.spec.settings import SET_BY_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.airflow import Airflow as AirflowClient
    from provisioner.cloud.clients.data_factory import DataFactory
    from provisioner.cloud.cloud import Cloud
    from provisioner.render.dags import RenderedDag
    from provisioner.secret import Secret
    from provisioner.spec.model import Environment
    from provisioner.spec.targets.airflow.data_factory import DataFactoryAirflow

FACTORY = Address("data_factory", "airflow")
AIRFLOW = Address("airflow_runtime", "airflow")
READER = "Storage Blob Data Reader"


def declare(
    environment: Environment,
    around: Around,
    *,
    reader: Reader,
    needs: tuple[Address, ...],
    dags: tuple[RenderedDag, ...],
) -> Airflow:
    """The factory, its Airflow runtime, and what brings the DAGs into it.

    needs: what must stand before Airflow may read its secrets.
    """
    spec = cast("DataFactoryAirflow", environment.airflow)
    parts = _Parts(environment, spec, around, dags)
    return Airflow(
        nodes=(
            Node(address=FACTORY, desired=data_factory.DataFactory(id=spec.factory)),
            parts.runtime(reader, needs),
            *parts.dag_delivery_nodes(),
        ),
        searches=parts.searches(),
        address=AIRFLOW,
        holder=AIRFLOW,
        web_url=airflow_runtime.Outputs.web_url.of(AIRFLOW),
        client=partial(_client, spec),
        dags={dag.name: import_address(dag) for dag in dags},
        settings=airflow_runtime.worker_variables,
        rendered=parts.settings(),
        rights=tuple(_rights(spec)),
        notes=(*(() if environment.cloud == "local" else (spec.closed,)), spec.shown),
        notes_beside=lambda cloud: linked_service.notes_on_services_with_keys(cloud, spec.factory),
    )


def _read_runtime(cloud: Cloud, factory_id: str) -> Standing:
    """The factory's only Airflow runtime, or the one whose id it is. Raises Refused."""
    client: DataFactory = cloud.client("data_factory")
    one = client.find_runtime(factory_id) if "/integrationruntimes/" in factory_id.lower() else None
    runtimes = (one,) if one else client.list_runtimes(factory_id)
    if len(runtimes) != 1:
        remedy = "Give the full id of one: --factory …/integrationruntimes/NAME"
        raise Refused(factory_id, f"has {len(runtimes)} Airflow runtimes that you may read", remedy)
    runtime, settings = runtimes[0], runtimes[0].every_setting
    backend = _backend(settings)
    prefixes = {name: str(backend[name]) for name in ("variables_prefix", "connections_prefix") if name in backend}
    packages = {re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0].lower() for line in runtime.requirements}
    ours = sorted(({*settings} & SET_BY_US) | ({airflow_version.PACKAGE} & packages))
    section = {
        "factory": resource_id.parent(runtime.resource_id),
        "runtime": resource_id.last_name(runtime.resource_id),
        "version": runtime.version,
        **prefixes,
        "take_over": ours,
    }
    others = sorted({*settings} - SET_BY_US)
    notes = [f"the runtime's other settings stay as they are: {', '.join(others)}"] if others else []
    if moved := sorted({*runtime.overrides} & SET_BY_US):
        notes.append(f"remove from the runtime's configuration overrides first: {', '.join(moved)}")
    return Standing(
        section=section,
        client_id=settings["AZURE_CLIENT_ID"].reveal() if "AZURE_CLIENT_ID" in settings else "",
        vault_url=str(backend.get("vault_url", "")),
        variables_prefix=prefixes.get("variables_prefix", ""),
        notes=tuple(notes),
    )


def _backend(settings: Mapping[str, Secret]) -> dict[str, Any]:
    """What Airflow's settings say of the vault; nothing if they are not readable."""
    text = settings.get("AIRFLOW__SECRETS__BACKEND_KWARGS")
    try:
        found: object = json.loads(text.reveal()) if text else {}
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


IMPORT = Import(option="factory", read=_read_runtime)


def _client(spec: DataFactoryAirflow, cloud: Cloud, web_url: str) -> AirflowClient:
    return cloud.airflow(web_url, _api(spec))


def _api(spec: DataFactoryAirflow) -> AirflowApi:
    """How the API of the runtime's Airflow is asked."""
    return AirflowApi(
        version=spec.version,
        right=f"Contributor on the data factory {spec.factory.rsplit('/', 1)[-1]}",
        setting="airflow.api_scope",
        sign_in=AirflowSignIn(way="entra", scope=spec.api_scope),
    )


def _rights(spec: DataFactoryAirflow) -> Iterator[NeededRight]:
    yield NeededRight(
        scope=spec.factory,
        where="the data factory",
        role="Data Factory Contributor",
        purpose="linked service, Airflow runtime, import",
    )
    yield NeededRight(
        scope=spec.factory,
        where="the data factory",
        role="Contributor",
        purpose="`run`, `verify` and `--wait-dag`, which call Airflow's own API",
        optional='`verify` cannot ask Airflow, an import stays "sent, not confirmed", and nothing can be run',
    )


def import_address(dag: RenderedDag) -> Address:
    """The import of a DAG's file."""
    return Address("dag_import", dag.id or dag.name)


class _Parts:
    """The nodes of this target and how they refer to each other."""

    def __init__(
        self, environment: Environment, airflow: DataFactoryAirflow, around: Around, dags: tuple[RenderedDag, ...]
    ) -> None:
        self.spec, self.airflow, self.around, self.files = environment, airflow, around, dags
        self.mark = around.names.environment_id
        self.container = Address("filesystem", airflow.container)
        self.linked = Address("linked_service", airflow.linked_service)
        self.shared = self.container == around.filesystem
        self.imports_need = (self.linked, grant_address("data-factory", READER))

    def settings(self) -> AirflowSettings:
        """What makes Airflow read its variables from the vault."""
        names = self.around.names
        login = "" if names.hosts == Hosts() else names.hosts.login
        own = AirflowSettings(
            overrides={**self.airflow.overrides},
            environment={**self.airflow.environment},
            requirements=tuple(self.airflow.requirements),
        )
        return airflow_settings(self.airflow, own, vault_url=names.vault_url, tenant_id=names.tenant_id, login=login)

    def runtime(self, reader: Reader, needs: tuple[Address, ...]) -> Node:
        """The runtime's settings, with the credential of the principal that may read the vault."""
        airflow, settings = self.airflow, self.settings()
        variables: dict[str, str | Secret | Ref[str | Secret]] = {
            **settings.environment,
            "AZURE_CLIENT_ID": reader.client_id,
            "AZURE_CLIENT_SECRET": reader.value,
        }
        supplied = {"credential": airflow.git_credential, "password": airflow.password}
        desired = airflow_runtime.AirflowRuntime(
            id=airflow.runtime,
            location=data_factory.Outputs.location.of(FACTORY),
            version=airflow.version,
            compute_size=airflow.compute_size,
            extra_nodes=airflow.extra_nodes,
            overrides=settings.overrides,
            environment_variables=variables,
            requirements=settings.requirements,
            take_over=tuple(airflow.take_over),
            credential=reader.credential,
            key_id=reader.key_id,
            environment=self.mark,
            rollout=airflow.rollout,
            probe=airflow_runtime.Probe(dag_id=self.spec.probe_id, api=_api(airflow)),
            active_key_ids=reader.active_key_ids,
            newest_provider=f"{airflow_version.PACKAGE}=={airflow_version.newest_provider_version(airflow.version)}",
            supplied={name: value for name, value in supplied.items() if value is not None},
        )
        return Node(address=AIRFLOW, desired=desired, container=FACTORY, needs=needs)

    def dag_delivery_nodes(self) -> Iterator[Node]:
        """The container, the factory's right to read it, the files, the linked service, the imports."""
        yield from self._container()
        yield from map(self._file, self.files)
        yield self._linked_service()
        yield from map(self._import, self.files)

    def searches(self) -> tuple[Search, ...]:
        """Files, grants, linked services and DAG imports that the spec no longer names."""
        spec, mark = self.spec, self.mark
        grants = role_assignment.Scope(scope=self._container_id(), environment=mark)
        linked = linked_service.Scope(factory_id=self.airflow.factory, environment=mark)
        paths = file_searches(account=spec.account_name, container=self.container, environment=mark)
        return (
            Search(kind="role_assignment", scope=grants, container=self.container),
            *(() if self.shared else paths),
            Search(kind="linked_service", scope=linked, container=FACTORY),
            Search(
                kind="dag_import",
                scope=dag_import.Scope(**self._route()),
                container=self.container,
                needs=(AIRFLOW, *self.imports_need),
            ),
        )

    def _container_id(self) -> str:
        return f"{self.spec.account_id}/blobServices/default/containers/{self.container.name}"

    def _container(self) -> tuple[Node, ...]:
        access = (self.around.access,)
        desired = filesystem.Filesystem(account=self.spec.account_name, name=self.container.name, environment=self.mark)
        container = Node(address=self.container, desired=desired, container=self.around.account, needs=access)
        reads = grant_node(
            "data-factory",
            READER,
            scope=self._container_id(),
            container=self.container,
            principal_id=data_factory.Outputs.principal_id.of(FACTORY),
            environment=self.mark,
            label="the data factory's identity",
        )
        return (reads,) if self.shared else (container, reads)

    def _file(self, dag: RenderedDag) -> Node:
        return dag_node(
            dag,
            account=self.spec.account_name,
            container=self.container,
            environment=self.mark,
            access=self.around.access,
            jars=self.around.filesystem,
        )

    def _linked_service(self) -> Node:
        desired = linked_service.LinkedService(
            factory_id=self.airflow.factory,
            name=self.linked.name,
            account=self.spec.account_name,
            account_id=self.spec.account_id,
            vault_id=self.spec.vault_id,
            environment=self.mark,
            account_network=network(self.spec.storage_account),
            vault_network=network(self.spec.vault),
        )
        return Node(address=self.linked, desired=desired, container=FACTORY, needs=(self.around.account,))

    def _import(self, dag: RenderedDag) -> Node:
        desired = dag_import.DagImport(
            **self._route(),
            path=f"dags/{dag.name}",
            content_sha256=hashlib.sha256(dag.content.encode()).hexdigest(),
            dag=expected_dag(dag),
            api=_api(self.airflow),
        )
        needs = (*self.imports_need, dag_address(self.container, dag.name))
        return Node(address=import_address(dag), desired=desired, container=AIRFLOW, needs=needs, goes_along=True)

    def _route(self) -> dict[str, Any]:
        """From where to where files are imported."""
        return {
            "factory_id": self.airflow.factory,
            "runtime": self.airflow.runtime.rsplit("/", 1)[-1],
            "linked_service": self.linked.name,
            "account": self.spec.account_name,
            "filesystem": self.container.name,
            "folder": self.container.name,
            "environment": self.mark,
            "deadline_seconds": self.spec.waits.import_.total_seconds(),
        }
