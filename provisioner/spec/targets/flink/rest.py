"""A Flink session cluster that somebody runs, on Kubernetes or elsewhere: the address of its REST API, and the way in.

https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from provisioner.spec import fields
from provisioner.spec.fields import FilePath, Guid, Rule, SecretText, refusal
from provisioner.spec.parts import Part
from provisioner.spec.targets.contract import FlinkTarget, Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.spec.document import Found

URL = Rule(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?(?:/[\w.~%-]+)*/?",
    "write the address of its REST API, such as https://flink.example.com/session-a",
)
HEADER = Rule(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", "use letters, digits and hyphens")
LARGEST_BUNDLE = 16 * 1024  # it shares the 25 KB of one vault secret with the rest of a connection
PRIVATE = (".internal", ".local", ".localdomain", ".svc", ".cluster.local", ".private", ".test")
# A session cluster reads these when it starts and never of a job:
# https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/config/
CLUSTER_OPTIONS = (
    "akka.", "blob.", "cluster.", "env.", "fs.", "high-availability", "historyserver.", "jobmanager.", "jobstore.",
    "kubernetes.", "metrics.", "pekko.", "plugin.", "process.", "queryable-state.", "resourcemanager.", "rest.",
    "security.", "slotmanager.", "taskmanager.", "web.", "yarn.", "zookeeper.",
)  # fmt: skip
DASHES = "-----"


class Basic(Part):
    """A user of the web server before Flink."""

    username: Annotated[str, Rule(r"[^:\x00-\x1f\x7f]{1,200}", "write a name without a colon")] = Field(
        description="Name of the user."
    )
    password: SecretText = Field(description="Password of the user.")


class Entra(Part):
    """A token that the principal `flink-api` gets."""

    scope: Annotated[str, Rule(r"\S+/\.default", "write a scope such as api://flink/.default")] = Field(
        description="What the token is asked for."
    )


class Auth(Part):
    """How Flink's front knows the DAG: one of these."""

    basic: Basic | None = Field(default=None, description="A user's name and password.")
    bearer: SecretText | None = Field(default=None, description="A token that stays the same.")
    entra: Entra | None = Field(default=None, description="A token of Entra, for the principal `flink-api`.")
    certificate: SecretText | None = Field(
        default=None, description="The text (PEM) of a client certificate and its key."
    )

    @model_validator(mode="after")
    def require_one_way(self) -> Auth:
        if sum(value is not None for value in (self.basic, self.bearer, self.entra, self.certificate)) != 1:
            raise refusal("write one of `basic`, `bearer`, `entra` and `certificate`", "is not one way to sign in")
        return self

    @field_validator("certificate")
    @classmethod
    def _pem(cls, value: fields.Secret | None) -> fields.Secret | None:
        text = value.reveal() if value else ""
        if value and not (f"{DASHES}BEGIN CERTIFICATE{DASHES}" in text and f"PRIVATE KEY{DASHES}" in text):
            raise refusal("give both as PEM, one after the other", "does not hold a certificate and its key")
        return value


class RestFlink(FlinkTarget):
    """The session cluster, which is given."""

    service: ClassVar[str] = "a session cluster"
    connections: ClassVar[tuple[str, ...]] = ("flink-api",)
    cluster_options: ClassVar[tuple[str, ...]] = CLUSTER_OPTIONS
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            path=("url",),
            text="Address of the REST API of your Flink session cluster",
            local="https://sessions.flink.example/session-a",
        ),
        Question(
            path=("auth", "entra", "scope"),
            text="Scope of the Entra token that it asks for, such as api://flink/.default (empty: none)",
            local="api://sessions.flink.example/.default",
        ),
    )
    upgrades: ClassVar[tuple[str, ...]] = ("savepoint", "last-state", "stateless")

    target: Literal["rest"] = Field(description="What runs Flink.")
    url: Annotated[str, URL] = Field(description="The address of its REST API, with a path prefix if it has one.")
    auth: Auth | None = Field(default=None, description="How the DAG signs in; not at all by default.")
    ca_bundle: FilePath | None = Field(
        default=None, description="File (PEM) with the CA of its certificate; the public ones by default."
    )
    headers: dict[str, SecretText] = Field(
        default_factory=dict[str, fields.Secret], description="More headers for each request."
    )
    identity: Guid | None = Field(
        default=None, description="Object id of the identity with which the cluster itself uses the data lake."
    )

    @property
    def uses_api_principal(self) -> bool:
        return self.auth is not None and self.auth.entra is not None

    @property
    def base_url(self) -> str:
        """The URL without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def is_private(self) -> bool:
        """Whether the address is one that the internet does not reach."""
        host = str(urlsplit(self.url).hostname)
        try:
            return ipaddress.ip_address(host).is_private
        except ValueError:
            return "." not in host or host.endswith(PRIVATE)

    @property
    def ca_text(self) -> str:
        """The text of `ca_bundle`; empty without one. Raises OSError and UnicodeDecodeError."""
        return self.ca_bundle.read_text(encoding="ascii") if self.ca_bundle else ""

    def dag_values(self) -> dict[str, Any]:
        """The connection that holds the way in, and what a token is asked for."""
        entra = self.auth.entra if self.auth else None
        return {"rest": {"connection": self.connections[0], "scope": entra.scope if entra else ""}}

    def problems(self, *, local: bool) -> Iterator[Found]:
        """A credential over plain HTTP, headers that are none, a CA bundle that cannot be used."""
        if self.auth is not None and self.url.startswith("http://"):
            yield ("url",), "would carry the credential of `auth` unencrypted", "write an https:// address"
        for name in self.headers:
            try:
                HEADER.require_match(name)
            except ValueError:
                yield ("headers", name), "is no name of a header", HEADER.right
        problem = self._bundle_problem()
        if problem is not None:
            yield (("ca_bundle",), *problem)
        yield from super().problems(local=local)

    def _bundle_problem(self) -> tuple[str, str] | None:
        try:
            text = self.ca_text
        except (OSError, UnicodeDecodeError):
            return "cannot be read", "give a PEM file that you can read"
        if len(text) > LARGEST_BUNDLE:
            return "is larger than 16 KB", "keep only the CA that issued the certificate"
        if self.ca_bundle and "-----BEGIN CERTIFICATE-----" not in text:
            return "holds no certificate", "give a PEM file"
        return None


SPEC = RestFlink
