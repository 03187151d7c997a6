"""Airflow's workers as they sign in: with the values in use in their runtime, by the login service's own rules.

For tests that ask whether anybody holds a dead credential; shows key ids, never a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from provisioner.local import airflow_runtimes, directory, resources
from provisioner.local.tenant import TENANT_ID
from provisioner.local.wire import Request

if TYPE_CHECKING:
    from provisioner.local.dispatch import Dispatcher
    from provisioner.local.store import Document
    from provisioner.local.world import World

LOGIN = "login.microsoftonline.com"
AUDIENCE = "https://vault.azure.net/.default"


def runtimes(world: World) -> list[Document]:
    """Every Airflow runtime there is."""
    every = resources.of_type(world, airflow_runtimes.TYPE)
    return [runtime for runtime in every if runtime["properties"]["type"] == "Airflow"]


def sign_in(dispatcher: Dispatcher, runtime: Document) -> dict[str, Any]:
    """Whether the workers get a token now, and the Entra key id of what they sign in with, if it still has one.

    The variables are those that EnvironmentCredential reads:
    https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential
    """
    world = dispatcher.world
    variables = airflow_runtimes.in_use(world, runtime)["airflowEnvironmentVariables"]
    client_id, secret = variables.get("AZURE_CLIENT_ID", ""), variables.get("AZURE_CLIENT_SECRET", "")
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": AUDIENCE}
    target = dispatcher.target(_request(form), world.clock.new_id())
    status = dispatcher.answer(target).status if target else 0
    told = {"runtime": runtime["name"], "client_id": client_id, "key_id": _key_id(world, client_id, secret)}
    return {**told, "signs_in": status == 200, "now": world.clock.now().isoformat()}


def _request(form: dict[str, str]) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    path = f"/{TENANT_ID}/oauth2/v2.0/token"
    return Request(method="POST", host=LOGIN, path=path, query={}, headers=headers, body=urlencode(form).encode())


def _key_id(world: World, client_id: str, secret: str) -> str | None:
    application = directory.application_of(world, client_id)
    digest = directory.digest(secret)
    passwords: list[Document] = application["passwordCredentials"] if application else []
    return next((one["keyId"] for one in passwords if one["_sha256"] == digest), None)
