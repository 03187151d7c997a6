"""The sections of an environment, as the YAML file has them. Each refuses what Azure would refuse."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from provisioner.spec import airflow_version, fields, resource_id
from provisioner.spec.fields import Duration, FilePath, Line, NameOrId, Rule, SecretText, refuse
from provisioner.spec.files import main_class
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import core_schema

# Data Factory's own application in Entra. No page names the scope of its Airflow; clients of Fabric's Airflow, with
# hosts of the same names, ask for this one (FabricSecretBackend of apache-airflow-providers-microsoft-fabric).
DATA_FACTORY_SCOPE = "5d13f7d7-0567-429c-9880-320e9555e5fc/.default"


class Part(BaseModel):
    """A section: unknown fields are mistakes, values never show in an error.

    others: what a field of any other name holds, where one may be added by name.
    """

    others: ClassVar[type[Part] | None] = None

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_by_name=True)


class ShortPart(Part):
    """A section that may be written as one text, which then stands for its field `short`."""

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def expand(cls, value: object) -> object:
        return {cls.short: value} if isinstance(value, (str, Path)) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        long = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "description": f"short for {cls.short}"}, long]}


class Vault(ShortPart):
    """The Key Vault that Airflow reads its variables and connections from."""

    short = "name"
    name: Annotated[str, NameOrId(resource_id.VAULT, fields.VAULT)] = Field(
        description="The vault's name, or its full id if it is in another group or subscription."
    )
    sku: Literal["standard", "premium"] = Field(default="standard", description="Pricing tier of a vault that is made.")
    retention_days: int = Field(
        default=90, ge=7, le=90, description="How long a deleted vault or secret can be recovered."
    )
    purge_protection: bool = Field(
        default=False, description="Nobody can purge before that time is over; cannot be undone."
    )


class StorageAccount(ShortPart):
    """The storage account (hierarchical namespace) that holds the job's jar and Airflow's DAGs."""

    short = "name"
    name: Annotated[str, NameOrId(resource_id.ACCOUNT, fields.ACCOUNT)] = Field(
        description="The account's name, or its full id if it is in another group or subscription."
    )
    sku: Literal[
        "Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_RAGRS", "Standard_GZRS", "Standard_RAGZRS",
        "Premium_LRS", "Premium_ZRS",
    ] = Field(default="Standard_LRS", description="Redundancy of an account that is made.")  # fmt: skip
    filesystem: Annotated[str, fields.CONTAINER] = Field(
        default="jobs", description="The filesystem that holds the jar."
    )


class HdinsightOnAks(ShortPart):
    """The Flink cluster, which is given: looked up, never made."""

    short = "cluster"
    target: Literal["hdinsight-aks"] = Field(default="hdinsight-aks", description="What runs Flink.")
    pool: Annotated[str, fields.or_empty(fields.CLUSTER)] = Field(
        default="", description="The cluster pool's name; not needed with a full id in `cluster`."
    )
    cluster: Annotated[str, NameOrId(resource_id.CLUSTER, fields.CLUSTER)] = Field(
        description="The cluster's name, or its full id if it is in another group or subscription."
    )

    @model_validator(mode="after")
    def located(self) -> HdinsightOnAks:
        if not self.pool and not self.cluster.startswith("/"):
            raise refuse(
                f"add `pool: …`, or write the cluster's full id, {resource_id.CLUSTER.example()}",
                "the cluster pool is missing",
            )
        return self


PREFIX = Rule(r"[0-9A-Za-z_-]{0,100}", "use letters, digits and hyphens, up to 100 of them")


def _provider(data: dict[str, Any]) -> str:
    return airflow_version.provider(str(data.get("version", ""))) or ""


class DataFactoryAirflow(ShortPart):
    """Airflow in Data Factory: the runtime, what is installed and set in it, where its DAGs lie."""

    short = "runtime"
    target: Literal["data-factory"] = Field(default="data-factory", description="What hosts Airflow.")
    factory: Annotated[str, NameOrId(resource_id.FACTORY, fields.or_empty(fields.FACTORY))] = Field(
        default="", description="The data factory's name or full id; not needed with a full id in `runtime`."
    )
    runtime: Annotated[str, NameOrId(resource_id.RUNTIME, fields.FACTORY)] = Field(
        description="The Airflow integration runtime's name or full id; made if absent."
    )
    version: Annotated[str, airflow_version.SUPPORTED] = Field(
        default="2.6.3", description="Airflow's version; `cloud: local` has newer ones than Data Factory."
    )
    provider_version: Annotated[str, Rule(r"[0-9]+(\.[0-9]+){1,2}", "write a version such as 10.0.0")] = Field(
        default_factory=_provider,
        description="Version of apache-airflow-providers-microsoft-azure; by default the newest for `version`.",
    )
    requirements: list[Line] = Field(default_factory=list[str], description="More Python packages for Airflow.")
    overrides: dict[str, SecretText] = Field(
        default_factory=dict[str, fields.Secret], description="More configuration overrides, AIRFLOW__SECTION__KEY."
    )
    environment: dict[str, SecretText] = Field(
        default_factory=dict[str, fields.Secret], description="More environment variables."
    )
    take_over: list[Line] = Field(
        default_factory=list[str], description="Settings of an adopted runtime that may be overwritten."
    )
    rollout: Duration = Field(
        default=timedelta(hours=1), description="How long Airflow's workers take to get new settings."
    )
    compute_size: Literal["Small", "Large"] = Field(default="Small", description="Size of a runtime that is made.")
    extra_nodes: int = Field(default=0, ge=0, le=100, description="More nodes of a runtime that is made.")
    variables_prefix: Annotated[str, PREFIX] = Field(
        default="hdinsight-aks-variables", description="What the vault puts before a variable's key."
    )
    connections_prefix: Annotated[str, PREFIX] = Field(
        default="airflow-connections", description="What the vault puts before a connection's id."
    )
    api_scope: Annotated[str, Rule(r"\S+", "write a scope such as https://management.azure.com/.default")] = Field(
        default=DATA_FACTORY_SCOPE, description="What tokens for Airflow's own API are asked for."
    )
    linked_service: Annotated[
        str, Rule(r"|[A-Za-z0-9][^<>*#.%&:\\+?/\x00-\x1f]{0,259}", "use letters, digits, spaces, - and _")
    ] = Field(
        default="", description="The linked service that the DAG is imported through; `provisioner-<name>` by default."
    )
    container: Annotated[str, fields.CONTAINER] = Field(
        default="airflow", description="The container that holds `dags/`."
    )
    git_credential: SecretText | None = Field(
        default=None, description="A runtime's git credential, needed to change it."
    )
    password: SecretText | None = Field(
        default=None, description="A runtime's basic-auth password, needed to change it."
    )

    @model_validator(mode="after")
    def located(self) -> DataFactoryAirflow:
        if not self.factory and not self.runtime.startswith("/"):
            raise refuse(
                f"add `factory: …`, or write the runtime's full id, {resource_id.RUNTIME.example()}",
                "the data factory is missing",
            )
        return self


class Rotation(Part):
    """When credentials are replaced, and how long an old one stays valid beside the new one."""

    every: Duration = Field(default=timedelta(days=30), description="The age at which a credential is replaced.")
    overlap: Duration = Field(default=timedelta(hours=24), description="How long the old one still works afterwards.")
    lifetime: Duration = Field(
        default=timedelta(days=60), description="The age at which a credential expires by itself."
    )
    runs_every: Duration = Field(default=timedelta(days=1), description="How often `provisioner rotate` runs.")

    @model_validator(mode="after")
    def sustainable(self) -> Rotation:
        return sustained(self)


def sustained(rotation: Rotation) -> Rotation:
    """The rotation, if no credential ends before the next one is in place everywhere."""
    if rotation.every + rotation.overlap + rotation.runs_every >= rotation.lifetime:
        raise refuse(
            "make `lifetime` longer than `every` + `overlap` + `runs_every`",
            "a credential would expire before the rotation after it is over",
        )
    if rotation.overlap < rotation.runs_every:
        raise refuse(
            "make `overlap` at least `runs_every`", "an old credential would end before the next run could act"
        )
    return rotation


def _job_name(data: dict[str, Any]) -> str:
    stem = Path(data.get("jar", "")).stem.lower()
    return re.sub(r"[^a-z0-9]", "", stem).lstrip("0123456789")[:40] or "job"


def _entry_class(data: dict[str, Any]) -> str:
    return main_class(data["jar"]) if "jar" in data else ""


class Jar(ShortPart):
    """A jar on this machine, and where it is uploaded to."""

    short = "jar"
    jar: FilePath = Field(description="The jar, relative to the YAML file.")
    directory: Annotated[str, Rule(rf"|{fields.FOLDER}(?:/{fields.FOLDER}){{0,20}}", "write folders like a/b")] = Field(
        default="", description="The folder in the filesystem that it is uploaded to."
    )

    @property
    def path(self) -> str:
        """Where it lies in the filesystem."""
        return f"{self.directory}/{self.jar.name}" if self.directory else self.jar.name


class Job(Jar):
    """The Flink job: its jar, and how it is run."""

    name: Annotated[str, Rule(r"[a-z][a-z0-9]{0,39}", "use up to 40 lower-case letters and digits")] = Field(
        default_factory=_job_name, description="What a job's name begins with; from the jar's name by default."
    )
    entry_class: Annotated[str, Rule(r"|[\w$]+(\.[\w$]+)*", "write a class such as org.example.WordCount")] = Field(
        default_factory=_entry_class,
        validate_default=True,
        description="The class to run; the jar's own main class by default.",
    )
    args: str = Field(
        default="", description="Arguments of the job, with spaces between; `{job}` stands for the job's name."
    )
    until: Literal["finished", "running"] = Field(
        default="finished", description="What the DAG waits for: a job's end, or (for one without end) its start."
    )
    parallelism: int = Field(default=2, ge=1, le=10_000, description="How many tasks of an operator run at once.")
    role: Line = Field(
        default="Storage Blob Data Owner", description="Name or GUID of the cluster identity's role on the account."
    )


def _dag_file(data: dict[str, Any]) -> str:
    name = Path(data.get("template", "")).name.removesuffix(".j2")
    return name if name.endswith(".py") else f"{name}.py"


SCHEDULE = Rule(
    r"@(?:once|hourly|daily|weekly|monthly|quarterly|yearly|continuous)|[\w*/,#?-]+(?: +[\w*/,#?-]+){4,5}",
    "write a cron expression such as 0 6 * * *, a preset such as @daily, or null",
)


class Dag(ShortPart):
    """The DAG that submits the job."""

    short = "template"
    template: FilePath = Field(
        default_factory=lambda: find_template("dags/flink_wordcount.py.j2"),
        description="A Jinja template (.j2), or a DAG as it is.",
    )
    id: Annotated[str, Rule(r"(?!\.{1,2}$)[\w.-]{1,240}", "use up to 240 letters, digits, - _ and periods")] = Field(
        default="FlinkWordCountExample", description="The DAG's id."
    )
    file: Annotated[str, Rule(r"\w[\w.-]{0,200}\.py", "write a file name ending in .py")] = Field(
        default_factory=_dag_file,
        validate_default=True,
        description="Its file in `dags/`; from the template's name by default.",
    )
    schedule: Annotated[str, SCHEDULE] | None = Field(
        default=None, description="When it runs by itself; never by default."
    )
    timeout: Duration = Field(default=timedelta(hours=1), description="How long the DAG follows a job.")

    @property
    def probe_id(self) -> str:
        """Of the DAG in the same file that shows whether Airflow's workers have a rotated key."""
        return f"{self.id}_key_probe"


class Waits(Part):
    """How long something may take before a run gives up on it."""

    grant: Duration = Field(default=timedelta(minutes=10), description="A role assignment to take effect.")
    visible: Duration = Field(default=timedelta(minutes=3), description="What was written to be seen everywhere.")
    sign_in: Duration = Field(default=timedelta(minutes=5), description="A new credential to be accepted.")
    operation: Duration = Field(default=timedelta(hours=1), description="A long-running operation of Azure.")
    throttle: Duration = Field(default=timedelta(minutes=10), description="A service that says when it takes a call.")
    import_: Duration = Field(default=timedelta(minutes=10), alias="import", description="A DAG to be imported.")
