"""The typed model of one environment, and what follows from it: ids, secret names. Frozen; touches no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID, uuid5

from pydantic import Field, field_validator

from provisioner.secret import Secret
from provisioner.spec import fields, resource_id
from provisioner.spec.fields import Guid, Location, Rule, SecretText
from provisioner.spec.parts import (
    Dag,
    DataFactoryAirflow,
    HdinsightOnAks,
    Jar,
    Job,
    Part,
    Rotation,
    StorageAccount,
    Vault,
    Waits,
)
from provisioner.spec.principals import Principals
from provisioner.spec.tags import LIMITS

if TYPE_CHECKING:
    from pydantic import ValidationInfo

NAMESPACE = UUID("6d0f2f0e-31a6-5a0c-9a3e-0c6a4be5f7d1")  # of environment ids; a new one would disown everything made

NAME = Rule(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?", "use up to 40 letters, digits and hyphens")


class Environment(Part):
    """One environment: everything a Flink job that Airflow runs on Azure needs."""

    name: Annotated[str, NAME] = Field(description="The environment's name.")
    cloud: Literal["local", "public", "usgovernment", "china"] = Field(
        description="Which Azure; `local` is the embedded one."
    )
    tenant: Annotated[str, Rule(r"[A-Za-z0-9][A-Za-z0-9.-]*", "write the tenant's GUID or domain")] | None = Field(
        default=None, description="The Entra tenant; the signed-in one by default."
    )
    subscription: Guid = Field(description="The subscription's GUID.")
    id: Guid | None = Field(default=None, description="The environment's id, if it is not to follow from its names.")
    resource_group: Annotated[str, fields.GROUP] = Field(description="The resource group; made if absent.")
    location: Location = Field(description="The Azure location of what is made.")
    tags: Annotated[dict[str, str], LIMITS] = Field(
        default_factory=dict[str, str], description="Tags for what is made."
    )
    protected: bool = Field(default=False, description="`teardown` refuses.")
    vault: Vault = Field(description="The Key Vault.")
    storage_account: StorageAccount = Field(description="The storage account.")
    flink: HdinsightOnAks = Field(description="The Flink cluster.")
    airflow: DataFactoryAirflow = Field(description="The Airflow environment.")
    job: Job = Field(description="The Flink job.")
    jars: list[Jar] = Field(default_factory=list[Jar], description="More jars to upload.")
    dag: Dag = Field(default_factory=Dag, description="The DAG.")
    rotation: Rotation = Field(default_factory=Rotation, description="When credentials are replaced.")
    principals: Principals = Field(
        default_factory=Principals, validate_default=True, description="The service principals."
    )
    variables: dict[str, SecretText] = Field(
        default_factory=dict[str, Secret], description="Airflow variables, kept in the vault."
    )
    connections: dict[str, SecretText] = Field(
        default_factory=dict[str, Secret], description="Airflow connections (URI or JSON), kept in the vault."
    )
    waits: Waits = Field(default_factory=Waits, description="Deadlines.")

    @field_validator("airflow")
    @classmethod
    def _linked_service(cls, airflow: DataFactoryAirflow, info: ValidationInfo) -> DataFactoryAirflow:
        name = airflow.linked_service or f"provisioner-{info.data.get('name')}"
        return airflow.model_copy(update={"linked_service": name})

    @field_validator("principals")
    @classmethod
    def _rotations(cls, principals: Principals, info: ValidationInfo) -> Principals:
        common = info.data.get("rotation")
        if common is None:  # it is wrong itself, which is said where it stands
            return principals
        return principals.rotating(common)

    def environment_id(self, tenant: str) -> str:
        """The mark of what is ours: `id`, or what follows from tenant (GUID), subscription, group and name."""
        parts = (tenant, self.subscription, self.resource_group, self.name)
        return self.id or str(uuid5(NAMESPACE, "\n".join(part.casefold() for part in parts)))

    @property
    def group_id(self) -> str:
        return resource_id.group_id(self.subscription, self.resource_group)

    @property
    def vault_id(self) -> str:
        return resource_id.VAULT.resolve(self.group_id, self.vault.name)

    @property
    def vault_name(self) -> str:
        return resource_id.last_name(self.vault_id)

    @property
    def account_id(self) -> str:
        return resource_id.ACCOUNT.resolve(self.group_id, self.storage_account.name)

    @property
    def account_name(self) -> str:
        return resource_id.last_name(self.account_id)

    @property
    def cluster_id(self) -> str:
        flink = self.flink
        full = flink.cluster.startswith("/")
        return flink.cluster if full else resource_id.CLUSTER.build(self.group_id, flink.pool, flink.cluster)

    @property
    def factory_id(self) -> str:
        if self.airflow.runtime.startswith("/"):
            return resource_id.parent(self.airflow.runtime)
        return resource_id.FACTORY.resolve(self.group_id, self.airflow.factory)

    @property
    def runtime_id(self) -> str:
        return f"{self.factory_id}/integrationruntimes/{resource_id.last_name(self.airflow.runtime)}"

    @property
    def linked_service_id(self) -> str:
        return f"{self.factory_id}/linkedservices/{self.airflow.linked_service}"

    def principal_variables(self, name: str) -> tuple[str, str] | None:
        """The keys of the variables with client id and secret of a further principal; None: it has none."""
        prefix = self.principals.further[name].variables_prefix
        prefix = name if prefix is None else prefix
        return (f"{prefix}-client-id", f"{prefix}-secret") if prefix else None

    def variable_secret(self, key: str) -> str:
        """The vault secret in which Airflow looks for a variable."""
        return secret_name(self.airflow.variables_prefix, key)

    def connection_secret(self, key: str) -> str:
        """The vault secret in which Airflow looks for a connection."""
        return secret_name(self.airflow.connections_prefix, key)


def secret_name(prefix: str, key: str) -> str:
    """AzureKeyVaultBackend.build_path of apache-airflow-providers-microsoft-azure, with its default separator."""
    path = f"{prefix.rstrip('-')}-{key}" if prefix else key
    return path.replace("_", "-")
