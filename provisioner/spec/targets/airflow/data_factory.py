"""Airflow in Data Factory: the runtime, what is installed and set in it, where its DAGs lie."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from provisioner.spec import airflow_version, fields, resource_id
from provisioner.spec.fields import Duration, Line, NameOrId, Rule, SecretText, refusal
from provisioner.spec.parts import PREFIX
from provisioner.spec.resource_id import ResourceType
from provisioner.spec.settings import requirement_problems, setting_problems
from provisioner.spec.targets.contract import STAND_IN_GROUP, AirflowTarget, EnvironmentContext, Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.spec.document import Found

FACTORY = ResourceType("Microsoft.DataFactory", ("factories",))
RUNTIME = ResourceType("Microsoft.DataFactory", ("factories", "integrationruntimes"))
NAME = Rule(
    r"(?=.{3,63}$)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*",
    "use 3 to 63 letters, digits and single hyphens, beginning and ending with a letter or digit",
)
# Data Factory's own application in Entra. No page names the scope of its Airflow; clients of Fabric's Airflow, with
# hosts of the same names, ask for this one (FabricSecretBackend of apache-airflow-providers-microsoft-fabric).
DATA_FACTORY_SCOPE = "5d13f7d7-0567-429c-9880-320e9555e5fc/.default"
# learn.microsoft.com/azure/data-factory/concepts-workflow-orchestration-manager
IN_DATA_FACTORY = ("2.4.3", "2.6.3")
LOCAL_TOO = re.compile(r"2\.1[01]\.\d+|3\.\d+\.\d+")
# learn.microsoft.com/azure/data-factory/airflow-configurations
NOT_OVERRIDABLE = frozenset({
    *(f"AIRFLOW__CORE__{key}" for key in (
        "DAGS_FOLDER", "DONOT_PICKLE", "ENABLE_XCOM_PICKLING", "EXECUTOR", "FERNET_KEY",
        "DAGS_ARE_PAUSED_AT_CREATION", "PLUGINS_FOLDER",
    )),
    *(f"AIRFLOW__LOGGING__{key}" for key in (
        "BASE_LOG_FOLDER", "LOG_FILENAME_TEMPLATE", "DAG_PROCESSOR_MANAGER_LOG_LOCATION", "LOGGING_CONFIG_CLASS",
        "COLORED_LOG_FORMAT", "LOGGING_LEVEL",
    )),
    *(f"AIRFLOW__METRICS__STATSD_{key}" for key in ("ON", "HOST", "PORT", "PREFIX")),
    *(f"AIRFLOW__SCHEDULER__{key}" for key in ("CHILD_PROCESS_LOG_DIRECTORY", "DAG_DIR_LIST_INTERVAL")),
    *(f"AIRFLOW__WEBSERVER__{key}" for key in (
        "BASE_URL", "COOKIE_SAMESITE", "COOKIE_SECURE", "EXPOSE_CONFIG", "AUTHENTICATE", "AUTH_BACKEND",
        "RELOAD_ON_PLUGIN_CHANGE", "SECRET_KEY",
    )),
    "AIRFLOW__API__AUTH_BACKEND",
    "AIRFLOW__API__ENABLE_EXPERIMENTAL_API",
    "AIRFLOW__CELERY__FLOWER_URL_PREFIX",
})  # fmt: skip


def _provider(data: dict[str, Any]) -> str:
    return airflow_version.newest_provider_version(str(data.get("version", ""))) or ""


class DataFactoryAirflow(AirflowTarget):
    """Airflow in Data Factory: the runtime, what is installed and set in it, where its DAGs lie."""

    default: ClassVar[bool] = True
    unseen_readers: ClassVar[str] = ""
    reserved: ClassVar[tuple[str, ...]] = ("data-factory",)  # the factory's identity, which gets a role of its own
    short: ClassVar[str] = "runtime"
    service: ClassVar[str] = "Airflow in Data Factory"
    closed: ClassVar[str] = (
        "Data Factory has made no new Airflow runtimes since 1 January 2026 "
        "(https://learn.microsoft.com/azure/data-factory/concepts-workflow-orchestration-manager)"
    )
    # That a GET shows them as the documented answer to a PUT does was not tried.
    shown: ClassVar[str] = (
        "Data Factory's documentation has an answer with a runtime's environment variables as they were sent "
        "(https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime), and "
        "AZURE_CLIENT_SECRET is one: grant reading the factory as you would grant reading the vault"
    )
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            path=("factory",), text="Full id of the data factory", resource_type="Microsoft.DataFactory/factories"
        ),
        Question(path=("runtime",), text="Name of its Airflow runtime, which exists"),
    )
    stand_in: ClassVar[Any] = RUNTIME.build(STAND_IN_GROUP, "stand-in", "stand-in")
    target: Literal["data-factory"] = Field(default="data-factory", description="What hosts Airflow.")
    factory: Annotated[str, NameOrId(FACTORY, fields.or_empty(NAME))] = Field(
        default="", description="The data factory's name or full id; not needed with a full id in `runtime`."
    )
    runtime: Annotated[str, NameOrId(RUNTIME, NAME)] = Field(
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
    allow_urls: bool = Field(default=False, description="Whether `requirements` may name URLs and options of pip.")
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
    def require_factory(self) -> DataFactoryAirflow:
        if not self.factory and not self.runtime.startswith("/"):
            raise refusal(
                f"add `factory: …`, or write the runtime's full id, {RUNTIME.example()}",
                "the data factory is missing",
            )
        return self

    def with_environment_defaults(self, context: EnvironmentContext) -> Self:
        """With full ids, and the linked service's name."""
        factory = resource_id.parent(self.runtime) if self.runtime.startswith("/") else self.factory
        factory = FACTORY.resolve(context.group_id, factory)
        update = {
            "factory": factory,
            "runtime": f"{factory}/integrationruntimes/{resource_id.last_name(self.runtime)}",
            "linked_service": self.linked_service or f"provisioner-{context.name}",
        }
        return self.model_copy(update=update)

    def problems(self, *, local: bool) -> Iterator[Found]:
        """A version that is not offered, settings that nobody can set, a requirement that the tool has."""
        if self.version not in IN_DATA_FACTORY and not (local and LOCAL_TOO.fullmatch(self.version)):
            also = ", or 2.10.x, 2.11.x or 3.x.y, which `cloud: local` has, too" if local else ""
            right = f"write one of {', '.join(IN_DATA_FACTORY)}{also}"
            yield ("version",), "is no version that Data Factory runs", right
        yield from setting_problems(self.overrides, self.environment, fixed=NOT_OVERRIDABLE, host="Data Factory")
        yield from requirement_problems(self.requirements, allow_urls=self.allow_urls)


SPEC = DataFactoryAirflow
