"""Reports whether Airflow's workers can sign in with the active variables of their runtime.

For tests that check that no worker has an expired or deleted credential; reports key ids, never a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from localazure.app.resource_manager import resources
from localazure.app.tenant import TENANT_ID
from localazure.app.wire import Request
from localazure.datafactory import airflow_runtimes
from localazure.entra import directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Reply
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

LOGIN = "login.microsoftonline.com"
AUDIENCE = "https://vault.azure.net/.default"


def list_sign_ins(tenant: Tenant, send: Callable[[Request], Reply | None]) -> list[dict[str, Any]]:
    """Return for each Airflow runtime whether its workers get a token now, and the Entra key id of their secret.

    The variables are those that EnvironmentCredential reads:
    https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential
    """
    runtimes = resources.list_of_type(tenant, airflow_runtimes.TYPE)
    return [_sign_in(tenant, send, runtime) for runtime in runtimes if runtime["properties"]["type"] == "Airflow"]


def _sign_in(tenant: Tenant, send: Callable[[Request], Reply | None], runtime: Document) -> dict[str, Any]:
    variables = airflow_runtimes.active_airflow_properties(tenant, runtime)["airflowEnvironmentVariables"]
    client_id, secret = variables.get("AZURE_CLIENT_ID", ""), variables.get("AZURE_CLIENT_SECRET", "")
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": AUDIENCE}
    reply = send(_token_request(form))
    report = {"runtime": runtime["name"], "client_id": client_id, "key_id": _find_key_id(tenant, client_id, secret)}
    return {**report, "signs_in": reply is not None and reply.status == 200, "now": tenant.clock.now().isoformat()}


def _token_request(form: dict[str, str]) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    path = f"/{TENANT_ID}/oauth2/v2.0/token"
    return Request(method="POST", host=LOGIN, path=path, query={}, headers=headers, body=urlencode(form).encode())


def _find_key_id(tenant: Tenant, client_id: str, secret: str) -> str | None:
    application = directory.find_application_by_app_id(tenant, client_id)
    digest = directory.secret_hash(secret)
    passwords: list[Document] = application["passwordCredentials"] if application else []
    return next((password["keyId"] for password in passwords if password["_sha256"] == digest), None)
