"""Sign-in with a client secret by one POST each time, without MSAL, which would first discover what `profile` knows.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessTokenInfo
from azure.core.pipeline import Pipeline
from azure.core.rest import HttpRequest, HttpResponse

from provisioner.cloud.errors import refusal, translated
from provisioner.cloud.transport.retries import Retry
from provisioner.errors import CloudError, NotYetVisible

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.transport.http_transport import Transport
    from provisioner.secret import Secret

ERROR = 400
# A replica that has not forgotten an expired secret yet says this of it:
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
EXPIRED = "AADSTS7000222"


class ClientSecretSignIn:
    """A credential for Tokens: a principal of a tenant and its secret. connect: a new transport for each request.

    Entra's replicas learn of a new secret one after another, and a connection stays with one of them.
    """

    def __init__(self, authority: str, client_id: str, secret: Secret, *, connect: Callable[[], Transport]) -> None:
        self._url = f"{authority}/oauth2/v2.0/token"
        self._client_id, self._secret, self._connect = client_id, secret, connect

    def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        """The token of an audience. Raises CloudError for any refusal; see `is_unknown_secret`."""
        operation = f"sign-in of {self._client_id}"
        form = {"grant_type": "client_credentials", "scope": " ".join(scopes), "client_id": self._client_id}
        request = HttpRequest("POST", self._url, data={**form, "client_secret": self._secret.reveal()})
        transport = self._connect()
        try:
            with translated(operation):
                pipeline = Pipeline[HttpRequest, HttpResponse](transport, [Retry()])
                # a second sign-in does no harm
                response = pipeline.run(request, retry_on_methods=["POST"]).http_response
        finally:
            transport.close_connections()
        if response.status_code >= ERROR:
            raise refusal(response, operation)
        answer = response.json()
        return AccessTokenInfo(answer["access_token"], int(time.time()) + int(answer["expires_in"]))


def is_unknown_secret(error: CloudError) -> bool:
    """Whether a sign-in was refused since Entra does not know the secret: not yet, or not any more."""
    return isinstance(error, NotYetVisible) or error.code == EXPIRED
