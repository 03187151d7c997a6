"""The sections of an environment, as the YAML file has them. Each refuses what Azure would refuse."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from provisioner.spec import fields, resource_id
from provisioner.spec.fields import Duration, NameOrId, Rule, SecretText, refusal

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import core_schema

    from provisioner.secret import Secret


class Part(BaseModel):
    """A section: unknown fields are mistakes, values never show in an error.

    others: what a field of any other name holds, where one may be added by name.
    """

    others: ClassVar[type[Part] | None] = None

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_by_name=True)


class ShortPart(Part):
    """A section that may be written as one text, which then stands for its field `short`, if it has one."""

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def expand(cls, value: object) -> object:
        return {cls.short: value} if cls.short and isinstance(value, (str, Path)) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        long = handler.resolve_ref_schema(handler(schema))
        if not cls.short:
            return long
        return {"anyOf": [{"type": "string", "description": f"short for {cls.short}"}, long]}


# "Small address ranges that use /31 or /32 prefix sizes are not supported" for accounts: a single address stands alone.
# https://learn.microsoft.com/azure/storage/common/storage-network-security#restrictions-for-ip-network-rules
IP = Rule(
    r"(?:\d{1,3}\.){3}\d{1,3}(?:/(?:[12]?\d|30))?", "write a public IPv4 address, or a range such as 203.0.113.0/24"
)


class NetworkRules(Part):
    """Who may reach a resource over its public endpoint."""

    default: Literal["allow", "deny"] = Field(default="deny", description="What happens to who is in no rule.")
    ips: list[Annotated[str, IP]] = Field(
        default_factory=list[str], description="Public IPv4 addresses and ranges that are admitted."
    )
    subnets: list[Annotated[str, fields.SCOPE]] = Field(
        default_factory=list[str], description="Full ids of subnets that are admitted."
    )
    trusted_services: bool = Field(default=True, description="Whether Azure's trusted services are admitted.")


class Reachable(ShortPart):
    """A resource with network rules."""

    public_network_access: Literal["enabled", "disabled"] | None = Field(
        default=None, description="Whether it has a public endpoint; left as it is by default."
    )
    network_rules: NetworkRules | None = Field(
        default=None, description="Who may reach its public endpoint; left as it is by default."
    )


class Vault(Reachable):
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


class StorageAccount(Reachable):
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
    minimum_tls: Literal["1.2", "1.3"] = Field(default="1.2", description="The oldest TLS of an account that is made.")


PREFIX = Rule(r"[0-9A-Za-z_-]{0,100}", "use letters, digits and hyphens, up to 100 of them")


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
        return require_sustainable(self)


def require_sustainable(rotation: Rotation) -> Rotation:
    """The rotation as it is. Raises an error if a credential could end before the next one is in place everywhere."""
    if rotation.every + rotation.overlap + rotation.runs_every >= rotation.lifetime:
        raise refusal(
            "make `lifetime` longer than `every` + `overlap` + `runs_every`",
            "a credential would expire before the rotation after it is over",
        )
    if rotation.overlap < rotation.runs_every:
        raise refusal(
            "make `overlap` at least `runs_every`", "an old credential would end before the next run could act"
        )
    return rotation


def _webhook(url: Secret) -> Secret:
    if not re.fullmatch(r"(https://|http://127\.0\.0\.1[:/])[\x21-\x7e]+", url.reveal()):
        raise refusal("write an address that begins with https://, best as ${VARIABLE}", "is no address of a webhook")
    return url


class Notify(Part):
    """Who is told of what a scheduled run finds."""

    url: Annotated[SecretText, AfterValidator(_webhook)] = Field(
        description="The webhook's address, which is a secret: write it as `${VARIABLE}`."
    )
    format: Literal["json", "slack", "teams"] = Field(
        default="json", description="What it takes: an Adaptive Card of Teams Workflows, a message of Slack, or JSON."
    )
    expiring: Duration = Field(
        default=timedelta(days=14), description="Credentials that expire within this time are told of."
    )


class Waits(Part):
    """How long something may take before a run gives up on it."""

    grant: Duration = Field(default=timedelta(minutes=10), description="A role assignment to take effect.")
    visible: Duration = Field(default=timedelta(minutes=3), description="What was written to be seen everywhere.")
    sign_in: Duration = Field(default=timedelta(minutes=5), description="A new credential to be accepted.")
    operation: Duration = Field(default=timedelta(hours=1), description="A long-running operation of Azure.")
    throttle: Duration = Field(default=timedelta(minutes=10), description="A service that says when it takes a call.")
    import_: Duration = Field(default=timedelta(minutes=10), alias="import", description="A DAG to be imported.")
    lease: Duration = Field(
        default=timedelta(minutes=2),
        description="Another run of this environment to end. "
        "One that died on another machine is waited out only with a minute or more.",
    )
