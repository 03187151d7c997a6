"""An Airflow that you run: its principal's secret in the vault, which the platform syncs, and the DAG's file.

Nothing of Airflow is made: `provisioner render` prints what the platform has to set.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from provisioner.key_probe import UNANSWERED, Probe, Rollout, WrittenFile
from provisioner.kinds import filesystem, role_assignment, vault_secret
from provisioner.model import Address, AirflowApi, AirflowSignIn, Node, Search
from provisioner.parsed_dag import expected_dag
from provisioner.recipe.grants import grant_node
from provisioner.recipe.lake_files import dag_address, dag_node, file_searches
from provisioner.recipe.targets.airflow.self_managed.platform import read_platform_drift
from provisioner.recipe.targets.contract import Airflow, Around, Reader
from provisioner.render.airflow_settings import AirflowSettings, airflow_settings
from provisioner.render.dag import Hosts, sign_in_hash
from provisioner.render.deployment import Deployment, bundle_name, bundle_variables, kwargs_without_config_lookups

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.airflow import Airflow as AirflowClient
    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.dag_file import DagFile
    from provisioner.render.dags import RenderedDag
    from provisioner.secret import Secret
    from provisioner.spec.model import Environment
    from provisioner.spec.targets.airflow.self_managed import SelfManagedAirflow

DAG_READER = "Storage Blob Data Reader"
HIDDEN = ("AIRFLOW__SECRETS__BACKEND_KWARGS", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
NO_URL = "its address is not known; add `airflow.url` and `airflow.api`"
DEPLOY = "Airflow runs with what `provisioner render` prints once your platform has it; docs/self-managed.md says how"


def declare(
    environment: Environment,
    around: Around,
    *,
    reader: Reader,
    needs: tuple[Address, ...],
    dags: tuple[RenderedDag, ...],
) -> Airflow:
    """The secret, the container and the DAG's file. needs: what must stand before Airflow may read its secrets."""
    spec = cast("SelfManagedAirflow", environment.airflow)
    parts = _Parts(environment, spec, around)
    secret = () if parts.secretless else (parts.secret(reader, needs),)
    holder = parts.container if parts.secretless else parts.holder
    files = tuple(map(parts.file, dags))
    rollout = parts.rollout(tuple(map(parts.written, dags, files)))
    return Airflow(
        nodes=(*secret, *parts.container_nodes(), *files),
        searches=parts.searches(),
        address=holder,
        holder=holder,
        web_url=spec.url,
        unaskable="" if spec.url else NO_URL,
        client=partial(_client, environment),
        dags={dag.name: dag_address(parts.container, dag.name) for dag in dags},
        bundle=parts.bundle,
        settings=_settings,
        rendered=parts.settings(),
        deployment=parts.deployment(),
        rollout=rollout,
        notes_beside=partial(_notes_beside, environment, spec),
        platform=partial(read_platform_drift, environment, rollout, parts.deployment().variables),
        notes=(DEPLOY,),
    )


def _api(environment: Environment) -> AirflowApi:
    spec = cast("SelfManagedAirflow", environment.airflow)
    way, values = spec.sign_in
    stored = spec.api.bearer_secret if spec.api else None
    place = (environment.vault_name, stored) if stored else None
    sign_in = AirflowSignIn(way=cast("Any", way), stored=place, **values)
    return AirflowApi(version=spec.version, right="a role that lets it", setting="airflow.api", sign_in=sign_in)


def _notes_beside(environment: Environment, spec: SelfManagedAirflow, cloud: Cloud) -> tuple[str, ...]:
    """Which of its variables stand in Airflow's own store, too; none if Airflow does not tell."""
    if not spec.url:
        return ()
    try:
        there = cloud.airflow(spec.url, _api(environment), retry=False).variable_keys()
    except UNANSWERED:
        return ()
    names = sorted(f"{spec.own_prefix}{key}" for key in (*environment.tool_variable_keys, *environment.variables))
    stands = "also stands in Airflow's own store, which is not read while the vault has it; remove it there"
    return tuple(f"the variable {name} {stands}" for name in names if name in there)


def _client(environment: Environment, cloud: Cloud, web_url: str) -> AirflowClient:
    return cloud.airflow(web_url, _api(environment))


def _settings(_observed: object) -> Mapping[str, Secret | None]:
    """What its workers run with is not to be read: it is the platform's."""
    return dict.fromkeys(HIDDEN)


