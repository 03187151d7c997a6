"""An Airflow that you run: the Helm chart on Kubernetes, a virtual machine, a provider. Nothing of it is made here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from provisioner.spec import airflow_version, fields
from provisioner.spec.fields import Duration, Rule, SecretText, refusal
from provisioner.spec.parts import PREFIX, Part
from provisioner.spec.targets.contract import AirflowTarget, EnvironmentContext, Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.spec.document import Found

URL = Rule(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?(?:/[\w.~%-]+)*/?",
    "write the address of its web server, such as https://airflow.example.com or https://example.com/airflow",
)
KEY_PREFIX = Rule(r"|[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?", "use up to 40 letters, digits and hyphens")
NAME = Rule(r"[^:\x00-\x1f\x7f]{1,200}", "write one line without a colon")
VERSION = Rule(r"[0-9]+(\.[0-9]+){1,2}(?:rc[0-9]+)?", "write a version such as 15.2.1")


class User(Part):
    """A user of Airflow."""

    username: Annotated[str, NAME] = Field(description="Name of the user.")
    password: SecretText = Field(description="Password of the user.")


class Client(Part):
    """A client of Keycloak."""

    client_id: Annotated[str, NAME] = Field(description="Id of the client.")
    client_secret: SecretText = Field(description="Secret of the client.")


class Scope(Part):
    """A token of Entra."""

    scope: Annotated[str, Rule(r"\S+/\.default", "write a scope such as api://airflow/.default")] = Field(
        description="What the token is asked for."
    )


class Api(Part):
    """How this tool signs in to Airflow's REST API: one of these."""

    token: User | None = Field(default=None, description="A user, for whom Airflow 3 issues a token.")
    client_credentials: Client | None = Field(
        default=None, description="A client of Keycloak, for which Airflow 3 issues a token."
    )
    bearer: SecretText | None = Field(default=None, description="A token that stays the same, as of Astronomer.")
    bearer_secret: Annotated[str, fields.SECRET_NAME] | None = Field(
        default=None, description="A secret of the environment's vault with such a token, read when it is needed."
    )
    basic: User | None = Field(default=None, description="A user in each request, for Airflow 2.")
    entra: Scope | None = Field(default=None, description="A token of Entra, for who runs this tool.")

    @model_validator(mode="after")
    def require_one_way(self) -> Api:
        if len(self.model_fields_set) != 1:
            right = f"write one of {', '.join(f'`{name}`' for name in type(self).model_fields)}"
            raise refusal(right, "is not one way")
        return self


class Dags(Part):
    """How the DAG gets into Airflow."""

    delivery: Literal["container", "bundle"] = Field(
        default="container",
        description="Who brings the files from the container to Airflow: your platform, or Airflow 3 itself with its "
        "WasbDagBundle.",
    )


def _provider(fields: Mapping[str, Any]) -> str:
    """The provider's version for what stands before it in the section, as far as that is right."""
    version, dags = str(fields.get("version", "")), fields.get("dags")
    if isinstance(dags, Dags) and dags.delivery == "bundle":
        return airflow_version.BUNDLE_PROVIDER
    return airflow_version.newest_provider_version(version) or ""


