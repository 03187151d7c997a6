"""The typed model of one environment, and what follows from it: ids, secret names. Frozen; touches no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid5

from pydantic import Field, field_validator
from pydantic_core import PydanticKnownError

from provisioner.secret import Secret
from provisioner.spec import fields, resource_id
from provisioner.spec.fields import FilePath, Guid, Location, Rule, SecretText, refusal
from provisioner.spec.jobs import JOB, Dag, DeclaredJob, Jar, Job, NamedJob, declared_job
from provisioner.spec.parts import Notify, Part, Rotation, StorageAccount, Vault, Waits
from provisioner.spec.principals import Principal, Principals
from provisioner.spec.tags import LIMITS
from provisioner.spec.targets import OneOf
from provisioner.spec.targets.contract import AirflowTarget, EnvironmentContext, FlinkTarget

if TYPE_CHECKING:
    from pydantic import ValidationInfo

T = TypeVar("T", AirflowTarget, FlinkTarget)

NAMESPACE = UUID("6d0f2f0e-31a6-5a0c-9a3e-0c6a4be5f7d1")  # of environment ids; a new one would disown everything made

NAME = Rule(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?", "use up to 40 letters, digits and hyphens")


class Environment(Part):
    """One environment: everything a Flink job that Airflow runs on Azure needs."""

    extends: str | None = Field(default=None, description="A YAML file whose fields hold where this one has none.")
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
    access: Literal["keep", "release"] = Field(
        default="keep", description="Whether the caller's roles for writing data stay after a run, or go at its end."
    )
    vault: Vault = Field(description="The Key Vault.")
    storage_account: StorageAccount = Field(description="The storage account.")
    flink: Annotated[FlinkTarget, OneOf("flink")] = Field(description="The Flink cluster.")
    airflow: Annotated[AirflowTarget, OneOf("airflow")] = Field(description="The Airflow environment.")
    jobs: dict[Annotated[str, JOB], NamedJob] = Field(
        default_factory=dict[str, NamedJob], description="The Flink jobs by name, where there are several."
    )
    job: Job | None = Field(default=None, validate_default=True, description="The Flink job, where there is one.")
    jars: list[Jar] = Field(default_factory=list[Jar], description="More jars to upload.")
    dag: Dag = Field(default_factory=Dag, validate_default=True, description="The DAG of `job`.")
    dags: list[FilePath] = Field(
        default_factory=list[Path],
        description="More DAGs: files or patterns such as own/*.py, relative to the YAML file.",
    )
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
    notify: Notify | None = Field(default=None, description="Who is told of what a scheduled run finds.")
    waits: Waits = Field(default_factory=Waits, description="Deadlines.")

    @field_validator("airflow", "flink")
    @classmethod
    def _with_environment_defaults(cls, target: T, info: ValidationInfo) -> T:
        known = info.data
        if not {"name", "subscription", "resource_group"} <= known.keys():  # one is wrong itself
            return target
        group = resource_id.group_id(known["subscription"], known["resource_group"])
        return target.with_environment_defaults(EnvironmentContext(name=known["name"], group_id=group))

    @field_validator("job", mode="before")
    @classmethod
    def _one_form(cls, job: object, info: ValidationInfo) -> object:
        jobs = info.data.get("jobs")
        if job is not None and jobs:
            raise refusal("write all of them below `jobs`, each under its name", "stands beside `jobs`")
        if job is None and jobs == {}:
            raise PydanticKnownError("missing")
        return job

    @field_validator("dag")
    @classmethod
    def _with_own_prefix(cls, dag: Dag, info: ValidationInfo) -> Dag:
        airflow = info.data.get("airflow")
        return dag.model_copy(update={"id": f"{airflow.own_prefix}{dag.id}"}) if airflow else dag

    @field_validator("principals")
    @classmethod
    def _with_rotations_and_scopes(cls, principals: Principals, info: ValidationInfo) -> Principals:
        common = info.data.get("rotation")
        if common is None:  # it is wrong itself, which is said where it stands
            return principals
        parts = [info.data.get(name) for name in ("subscription", "resource_group", "vault", "storage_account")]
        return principals.with_common_rotation(common).with_full_scopes(_short_scopes(*parts) if all(parts) else {})

    def environment_id(self, tenant: str) -> str:
        """The environment's id, the value of owner tags.

        It is `id`, or what follows from tenant (GUID), subscription, group and name.
        """
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
    def all_jobs(self) -> tuple[DeclaredJob, ...]:
        """Its jobs, at least one, whichever form the file has."""
        if self.job is not None:
            return (DeclaredJob(name=self.job.name, spec=self.job, dag=self.dag, path=("job",)),)
        return tuple(declared_job(name, job, self.airflow.own_prefix) for name, job in self.jobs.items())

    @property
    def own_dags(self) -> tuple[tuple[int, Path], ...]:
        """The files that `dags` names, each with the number of the pattern that it matches first."""
        matches: dict[Path, int] = {}
        for index, pattern in enumerate(self.dags):
            for file in sorted(pattern.parent.glob(pattern.name)):
                matches.setdefault(file, index)
        return tuple((index, file) for file, index in matches.items())

    @property
    def probe_id(self) -> str:
        """Of the DAG that shows whether Airflow's workers have a rotated key: beside the only job's, or alone."""
        return f"{self.dag.id if self.job else self.airflow.own_prefix + self.name}_key_probe"

    @property
    def principals_in_use(self) -> dict[str, Principal]:
        """The principals that it has, by name; `flink-api` only where the DAG signs in to Flink's API with it."""
        named = self.principals.named
        return (
            named
            if self.flink.uses_api_principal
            else {name: one for name, one in named.items() if name != "flink-api"}
        )

    @property
    def tool_variable_keys(self) -> tuple[str, ...]:
        """The keys of the Airflow variables that the tool writes for the DAG."""
        return (*(self.api_variable_keys if self.flink.uses_api_principal else ()), "tenant-id")

    @property
    def api_variable_keys(self) -> tuple[str, ...]:
        """The keys of those with which the DAG signs in to Flink's API; without a secret where it needs none."""
        secretless = self.principals.flink_api.secretless
        return ("api-client-id",) if secretless else ("api-client-id", "api-secret")

    def principal_variable_keys(self, principal: str) -> tuple[str, ...]:
        """The keys of a further principal's variables: client id and, if it has one, secret. Empty if it has none."""
        prefix = self._principal_variables_prefix(principal)
        if not prefix:
            return ()
        secretless = self.principals.further[principal].secretless
        return (f"{prefix}-client-id",) if secretless else (f"{prefix}-client-id", f"{prefix}-secret")

    @property
    def secret_variable_keys(self) -> tuple[str, ...]:
        """The keys of variables that hold a principal's secret, or held it while it had one."""
        prefixes = (self._principal_variables_prefix(name) for name in self.principals.further)
        return ("api-secret", *(f"{prefix}-secret" for prefix in prefixes if prefix))

    def _principal_variables_prefix(self, principal: str) -> str:
        prefix = self.principals.further[principal].variables_prefix
        return principal if prefix is None else prefix

    @property
    def secretless_client_id_keys(self) -> dict[str, str]:
        """Those that sign in from workers without a secret, and the keys of the variables with their client ids.

        Empty for Airflow's own, which the workers' settings name.
        """
        keys = {"airflow": ("",), "flink-api": self.api_variable_keys}
        keys |= {name: self.principal_variable_keys(name) for name in self.principals.further}
        named = self.principals_in_use.items()
        return {name: keys[name][0] for name, principal in named if principal.secretless and keys[name]}

    def variable_secret_name(self, key: str) -> str:
        """The vault secret in which Airflow looks for a variable."""
        return secret_name(self.airflow.variables_prefix, f"{self.airflow.own_prefix}{key}")

    def connection_secret_name(self, key: str) -> str:
        """The vault secret in which Airflow looks for a connection."""
        return secret_name(self.airflow.connections_prefix, f"{self.airflow.own_prefix}{key}")


def _short_scopes(subscription: Any, group: Any, vault: Any, account: Any) -> dict[str, str]:
    """What a scope may be called for short, in lower case → its id: the section's name, or a name that only one has."""
    group_id = resource_id.group_id(subscription, group)
    ids = {
        "storage_account": resource_id.ACCOUNT.resolve(group_id, account.name),
        "vault": resource_id.VAULT.resolve(group_id, vault.name),
        "resource_group": group_id,
    }
    names = [resource_id.last_name(one).lower() for one in ids.values()]
    unique = {name: one for name, one in zip(names, ids.values(), strict=True) if names.count(name) == 1}
    return {**unique, "subscription": f"/subscriptions/{subscription}", **ids}


def secret_name(prefix: str, key: str) -> str:
    """AzureKeyVaultBackend.build_path of apache-airflow-providers-microsoft-azure, with its default separator."""
    path = f"{prefix.rstrip('-')}-{key}" if prefix else key
    return path.replace("_", "-")
