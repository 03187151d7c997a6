"""Airflow in Data Factory: the runtime's settings, the DAG file, and its import through a linked service."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provisioner.kinds import (
    airflow_runtime,
    dag_file,
    dag_import,
    data_factory,
    filesystem,
    job_jar,
    linked_service,
    role_assignment,
)
from provisioner.model import Address, Node, Ref, Search
from provisioner.recipe.targets.contract import Airflow, Names, Reader
from provisioner.render.airflow_settings import airflow_settings
from provisioner.render.dag import Hosts, render_dag
from provisioner.spec import airflow_version

if TYPE_CHECKING:
    from provisioner.secret import Secret
    from provisioner.spec.model import Environment

FACTORY = Address("data_factory", "airflow")
AIRFLOW = Address("airflow_runtime", "airflow")
READER = "Storage Blob Data Reader"
CLOSED = (
    "Data Factory has made no new Airflow runtimes since 1 January 2026 "
    "(https://learn.microsoft.com/azure/data-factory/concepts-workflow-orchestration-manager)"
)
PORTAL_STEP = "no API removes a DAG: in Airflow's page of Data Factory Studio choose Delete DAG and give the file name"


def declare(
    environment: Environment, names: Names, reader: Reader, *, account: Address, needs: tuple[Address, ...]
) -> Airflow:
    """Rows 9 and 10. needs: what must stand before Airflow may read its secrets."""
    parts = _Parts(environment, names, account)
    return Airflow(
        nodes=(
            Node(address=FACTORY, desired=data_factory.DataFactory(id=environment.factory_id)),
            parts.runtime(reader, needs),
            *parts.dag(),
        ),
        searches=parts.searches(),
        address=AIRFLOW,
        web_url=airflow_runtime.Outputs.web_url.of(AIRFLOW),
        version=environment.airflow.version,
        scope=environment.airflow.api_scope,
        right=_right(environment),
        dag=parts.imported(),
        settings=airflow_runtime.settings,
        notes=() if environment.cloud == "local" else (CLOSED,),
        notes_beside=lambda cloud: linked_service.with_keys(cloud, environment.factory_id),
    )


def _probe(environment: Environment) -> airflow_runtime.Probe:
    """How the runtime's Airflow is asked which key its workers have."""
    airflow = environment.airflow
    return airflow_runtime.Probe(
        dag_id=environment.dag.probe_id,
        version=airflow.version,
        scope=airflow.api_scope,
        right=_right(environment),
    )


def _right(environment: Environment) -> str:
    """What the API of the runtime's Airflow asks of a caller."""
    return f"Contributor on the data factory {environment.factory_id.rsplit('/', 1)[-1]}"


class _Parts:
    """The nodes of this target and how they refer to each other."""

    def __init__(self, environment: Environment, names: Names, account: Address) -> None:
        self.spec, self.names, self.mark, self.account = environment, names, names.environment_id, account
        self.container = Address("filesystem", environment.airflow.container)
        self.linked = Address("linked_service", environment.airflow.linked_service)
        self.path = f"dags/{environment.dag.file}"
        self.content = render_dag(environment, names.hosts)
        self.shared = environment.airflow.container == environment.storage_account.filesystem

    def runtime(self, reader: Reader, needs: tuple[Address, ...]) -> Node:
        """Row 9: what makes Airflow read its variables from the vault, as the principal that may."""
        airflow, names = self.spec.airflow, self.names
        login = "" if names.hosts == Hosts() else names.hosts.login
        settings = airflow_settings(self.spec, vault_url=names.vault_url, tenant_id=names.tenant_id, login=login)
        variables: dict[str, str | Secret | Ref[str | Secret]] = {
            **settings.environment,
            "AZURE_CLIENT_ID": reader.client_id,
            "AZURE_CLIENT_SECRET": reader.value,
        }
        supplied = {"credential": airflow.git_credential, "password": airflow.password}
        desired = airflow_runtime.AirflowRuntime(
            id=self.spec.runtime_id,
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
            probe=_probe(self.spec),
            living=reader.living,
            newest=f"{airflow_version.PACKAGE}=={airflow_version.provider(airflow.version)}",
            supplied={name: value for name, value in supplied.items() if value is not None},
        )
        return Node(address=AIRFLOW, desired=desired, container=FACTORY, needs=needs)

    def dag(self) -> tuple[Node, ...]:
        """Row 10: the container, the factory's right to read it, the file, the linked service, the import."""
        return (*self._container(), self._file(), self._linked_service(), self._import())

    def searches(self) -> tuple[Search, ...]:
        """Files, grants and linked services that the spec no longer names."""
        spec, mark = self.spec, self.mark
        grants = role_assignment.Scope(scope=self._container_id(), environment=mark)
        linked = linked_service.Scope(factory_id=spec.factory_id, environment=mark)
        paths = tuple(
            Search(
                kind=kind.NAME,
                scope=kind.Scope(account=spec.account_name, filesystem=self.container.name, environment=mark),
                container=self.container,
            )
            for kind in (job_jar, dag_file)
        )
        return (
            Search(kind="role_assignment", scope=grants, container=self.container),
            *(() if self.shared else paths),
            Search(kind="linked_service", scope=linked, container=FACTORY),
        )

    def _container_id(self) -> str:
        return f"{self.spec.account_id}/blobServices/default/containers/{self.container.name}"

    def _container(self) -> tuple[Node, ...]:
        access = (Address("caller_access", "account"),)
        desired = filesystem.Filesystem(account=self.spec.account_name, name=self.container.name, environment=self.mark)
        container = Node(address=self.container, desired=desired, container=self.account, needs=access)
        reader = role_assignment.RoleAssignment(
            scope=self._container_id(),
            role=READER,
            principal_id=data_factory.Outputs.principal_id.of(FACTORY),
            environment=self.mark,
            label="the data factory's identity",
        )
        grant = Node(address=self._reads(), desired=reader, container=self.container)
        return (grant,) if self.shared else (container, grant)

    def _reads(self) -> Address:
        return Address("role_assignment", "data-factory.storage-blob-data-reader")

    def _file(self) -> Node:
        desired = dag_file.DagFile(
            account=self.spec.account_name,
            filesystem=self.container.name,
            path=self.path,
            content=self.content,
            environment=self.mark,
        )
        access = (Address("caller_access", "account"),)
        return Node(address=self._file_address(), desired=desired, container=self.container, needs=access)

    def _file_address(self) -> Address:
        return Address("dag_file", f"{self.container.name}/{self.path}")

    def _linked_service(self) -> Node:
        desired = linked_service.LinkedService(
            factory_id=self.spec.factory_id,
            name=self.linked.name,
            account=self.spec.account_name,
            environment=self.mark,
        )
        return Node(address=self.linked, desired=desired, container=FACTORY, needs=(self.account,))

    def _import(self) -> Node:
        desired = dag_import.DagImport(
            factory_id=self.spec.factory_id,
            runtime=self.spec.runtime_id.rsplit("/", 1)[-1],
            linked_service=self.linked.name,
            account=self.spec.account_name,
            filesystem=self.container.name,
            folder=self.container.name,
            path=self.path,
            content_sha256=hashlib.sha256(self.content.encode()).hexdigest(),
            environment=self.mark,
            deadline_seconds=self.spec.waits.import_.total_seconds(),
        )
        needs = (self.linked, self._file_address(), self._reads())
        return Node(address=self.imported(), desired=desired, container=AIRFLOW, needs=needs, by_hand=PORTAL_STEP)

    def imported(self) -> Address:
        """The import of the DAG's file."""
        return Address("dag_import", self.spec.dag.id)
