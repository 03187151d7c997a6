"""How the REST API of an Airflow is asked, whatever hosts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from provisioner.secret import Secret

Way = Literal["entra", "token", "client_credentials", "bearer", "basic"]


@dataclass(frozen=True, kw_only=True)
class AirflowSignIn:
    """How a caller signs in to it.

    way: a token of Entra for `scope`; a token of Airflow's own `/auth/token` for a user, or for a client of Keycloak; a
    token that stays the same; a user in each request. user: name or client id. secret: password, client secret, token.
    stored: vault and name of the secret that has the token instead.
    """

    way: Way
    user: str = ""
    secret: Secret | None = field(default=None, repr=False, compare=False)
    scope: str = ""
    stored: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class AirflowApi:
    """The API. version: Airflow's; right: what a caller needs there, in words; setting: the field to correct."""

    version: str
    right: str
    setting: str
    sign_in: AirflowSignIn