class SelfManagedAirflow(AirflowTarget):
    """The Airflow that you run, as far as the environment has to know it."""

    federates: ClassVar[bool] = True
    service: ClassVar[str] = "an Airflow that you run"
    questions: ClassVar[tuple[Question, ...]] = (
        Question(path=("version",), text="Version of your Airflow", default="3.3.2", local="3.3.2"),
        Question(
            path=("url",),
            text="Address of its web server (empty: this tool does not call it)",
            local="https://{name}.airflow.example",
        ),
        Question(
            path=("api", "entra", "scope"),
            text="Scope of the Entra token with which this tool calls it, such as api://airflow/.default",
            local="api://airflow.example/.default",
            needs=("url",),
        ),
    )

    target: Literal["self-managed"] = Field(description="What hosts Airflow.")
    version: Annotated[str, airflow_version.SUPPORTED] = Field(description="Airflow's version.")
    dags: Dags = Field(default_factory=Dags, description="How the DAG gets into Airflow.")
    provider_version: Annotated[str, VERSION] = Field(
        default_factory=_provider,
        description="Version of apache-airflow-providers-microsoft-azure in its image; by default the newest for "
        "`version`, with `bundle` the first that has it.",
    )
    url: Annotated[str, fields.or_empty(URL)] = Field(
        default="", description="The address of its web server, with a path prefix if it has one."
    )
    api: Api | None = Field(default=None, description="How this tool signs in to its REST API.")
    key_prefix: Annotated[str, KEY_PREFIX] = Field(
        default="",
        description="What the ids of variables, connections and DAGs begin with; the environment's name by default.",
    )
    container: Annotated[str, fields.CONTAINER] = Field(
        default="airflow", description="The container that holds `dags/`."
    )
    rollout: Duration = Field(
        default=timedelta(hours=2), description="How long the platform takes to give workers a new secret."
    )
    variables_prefix: Annotated[str, PREFIX] = Field(
        default="airflow-variables", description="What the vault puts before a variable's key."
    )
    connections_prefix: Annotated[str, PREFIX] = Field(
        default="airflow-connections", description="What the vault puts before a connection's id."
    )

    def with_environment_defaults(self, context: EnvironmentContext) -> Self:
        """With the prefix of its keys."""
        return self.model_copy(update={"key_prefix": self.key_prefix or context.name})

    @property
    def own_prefix(self) -> str:
        return f"{self.key_prefix}-"

    def problems(self, *, local: bool) -> Iterator[Found]:
        """An address without a way in, a way in without an address, a way that this version does not have."""
        if bool(self.url) != (self.api is not None):
            lacking, there = ("api", "url") if self.url else ("url", "api")
            yield (there,), f"is of no use without a correct `{lacking}`", f"add `{lacking}`, or leave `{there}` out"
        if self.api is not None and self.url.startswith("http://") and not local:
            yield ("url",), "would carry the credential of `api` unencrypted", "write an https:// address"
        yield from self._wrong_ways()
        yield from self._wrong_delivery()

    def _wrong_ways(self) -> Iterator[Found]:
        api, since_3 = self.api, airflow_version.major_and_minor(self.version)[0] >= 3
        if api is not None and api.basic is not None and since_3:
            yield ("api", "basic"), "is no way into Airflow 3", "write `token` with the same user"
        for name in ("token", "client_credentials"):
            if api is not None and getattr(api, name) is not None and not since_3:
                yield ("api", name), "is no way into Airflow 2", "write `basic`, or `bearer`"

    def _wrong_delivery(self) -> Iterator[Found]:
        if self.dags.delivery != "bundle":
            return
        numbers, first = airflow_version.major_and_minor, airflow_version.BUNDLE_PROVIDER
        if numbers(self.version)[0] < 3:
            yield ("dags", "delivery"), "is nothing that Airflow 2 can do", "write `container`"
        if numbers(self.provider_version) < numbers(first):
            yield ("provider_version",), "has no WasbDagBundle", f"write {first} or newer, or leave it out"

    def version_differences(self, installed: Mapping[str, str]) -> Iterator[str]:
        """What an image has otherwise than the section says. installed: versions by package.

        A provider that only follows from the version of Airflow may be any that can do what the section asks for.
        """
        core, package = installed.get("apache-airflow", "").partition("+")[0], airflow_version.PACKAGE
        provider, first = installed.get(package, ""), airflow_version.BUNDLE_PROVIDER
        if not f"{core}.".startswith(f"{self.version}."):
            yield f"Airflow is {core}, not {self.version}"
        if not provider:
            yield f"Airflow has no {package}"
        elif "provider_version" in self.model_fields_set and provider != self.provider_version:
            yield f"{package} is {provider}, not {self.provider_version}"
        elif self.dags.delivery == "bundle" and airflow_version.major_and_minor(
            provider
        ) < airflow_version.major_and_minor(first):
            yield f"{package} is {provider}, which has no WasbDagBundle"

    @property
    def sign_in(self) -> tuple[str, dict[str, Any]]:
        """The way into the API, and what it takes: user, scope, the secret unless a vault has it. Only with `api`."""
        api = self.api
        if api is None:
            return "", {}
        if (user := api.token or api.basic) is not None:
            return ("token" if api.token else "basic"), {"user": user.username, "secret": user.password}
        if (client := api.client_credentials) is not None:
            return "client_credentials", {"user": client.client_id, "secret": client.client_secret}
        if api.entra is not None:
            return "entra", {"scope": api.entra.scope}
        return "bearer", {"secret": api.bearer} if api.bearer else {}


SPEC = SelfManagedAirflow
