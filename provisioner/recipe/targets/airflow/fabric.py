"""Airflow in Microsoft Fabric: the job, what its Airflow runs with, and the DAGs' files in it."""

from __future__ import annotations

import json
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from provisioner.key_probe import Probe
from provisioner.kinds import fabric_airflow_job, fabric_environment, fabric_file
from provisioner.model import Address, AirflowApi, AirflowSignIn, NeededRight, Node, Search
from provisioner.recipe.declared_network import network
from provisioner.recipe.lake_files import jar_address
from provisioner.recipe.targets.contract import Airflow, Around, Reader
from provisioner.render.airflow_settings import AirflowSettings, airflow_settings
from provisioner.secret import Secret
from provisioner.spec import airflow_version

if TYPE_CHECKING:
    from provisioner.cloud.clients.airflow import Airflow as AirflowClient
    from provisioner.cloud.clients.fabric import Fabric
    from provisioner.cloud.cloud import Cloud
    from provisioner.render.dags import RenderedDag
    from provisioner.spec.model import Environment
    from provisioner.spec.targets.airflow.fabric import FabricAirflow

JOB = Address("fabric_airflow_job", "airflow")
ENVIRONMENT = Address("fabric_environment", "airflow")
BACKEND, KWARGS = "AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"
STARTER = "starter"
API = "https://api.fabric.microsoft.com"
NO_URL = "its address is not known: open the job in Fabric, Apache Airflow UI, and write that into `airflow.url`"
UNTRIED = "nobody has tried this on the service itself; docs/targets.md says what was tried where"
NO_IDENTITY = "Fabric gives no identity to Airflow's secrets backend, so its principal has a client secret"


def declare(
    environment: Environment,
    around: Around,
    *,
    reader: Reader,
    needs: tuple[Address, ...],
    dags: tuple[RenderedDag, ...],
) -> Airflow:
    """The job, its environment and its files. needs: what must stand before Airflow may read its secrets."""
    spec = cast("FabricAirflow", environment.airflow)
    parts = _Parts(environment, spec, around)
    path = fabric_airflow_job.Outputs.path.of(JOB)
    scope = fabric_file.Scope(job=path, environment=around.names.environment_id)
    return Airflow(
        nodes=(parts.job(), parts.fabric_environment_node(reader, needs), *map(parts.file, dags)),
        searches=(Search(kind="fabric_file", scope=scope, container=JOB),),
        address=ENVIRONMENT,
        holder=ENVIRONMENT,
        behind=path,
        web_url=spec.url,
        unaskable="" if spec.url else NO_URL,
        client=partial(_start_job_and_get_client, spec),
        dags={dag.name: _file_address(dag) for dag in dags},
        settings=fabric_environment.worker_variables,
        rendered=parts.settings_with_secret_kwargs(),
        rights=(_right(spec),),
        notes=(NO_IDENTITY, *(() if environment.cloud == "local" else (UNTRIED,))),
        notes_beside=lambda _cloud: (),
    )


def _start_job_and_get_client(spec: FabricAirflow, cloud: Cloud, web_url: str) -> AirflowClient:
    """The client of the job's Airflow.

    Starts the job's environment if it does not run, and waits until it does: a starter pool stops after a while.
    """
    fabric: Fabric = cloud.client("fabric")
    workspace = fabric.find_workspace(spec.workspace)
    job = fabric.find_job(workspace.id, spec.job) if workspace else None
    if job is not None:
        fabric.start_environment(job.path)
    return cloud.airflow(web_url, _api(spec))


def _api(spec: FabricAirflow) -> AirflowApi:
    return AirflowApi(
        version=spec.version,
        right=f"Contributor in the workspace {spec.workspace}",
        setting="airflow.api_scope",
        sign_in=AirflowSignIn(way="entra", scope=spec.api_scope),
    )


