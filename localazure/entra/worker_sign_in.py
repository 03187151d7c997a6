"""Tries the credential that workers of an Airflow have, for tests that no worker has one that has expired or is gone.

Reports key ids, never a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from localazure.app.tenant import TENANT_ID
from localazure.app.wire import Request
from localazure.entra import directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Reply
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_LOGIN = "login.microsoftonline.com"
_AUDIENCE = "https://vault.azure.net/.default"


def try_sign_in(tenant: Tenant, send: Callable[[Request], Reply | None], client_id: str, secret: str) -> dict[str, Any]:
    """Return whether the client gets a token for the secret now, and the Entra key id of the secret."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": _AUDIENCE}
    reply = send(_token_request(form))
    signs_in = reply is not None and reply.status == 200
    key_id = _find_key_id(tenant, client_id, secret)
    return {"client_id": client_id, "key_id": key_id, "signs_in": signs_in, "now": tenant.clock.now().isoformat()}


def _token_request(form: dict[str, str]) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    path = f"/{TENANT_ID}/oauth2/v2.0/token"
    return Request(method="POST", host=_LOGIN, path=path, query={}, headers=headers, body=urlencode(form).encode())


def _find_key_id(tenant: Tenant, client_id: str, secret: str) -> str | None:
    application = directory.find_application_by_app_id(tenant, client_id)
    digest = directory.secret_hash(secret)
    passwords: list[Document] = application["passwordCredentials"] if application else []
    return next((password["keyId"] for password in passwords if password["_sha256"] == digest), None)
