"""The service principals of an environment: the two that every one has, and further ones by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import ConfigDict, Field

from provisioner.spec import fields
from provisioner.spec.credential import Credential, Federation
from provisioner.spec.parts import Part, Rotation, require_sustainable

if TYPE_CHECKING:
    from collections.abc import Mapping


class Application(Part):
    """An application that somebody made by hand."""

    client_id: fields.Guid = Field(description="Its application (client) id.")


class Principal(Part):
    """A service principal: its role, its credential, and where else the credential goes."""

    credential: Credential = Field(default_factory=Credential, description="How it signs in; with a secret by default.")
    role: fields.Line = Field(description="Name or GUID of its role.")
    lifetime: fields.Duration = Field(
        default=Rotation().lifetime, description="Lifetime of its secret; `rotation.lifetime` by default."
    )
    application: Application | None = Field(
        default=None, description="An application to adopt; one is made by default."
    )
    display_name: Annotated[str, fields.DISPLAY_NAME] | None = Field(
        default=None, description="Display name of the application that is made."
    )
    rotation: Rotation = Field(default_factory=Rotation, description="Its own rotation; `rotation` by default.")
    secrets: list[Annotated[str, fields.SECRET_NAME]] = Field(
        default_factory=list[str], description="More vault secrets that hold its secret."
    )

    @property
    def federation(self) -> Federation | None:
        """Whose tokens it signs in with; None if it has a secret."""
        return self.credential.federated

    @property
    def managed_identity(self) -> str:
        """The id of the managed identity that it is; empty if it is an application."""
        return self.credential.managed_identity

    @property
    def secretless(self) -> bool:
        """Whether it signs in without a client secret."""
        return self.federation is not None or bool(self.managed_identity)

    @property
    def assigned(self) -> bool:
        """Whether it is a managed identity that the machines of the workers have assigned."""
        return bool(self.managed_identity) and self.federation is None


class AirflowPrincipal(Principal):
    """Who Airflow is when it reads the vault."""

    role: fields.Line = Field(default="Key Vault Secrets Officer", description="Name or GUID of its role on the vault.")


class FlinkApiPrincipal(Principal):
    """Who the DAG is when it calls the Flink cluster's API."""

    role: fields.Line = Field(default="Contributor", description="Name or GUID of its role on the Flink cluster.")
    credential: Credential = Field(
        default_factory=Credential, description="How it signs in; as the principal `airflow` does by default."
    )


class FurtherPrincipal(Principal):
    """One more, with access of its own and a credential that lives for itself."""

    role: fields.Line = Field(description="Name or GUID of its role on `scope`.")
    scope: Annotated[str, fields.SHORT_SCOPE] | None = Field(
        default=None,
        description="What its role is on: `vault`, `storage_account`, `resource_group`, `subscription`, the name of "
        "one, or a full id; the Flink cluster by default.",
    )
    variables_prefix: Annotated[str, fields.VARIABLES_PREFIX] | None = Field(
        default=None,
        description="What its Airflow variables `…-client-id` and `…-secret` begin with, its own name by default; "
        '`""` for no variables.',
    )


class Principals(Part):
    """The service principals, by name."""

    model_config = ConfigDict(extra="allow")
    others = FurtherPrincipal
    __pydantic_extra__: dict[str, FurtherPrincipal] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]  # pydantic takes the type of further fields from here

    airflow: AirflowPrincipal = Field(default_factory=AirflowPrincipal, description="Reads the vault for Airflow.")
    flink_api: FlinkApiPrincipal = Field(
        default_factory=FlinkApiPrincipal, alias="flink-api", description="Submits jobs to the Flink cluster."
    )

    @property
    def further(self) -> dict[str, FurtherPrincipal]:
        """Those beyond the two that every environment has."""
        return self.__pydantic_extra__

    @property
    def named(self) -> dict[str, Principal]:
        """All of them."""
        return {"airflow": self.airflow, "flink-api": self.flink_api, **self.further}

    def with_common_rotation(self, common: Rotation) -> Principals:
        """The same, each with the common rotation where it has none of its own, and both signing in in one way."""
        rest = {name: _rotating(one, common) for name, one in self.further.items()}
        api = _rotating(self.flink_api, common)
        if "credential" not in api.model_fields_set:
            api = api.model_copy(update={"credential": self.airflow.credential})
        return self.model_copy(update={"airflow": _rotating(self.airflow, common), "flink_api": api, **rest})

    def with_full_scopes(self, shorts: Mapping[str, str]) -> Principals:
        """The same, each short scope as the full id that it stands for; one that is unknown stays as it is."""
        scopes = {name: one.scope for name, one in self.further.items() if one.scope}
        full = {name: shorts[scope.lower()] for name, scope in scopes.items() if scope.lower() in shorts}
        return self.model_copy(
            update={name: self.further[name].model_copy(update={"scope": scope}) for name, scope in full.items()}
        )


P = TypeVar("P", bound=Principal)


def _rotating(principal: P, common: Rotation) -> P:
    rotation = principal.rotation if "rotation" in principal.model_fields_set else common
    if "lifetime" in principal.model_fields_set:
        rotation = require_sustainable(rotation.model_copy(update={"lifetime": principal.lifetime}))
    return principal.model_copy(update={"rotation": rotation, "lifetime": rotation.lifetime})