class _Parts:
    """The nodes of this target and how they refer to each other."""

    def __init__(self, environment: Environment, airflow: SelfManagedAirflow, around: Around) -> None:
        self.spec, self.airflow, self.around = environment, airflow, around
        self.mark = around.names.environment_id
        self.container = Address("filesystem", airflow.container)
        self.holder = Address("vault_secret", f"{airflow.own_prefix}airflow-client-secret")
        self.federation = environment.principals.airflow.federation
        self.secretless = environment.principals.airflow.secretless
        self.shared = self.container == around.filesystem
        self.bundle = bundle_name(airflow.key_prefix) if airflow.dags.delivery == "bundle" else ""

    def settings(self) -> AirflowSettings:
        """What makes Airflow read its variables from the vault."""
        names = self.around.names
        login = "" if names.hosts == Hosts() else names.hosts.login
        own = AirflowSettings(overrides={}, environment={}, requirements=())
        return airflow_settings(self.airflow, own, vault_url=names.vault_url, tenant_id=names.tenant_id, login=login)

    def deployment(self) -> Deployment:
        """The settings for its platform, without the id of its principal."""
        settings, names = self.settings(), self.around.names
        kwargs = "AIRFLOW__SECRETS__BACKEND_KWARGS"
        variables = {name: str(value) for name, value in {**settings.overrides, **settings.environment}.items()}
        variables[kwargs] = kwargs_without_config_lookups(variables[kwargs])
        if self.bundle:
            url = f"https://{self.spec.account_name}.{names.hosts.blob_suffix}"
            variables |= bundle_variables(self.airflow.key_prefix, url, self.container.name)
        adopted = self.spec.principals.airflow.application
        found = Deployment(
            name=self.airflow.key_prefix.lower(),
            variables=variables,
            secret="" if self.secretless else self.holder.name,
            subject=self.federation.every_subject[0] if self.federation else "",
            issuer=(self.federation.issuer or self.federation.aks) if self.federation else "",
            identity=self.spec.principals.airflow.managed_identity,
            vault_url=names.vault_url,
            requirements=settings.requirements,
            dags="" if self.bundle else f"{self.spec.account_name}/{self.container.name}",
        )
        return found.with_client_id(adopted.client_id) if adopted else found

    def rollout(self, files: tuple[WrittenFile, ...]) -> Rollout:
        """How workers show which settings they have; only then what they signed in with before may go."""
        return Rollout(
            probe=Probe(dag_id=self.spec.probe_id, api=_api(self.spec)),
            web_url=self.airflow.url,
            rendered=self.deployment().settings_hash,
            secretless=self.secretless,
            holders=(self.holder.name, *map(self.spec.variable_secret_name, self.spec.secret_variable_keys)),
            sign_in=sign_in_hash(self.spec),
            files=files,
        )

    def written(self, dag: RenderedDag, node: Node) -> WrittenFile:
        """The DAG's file as it is to be found in the data lake."""
        file: DagFile = node.desired
        place = {"account": file.account, "filesystem": file.filesystem, "path": file.path}
        return WrittenFile(**place, sha256=file.sha256, dag=expected_dag(dag, self.bundle))

    def secret(self, reader: Reader, needs: tuple[Address, ...]) -> Node:
        """What Airflow's principal signs in with; the platform copies it to the workers."""
        airflow = self.airflow
        probe = Probe(dag_id=self.spec.probe_id, api=_api(self.spec)) if airflow.url else None
        desired = vault_secret.VaultSecret(
            vault=self.spec.vault_name,
            name=self.holder.name,
            value=reader.value,
            environment=self.mark,
            credential=reader.credential,
            key_id=reader.key_id,
            expires=reader.expires,
            client_id=reader.client_id,
            active_key_ids=reader.active_key_ids,
            named_by="`airflow.key_prefix`",
            readers=vault_secret.Readers(within=airflow.rollout, probe=probe, web_url=airflow.url),
        )
        vault = Address("key_vault", self.spec.vault_name)
        return Node(address=self.holder, desired=desired, container=vault, needs=(*needs, self.around.vault_access))

    def container_nodes(self) -> Iterator[Node]:
        """The container of the DAG's file, and the right of Airflow's principal to read it."""
        desired = filesystem.Filesystem(
            account=self.spec.account_name,
            name=self.container.name,
            environment=self.mark,
            flat="dags" if self.bundle else "",
        )
        if not self.shared:
            yield Node(
                address=self.container,
                desired=desired,
                container=self.around.account,
                needs=(self.around.access,),
            )
        yield grant_node(
            "airflow",
            DAG_READER,
            scope=self._container_id(),
            container=self.container,
            principal_id=self.around.airflow,
            environment=self.mark,
            label="the service principal airflow",
        )

    def file(self, dag: RenderedDag) -> Node:
        """The DAG's file."""
        return dag_node(
            dag,
            account=self.spec.account_name,
            container=self.container,
            environment=self.mark,
            access=self.around.access,
            jars=self.around.filesystem,
        )

    def searches(self) -> tuple[Search, ...]:
        """Files and grants that the spec no longer names."""
        scope = role_assignment.Scope(scope=self._container_id(), environment=self.mark)
        grants = Search(kind="role_assignment", scope=scope, container=self.container)
        if self.shared:
            return (grants,)
        account = self.spec.account_name
        return (grants, *file_searches(account=account, container=self.container, environment=self.mark))

    def _container_id(self) -> str:
        return f"{self.spec.account_id}/blobServices/default/containers/{self.container.name}"
