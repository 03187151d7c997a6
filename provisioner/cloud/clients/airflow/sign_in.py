"""Signing in to an Airflow's REST API: with a token of Entra, or in one of Airflow's own ways.

https://airflow.apache.org/docs/apache-airflow/stable/security/api.html and, for Airflow 2,
https://airflow.apache.org/docs/apache-airflow-providers-fab/stable/auth-manager/api-authentication.html
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from provisioner.errors import NotAuthorized, Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session
    from provisioner.model import AirflowSignIn
    from provisioner.secret import Secret

UNAUTHENTICATED = 401
FETCHED = ("token", "client_credentials")  # ways whose token Airflow issues, for a day by default


class SignedIn:
    """Sends requests to one Airflow. A token that Airflow no longer takes is fetched or read anew, once."""

    def __init__(
        self, session: Session, url: str, sign_in: AirflowSignIn, read_token: Callable[[], Secret] | None = None
    ) -> None:
        self._session, self._url, self._sign_in, self._token = session, url, sign_in, ""
        self._read_token = read_token

    def request(self, method: str, url: str, *, headers: dict[str, str], **options: Any) -> HttpResponse:
        """Send one request and return its answer. Raises CloudError for an error status."""
        if self._sign_in.way == "entra":
            return self._session.http(self._sign_in.scope).request(method, url, headers=headers, **options)
        had_token = bool(self._token)
        try:
            return self._send(method, url, headers, options)
        except NotAuthorized as error:
            if not had_token or error.status != UNAUTHENTICATED:
                raise
        self._token = ""
        return self._send(method, url, headers, options)

    def _send(self, method: str, url: str, headers: dict[str, str], options: dict[str, Any]) -> HttpResponse:
        signed = {**headers, "Authorization": self._authorization()}
        return self._session.http_without_token().request(method, url, headers=signed, **options)

    def _authorization(self) -> str:
        """The value of the header. Raises CloudError if Airflow issues no token, or the vault has none."""
        secret = self._sign_in.secret.reveal() if self._sign_in.secret else ""
        if self._sign_in.way == "basic":
            return "Basic " + base64.b64encode(f"{self._sign_in.user}:{secret}".encode()).decode()
        if self._sign_in.way == "bearer" and self._read_token is None:
            return f"Bearer {secret}"
        if not self._token:
            self._token = self._read_token().reveal() if self._read_token else self._new_token(secret)
        return f"Bearer {self._token}"

    def _new_token(self, secret: str) -> str:
        names = ("username", "password") if self._sign_in.way == "token" else ("client_id", "client_secret")
        body: dict[str, str] = dict(zip(names, (self._sign_in.user, secret), strict=True))
        if self._sign_in.way == "client_credentials":
            body["grant_type"] = self._sign_in.way
        operation = "POST Airflow auth/token"
        answer = self._session.http_without_token().request(
            "POST", f"{self._url}/auth/token", operation=operation, json=body, headers={"Accept": "application/json"}
        )
        try:
            return str(answer.json()["access_token"])
        except (json.JSONDecodeError, KeyError, TypeError):
            status = answer.status_code
            raise Unexpected(operation=operation, status=status, message="the answer holds no token") from None
