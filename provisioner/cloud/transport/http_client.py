"""A raw HTTP client for one audience on azure-core's pipeline: for what no SDK does, and for quick reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest, HttpResponse

from provisioner.cloud.errors import refusal, translated
from provisioner.cloud.transport.retries import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.transport.http_transport import Transport
    from provisioner.cloud.transport.tokens import Tokens

ERROR = 400
GONE = 404


class HttpClient:
    """Sends requests with a token of the audience, or without any if it is empty. Errors are raised as CloudErrors."""

    def __init__(self, credential: Tokens, scope: str, *, transport: Transport, user_agent: str) -> None:
        policies: list[Any] = [RequestIdPolicy(), UserAgentPolicy(user_agent=user_agent), Retry()]
        if scope:
            policies.append(BearerTokenCredentialPolicy(credential, scope))
        self._pipeline: Pipeline[HttpRequest, HttpResponse] = Pipeline[HttpRequest, HttpResponse](transport, policies)

    def request(  # noqa: PLR0913  # the parts of an HTTP request
        self,
        method: str,
        url: str,
        *,
        operation: str,
        json: Any = None,
        content: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
        stream: bool = False,
        retry_lost: bool = True,
        retry: bool = True,
    ) -> HttpResponse:
        """Send one request and return its answer. Raises CloudError for an error status.

        operation: the request as people read it, such as `GET vaults/kv-dev`. missing_ok: return a 404 too. retry_lost:
        send it again if no answer came. retry: send it again if that can help.
        """
        request = HttpRequest(
            method, url, json=json, content=content, params=dict(params or {}), headers=dict(headers or {})
        )
        with translated(operation):
            result = self._pipeline.run(request, stream=stream, retry_lost=retry_lost, retry_enabled=retry)
            response = result.http_response
        if response.status_code >= ERROR and not (missing_ok and response.status_code == GONE):
            raise refusal(response, operation)
        return response