def _right(spec: FabricAirflow) -> NeededRight:
    """Not of Azure: https://learn.microsoft.com/fabric/fundamentals/roles-workspaces."""
    name = spec.workspace.replace("'", r"\'")
    query = shlex.quote(f"value[?id=='{name.lower()}' || displayName=='{name}'].id | [0]")
    there = """value[?principal.id=='$principal'].id"""
    body = r'"{\"principal\": {\"id\": \"$principal\", \"type\": \"ServicePrincipal\"}, \"role\": \"Contributor\"}"'
    rest = f"az rest --resource {API}"
    lines = (
        f"workspace=$({rest} --url {API}/v1/workspaces --query {query} --output tsv)",
        f"roles={API}/v1/workspaces/$workspace/roleAssignments",
        f'[ -n "$({rest} --url "$roles" --query "{there}" --output tsv)" ] ||',
        f'  {rest} --method post --url "$roles" --output none --body {body}',
    )
    return NeededRight(
        scope="",
        where="the Fabric workspace",
        role="Contributor in it",
        purpose="the Apache Airflow job, its settings and its files; `run`, `verify` and `--wait-dag`",
        command="\n".join(lines),
    )


def _file_address(dag: RenderedDag) -> Address:
    return Address("fabric_file", f"dags/{dag.name}")


class _Parts:
    """The nodes of this target and how they refer to each other."""

    def __init__(self, environment: Environment, airflow: FabricAirflow, around: Around) -> None:
        self.spec, self.airflow, self.around = environment, airflow, around
        self.mark = around.names.environment_id

    def _settings(self) -> AirflowSettings:
        """What makes Airflow read its variables from the vault."""
        own = AirflowSettings(overrides={}, environment={}, requirements=())
        names = self.around.names
        return airflow_settings(self.airflow, own, vault_url=names.vault_url, tenant_id=names.tenant_id)

    def settings_with_secret_kwargs(self) -> AirflowSettings:
        """As they are set: the credential is among the backend's arguments, which are a secret by that."""
        settings = self._settings()
        overrides = {**settings.overrides, KWARGS: Secret(str(settings.overrides[KWARGS]))}
        return AirflowSettings(overrides=overrides, environment={}, requirements=settings.requirements)

    def job(self) -> Node:
        """The job in its workspace."""
        airflow = self.airflow
        desired = fabric_airflow_job.FabricAirflowJob(
            workspace=airflow.workspace,
            name=airflow.job,
            pool=airflow.pool,
            version=airflow.version,
            environment=self.mark,
        )
        return Node(address=JOB, desired=desired)

    def fabric_environment_node(self, reader: Reader, needs: tuple[Address, ...]) -> Node:
        """What its Airflow runs with, with the credential of the principal that may read the vault."""
        airflow, settings = self.airflow, self._settings()
        arguments: dict[str, Any] = json.loads(str(settings.overrides[KWARGS]))
        desired = fabric_environment.FabricEnvironment(
            job=fabric_airflow_job.Outputs.path.of(JOB),
            name=airflow.job,
            backend=str(settings.overrides[BACKEND]),
            arguments={**arguments, "tenant_id": self.around.names.tenant_id},
            client_id=reader.client_id,
            client_secret=reader.value,
            requirement=settings.requirements[0],
            newest=f"{airflow_version.PACKAGE}=={airflow_version.newest_provider_version(airflow.version)}",
            always_on=airflow.pool.lower() != STARTER,
            vault_id=self.spec.vault_id,
            vault_network=network(self.spec.vault),
            credential=reader.credential,
            key_id=reader.key_id,
            environment=self.mark,
            rollout=airflow.rollout,
            web_url=airflow.url,
            probe=Probe(dag_id=self.spec.probe_id, api=_api(airflow)),
            active_key_ids=reader.active_key_ids,
        )
        return Node(address=ENVIRONMENT, desired=desired, container=JOB, needs=needs)

    def file(self, dag: RenderedDag) -> Node:
        """A DAG's file. One that upgrades a job names the content of its jar, so the jar comes first."""
        desired = fabric_file.FabricFile(
            job=fabric_airflow_job.Outputs.path.of(JOB),
            path=f"dags/{dag.name}",
            content=dag.content,
            environment=self.mark,
        )
        needs = (
            (jar_address(self.around.filesystem, dag.job.spec.lake_path),) if dag.job and dag.job.spec.upgrade else ()
        )
        return Node(address=_file_address(dag), desired=desired, container=JOB, needs=needs)
