"""The article's steps as nodes: which resources an environment has and what each needs. No network, no decisions.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-orchestration
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds import (
    application,
    caller_access,
    client_secret,
    dag_file,
    filesystem,
    job_jar,
    key_vault,
    lock_container,
    resource_group,
    role_assignment,
    service_principal,
    storage_account,
    vault_secret,
)
from provisioner.model import Address, Node, Recipe, Ref, Search
from provisioner.recipe import data_factory, hdinsight_on_aks
from provisioner.recipe.target import Flink, Names, Reader
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.spec.model import Environment
    from provisioner.spec.parts import Principal

LOCK = Address("lock_container", "lock")
READ_VAULT = "Key Vault Secrets User"


def recipe(environment: Environment, names: Names, *, purge: bool = False) -> Recipe:
    """Everything `environment` should be. Pure. purge: a vault that goes is purged, not kept soft-deleted."""
    parts = _Parts(environment, names, purge=purge)
    flink = hdinsight_on_aks.declare(environment)
    reader = parts.reader("airflow")
    # Places whose value can be read back come first: a run that dies between them loses no credential.
    first = (parts.reads_vault, *(Address("vault_secret", name) for name in environment.principals.airflow.secrets))
    airflow = data_factory.declare(environment, names, reader, account=parts.account, needs=first)
    nodes = (
        *parts.places(),
        *flink.nodes,
        *parts.airflow_principal(),
        *parts.flink_principal(flink),
        *parts.secrets(),
        *parts.job(flink),
        *airflow.nodes,
    )
    return Recipe(
        environment=environment.name,
        environment_id=names.environment_id,
        nodes=nodes,
        searches=(*parts.searches(flink), *airflow.searches),
        notes=tuple(_notes(environment)),
    )


def _slug(role: str) -> str:
    return role.lower().replace(" ", "-")


class _Parts:
    """The parts that no target changes, and the addresses by which they refer to each other."""

    def __init__(self, environment: Environment, names: Names, *, purge: bool) -> None:
        self.purge = purge
        self.spec, self.names, self.mark = environment, names, names.environment_id
        self.group = Address("resource_group", environment.resource_group)
        self.vault = Address("key_vault", environment.vault_name)
        self.account = Address("storage_account", environment.account_name)
        self.jobs = Address("filesystem", environment.storage_account.filesystem)
        self.vault_access = Address("caller_access", "vault")
        self.account_access = Address("caller_access", "account")
        self.reads_vault = Address("role_assignment", f"airflow.{_slug(environment.principals.airflow.role)}")

    def places(self) -> Iterator[Node]:
        """Rows 1, 2 and 11: group, vault, account with its lock and filesystem, and the caller's way in."""
        spec, mark = self.spec, self.mark
        group = resource_group.ResourceGroup(
            id=spec.group_id, location=spec.location, tags=dict(spec.tags), environment=mark
        )
        yield Node(address=self.group, desired=group, bootstrap=True)
        account = storage_account.StorageAccount(
            id=spec.account_id,
            location=spec.location,
            sku=spec.storage_account.sku,
            tags=dict(spec.tags),
            environment=mark,
        )
        yield Node(address=self.account, desired=account, container=self._group_of(spec.account_id), bootstrap=True)
        lock = lock_container.LockContainer(account_id=spec.account_id, name=lock_name(mark), environment=mark)
        yield Node(address=LOCK, desired=lock, container=self.account, bootstrap=True)
        yield self._vault()
        yield from self._access()
        jobs = filesystem.Filesystem(account=spec.account_name, name=self.jobs.name, environment=mark)
        yield Node(address=self.jobs, desired=jobs, container=self.account, needs=(self.account_access,))

    def airflow_principal(self) -> Iterator[Node]:
        """Row 3 and its credential of row 5: who Airflow is when it reads the vault."""
        principal = self.spec.principals.airflow
        yield from self._principal("airflow", principal)
        yield self._grant("airflow", principal.role, self.vault, self.spec.vault_id)
        for name in principal.secrets:
            yield self._credential_secret(name, self.reader("airflow"))

    def flink_principal(self, flink: Flink) -> Iterator[Node]:
        """Row 4 and its credential of row 5: who the DAG is when it calls the cluster."""
        principal = self.spec.principals.flink_api
        yield from self._principal("flink-api", principal)
        yield self._grant("flink-api", principal.role, flink.address, flink.scope)
        for name in principal.secrets:
            yield self._credential_secret(name, self.reader("flink-api"))

    def secrets(self) -> Iterator[Node]:
        """Row 6: what the DAG reads as variables, and the spec's own variables and connections."""
        spec, api = self.spec, self.reader("flink-api")
        yield self._plain_secret(spec.variable_secret("api-client-id"), api.client_id)
        yield self._credential_secret(spec.variable_secret("api-secret"), api)
        yield self._plain_secret(spec.variable_secret("tenant-id"), Secret(self.names.tenant_id))
        for key, value in spec.variables.items():
            yield self._plain_secret(spec.variable_secret(key), value)
        for key, value in spec.connections.items():
            yield self._plain_secret(spec.connection_secret(key), value)

    def job(self, flink: Flink) -> Iterator[Node]:
        """Rows 7 and 8: the jar, and the cluster's right to read it."""
        job, path = self.spec.job, jar_path(self.spec)
        jar = job_jar.JobJar(
            account=self.spec.account_name,
            filesystem=self.jobs.name,
            path=path,
            file=str(job.jar),
            environment=self.mark,
        )
        address = Address("job_jar", f"{self.jobs.name}/{path}")
        yield Node(address=address, desired=jar, container=self.jobs, needs=(self.account_access,))
        assignment = role_assignment.RoleAssignment(
            scope=self.spec.account_id,
            role=job.role,
            principal_id=flink.identity,
            environment=self.mark,
            label="the Flink cluster's identity",
        )
        yield Node(
            address=Address("role_assignment", f"flink.{_slug(job.role)}"), desired=assignment, container=self.account
        )

    def searches(self, flink: Flink) -> Iterator[Search]:
        """Where things of ours may stand that the spec no longer names, in the order they are made."""
        spec, mark = self.spec, self.mark
        for where, scope_id in ((self.vault, spec.vault_id), (self.account, spec.account_id)):
            callers = caller_access.Scope(scope=scope_id, environment=mark)
            yield Search(kind="caller_access", scope=callers, container=where)
        yield Search(kind="application", scope=application.Scope(environment=mark))
        for name, principal in (("airflow", spec.principals.airflow), ("flink-api", spec.principals.flink_api)):
            owner = Address("application", name)
            scope = client_secret.Scope(
                application_id=Ref(owner, "object_id"),
                name=name,
                environment=mark,
                overlap=principal.rotation.overlap,
            )
            yield Search(kind="client_secret", scope=scope, container=owner)
        for where, scope_id in (
            (self.vault, spec.vault_id),
            (flink.address, flink.scope),
            (self.account, spec.account_id),
        ):
            scope_of = role_assignment.Scope(scope=scope_id, environment=mark)
            yield Search(kind="role_assignment", scope=scope_of, container=where)
        prefixes = (spec.airflow.variables_prefix, spec.airflow.connections_prefix)
        secrets = vault_secret.Scope(vault=spec.vault_name, environment=mark, prefixes=prefixes)
        yield Search(kind="vault_secret", scope=secrets, container=self.vault)
        for kind in (job_jar, dag_file):
            paths = kind.Scope(account=spec.account_name, filesystem=self.jobs.name, environment=mark)
            yield Search(kind=kind.KIND.name, scope=paths, container=self.jobs)

    def reader(self, name: str) -> Reader:
        """What others need of a principal's credential."""
        credential = Address("client_secret", name)
        return Reader(
            client_id=Ref(Address("application", name), "client_id"),
            key_id=Ref(credential, "key_id"),
            value=Ref(credential, "value"),
            expires=Ref(credential, "expires"),
            living=Ref(credential, "living"),
            credential=credential,
        )

    def _group_of(self, resource_id: str) -> Address | None:
        inside = resource_id.lower().startswith(f"{self.spec.group_id.lower()}/")
        return self.group if inside else None

    def _vault(self) -> Node:
        spec = self.spec
        desired = key_vault.Vault(
            id=spec.vault_id,
            location=spec.location,
            tenant_id=self.names.tenant_id,
            sku=spec.vault.sku,
            retention_days=spec.vault.retention_days,
            purge_protection=spec.vault.purge_protection,
            tags=dict(spec.tags),
            environment=self.mark,
            purge_on_delete=self.purge,
        )
        return Node(address=self.vault, desired=desired, container=self._group_of(spec.vault_id))

    def _access(self) -> Iterator[Node]:
        spec, mark = self.spec, self.mark
        to_vault = caller_access.to_vault(scope=spec.vault_id, vault=spec.vault_name, environment=mark)
        yield Node(address=self.vault_access, desired=to_vault, container=self.vault, access=True)
        to_blobs = caller_access.to_blobs(scope=spec.account_id, account=spec.account_name, environment=mark)
        yield Node(address=self.account_access, desired=to_blobs, container=self.account, access=True)

    def _principal(self, name: str, principal: Principal) -> Iterator[Node]:
        mark, app = self.mark, Address("application", name)
        adopted = principal.application.client_id if principal.application else None
        yield Node(
            address=app,
            desired=application.Application(
                unique_name=f"provisioner-{mark}-{name}",
                display_name=principal.display_name or f"{self.spec.name} {name}",
                environment=mark,
                client_id=adopted,
            ),
        )
        client_id = Ref(app, "client_id")
        identity = service_principal.ServicePrincipal(client_id=client_id, environment=mark, adopt=adopted is not None)
        yield Node(address=Address("service_principal", name), desired=identity, container=app)
        credential = client_secret.ClientSecret(
            application_id=Ref(app, "object_id"),
            client_id=client_id,
            name=name,
            tenant_id=self.names.tenant_id,
            lifetime=principal.lifetime,
            environment=mark,
            every=principal.rotation.every,
            overlap=principal.rotation.overlap,
            runs_every=principal.rotation.runs_every,
            sign_in_seconds=self.spec.waits.sign_in.total_seconds(),
        )
        needs = (Address("service_principal", name),)
        yield Node(address=Address("client_secret", name), desired=credential, container=app, needs=needs)

    def _grant(self, principal: str, role: str, where: Address, scope: str) -> Node:
        assignment = role_assignment.RoleAssignment(
            scope=scope,
            role=role,
            principal_id=Ref(Address("service_principal", principal), "object_id"),
            environment=self.mark,
            label=f"the service principal {principal}",
        )
        address = Address("role_assignment", f"{principal}.{_slug(role)}")
        return Node(address=address, desired=assignment, container=where)

    def _plain_secret(self, name: str, value: Secret | Ref) -> Node:
        desired = vault_secret.VaultSecret(vault=self.spec.vault_name, name=name, value=value, environment=self.mark)
        return self._in_vault(name, desired)

    def _credential_secret(self, name: str, reader: Reader) -> Node:
        desired = vault_secret.VaultSecret(
            vault=self.spec.vault_name,
            name=name,
            value=reader.value,
            environment=self.mark,
            credential=reader.credential,
            key_id=reader.key_id,
            expires=reader.expires,
            client_id=reader.client_id,
            living=reader.living,
        )
        return self._in_vault(name, desired)

    def _in_vault(self, name: str, desired: vault_secret.VaultSecret) -> Node:
        address = Address("vault_secret", name)
        return Node(address=address, desired=desired, container=self.vault, needs=(self.vault_access,))


def lock_name(environment_id: str) -> str:
    """The container whose lease a run holds; one per environment."""
    return f"provisioner-{environment_id}"


def jar_path(environment: Environment) -> str:
    """Where the jar lies in its filesystem."""
    name, folder = environment.job.jar.name, environment.job.directory
    return f"{folder}/{name}" if folder else name


def _notes(environment: Environment) -> Iterator[str]:
    """What a person should know of the spec's choices."""
    role = environment.principals.airflow.role
    if role.lower() != READ_VAULT.lower():
        yield (
            f"principals.airflow.role is {role}, the article's; Airflow only reads, so `role: {READ_VAULT}` is enough "
            "(https://learn.microsoft.com/azure/data-factory/enable-azure-key-vault-for-managed-airflow)"
        )
    if environment.cloud != "local":
        yield "HDInsight on AKS was retired on 31 January 2025"
        yield "Data Factory has made no new Airflow runtimes since 1 January 2026"
