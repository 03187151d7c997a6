"""How a principal signs in: with a client secret, with tokens of its platform, or as an identity of its machines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from provisioner.spec import fields, resource_id
from provisioner.spec.fields import Rule, refusal
from provisioner.spec.parts import Part, ShortPart

# learn.microsoft.com/graph/api/resources/federatedidentitycredential; Entra compares both byte for byte.
ISSUER = Rule(r"https://[^\s?#]{1,592}", "write it as in the tokens, with a slash at its end only if they have one")
SUBJECT = Rule(r"[^\s*]{1,600}", "write it as in the tokens, such as system:serviceaccount:airflow:airflow")
# kubernetes.io/docs/concepts/overview/working-with-objects/names
KUBERNETES = Rule(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", "use lower-case letters, digits, hyphens and periods")
FORMS = "write `issuer` and `subjects`, or `aks`, `namespace` and `service_account`"


class Federation(Part):
    """Tokens of another issuer with which a principal signs in, so that it needs no secret."""

    issuer: Annotated[str, fields.or_empty(ISSUER)] = Field(
        default="", description="The issuer of its tokens, as in their `iss`."
    )
    subjects: list[Annotated[str, SUBJECT]] = Field(
        default_factory=list[str], max_length=20, description="Whose tokens they may be, as in their `sub`."
    )
    aks: Annotated[str, fields.FullId(resource_id.MANAGED_CLUSTER)] = Field(
        default="", description="Instead: full id of the AKS cluster that issues them; its issuer is read from it."
    )
    namespace: Annotated[str, fields.or_empty(KUBERNETES)] = Field(
        default="", description="With `aks`: the namespace of the service account."
    )
    service_account: Annotated[str, fields.or_empty(KUBERNETES)] = Field(
        default="", description="With `aks`: the service account whose tokens they are."
    )

    @model_validator(mode="after")
    def require_one_form(self) -> Federation:
        forms = ((self.issuer, self.subjects), (self.aks, self.namespace, self.service_account))
        if sorted((all(form), any(form)) for form in forms) != [(False, False), (True, True)]:
            raise refusal(FORMS, "does not say whose tokens")
        return self

    @property
    def every_subject(self) -> tuple[str, ...]:
        """Whose tokens they may be, in either form; at least one."""
        return tuple(self.subjects) or (f"system:serviceaccount:{self.namespace}:{self.service_account}",)


class Credential(ShortPart):
    """How a principal signs in: with a secret, with tokens of another issuer, or as a managed identity."""

    short = "type"
    type: Literal["secret"] = Field(default="secret", description="A client secret, which is rotated.")
    federated: Federation | None = Field(default=None, description="Tokens of another issuer; no secret then.")
    managed_identity: Annotated[str, fields.FullId(resource_id.USER_ASSIGNED_IDENTITY)] = Field(
        default="",
        description="Full id of the managed identity that it is, not an application: the tokens sign it in, or without "
        "`federated` the machines of the workers have it assigned.",
    )

    @model_validator(mode="after")
    def require_one_way(self) -> Credential:
        if (self.federated is not None or self.managed_identity) and "type" in self.model_fields_set:
            raise refusal("write `secret`, `{federated: …}` or `{managed_identity: …}`", "is not one way to sign in")
        return self
