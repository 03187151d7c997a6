"""The one retry policy: by type of answer, bounded, jittered, in every client's pipeline.

A POST whose answer is lost is not sent again, since it may have created something: its sender reads the state instead.
The same holds for any request with the option `retry_lost=False`; with `retry_enabled=False` nothing is sent twice. A
call that a service throttles with a Retry-After is sent again then, for as long as the spec's `waits.throttle` allows;
a poll of an operation that no replica shows yet, for as long as `waits.visible` does.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.client import RemoteDisconnected
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import (
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.policies import HTTPPolicy

from provisioner.cloud.answers import body_text, causes, is_incomplete, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.pipeline import PipelineRequest, PipelineResponse

JITTER = SystemRandom().uniform
ATTEMPTS = 6
FIRST_SECONDS = 0.25
THROTTLED_SECONDS = 600.0
LATER_SECONDS = 5.0  # than a service asks for, at most
# https://learn.microsoft.com/azure/architecture/best-practices/retry-service-specific
TRANSIENT = frozenset({408, 500, 502, 503, 504})
# A POST that these answer was not carried out.
TOO_MANY = 429
TURNED_AWAY = frozenset({TOO_MANY, 503})
# Another operation runs there: https://learn.microsoft.com/rest/api/storagerp/storage-resource-provider-error-codes,
# https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and
# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
IN_PROGRESS_CODES = frozenset(
    {
        "AnotherOperationInProgress",
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        "OperationInProgress",
        "StorageAccountOperationInProgress",
    }
)
NOT_FOUND = 404
UNSEEN = '"OperationNotFound"'
UNREGISTERED = '"MissingSubscriptionRegistration"'

ENDED = (RemoteDisconnected, ConnectionResetError, ssl.SSLEOFError)
FOREIGN = frozenset({"timeout", "hosts", "location_mode"})  # the last two are azure-storage's


class Retry(HTTPPolicy[Any, Any]):
    """Sends a request again where a retry can help."""

    def __init__(self, **_: Any) -> None:
        """azure-identity constructs it with all of its own options."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """The last answer, or the last connection error."""
        options = request.context.options
        safe = "POST" in options.get("retry_on_methods", ()) or request.http_request.method != "POST"
        safe = safe and bool(options.get("retry_lost", True))
        enabled = bool(options.get("retry_enabled", True))
        _drop_foreign_options(options)
        position = _position(request.http_request)
        transport: Any = request.context.transport
        seconds = getattr(transport, "throttled_seconds", THROTTLED_SECONDS)  # azure-identity has pools of its own
        delays, busy = _delays(ATTEMPTS if enabled else 1), _Busy(seconds if enabled else 0.0)
        unseen = _UnseenOperation(getattr(transport, "visible_seconds", 0.0) if enabled else 0.0)
        delay = next(delays)
        while True:
            try:
                response = self.next.send(request)
            except (ServiceRequestError, ServiceResponseError, HttpResponseError) as error:
                if isinstance(error, HttpResponseError) and not is_incomplete(error):
                    raise
                if delay is None or not _repeatable(error, safe=safe) or not _rewind(request.http_request, position):
                    raise
                transport.sleep(_spread(delay))
                delay = next(delays)
                continue
            _refuse_registering(response.http_response)
            pause = busy.take_pause(response.http_response) or unseen.take_pause(response.http_response)
            if pause is None and delay is not None and _transient(response, safe=safe):
                pause, delay = max(retry_after(response.http_response) or 0.0, _spread(delay)), next(delays)
            if pause is None or busy.over or not _rewind(request.http_request, position):
                return response
            transport.sleep(pause)


@dataclass
class _Busy:
    """The pauses that a service asks for with a Retry-After; they count as no attempt. left: seconds for them."""

    left: float
    pauses: int = 0

    @property
    def over(self) -> bool:
        """Whether the time for such pauses is spent."""
        return self.left < 0

    def take_pause(self, response: Any) -> float | None:
        """The seconds it asks for, and a bit more each time, since others ask then, too. None if it does not say.

        Takes it from the time that is left.
        """
        seconds = retry_after(response) if response.status_code == TOO_MANY else None
        if not seconds:
            return None
        pause = seconds + JITTER(0.0, min(self.pauses, LATER_SECONDS))  # spreads load, guards nothing
        self.left, self.pauses = self.left - pause, self.pauses + 1
        return pause


@dataclass
class _UnseenOperation:
    """The pauses for an operation that this run has begun and that a replica does not know yet. left: seconds for them.

    Only the answer to a write names an operation, so nobody polls one that never was.
    """

    left: float
    next_seconds: float = FIRST_SECONDS

    def take_pause(self, response: Any) -> float | None:
        """The seconds until the next poll; None if it is known, or if the time is spent.

        Takes it from the time that is left.
        """
        if response.status_code != NOT_FOUND or self.left <= 0 or UNSEEN not in body_text(response):
            return None
        pause = min(self.next_seconds, LATER_SECONDS, self.left)
        self.left, self.next_seconds = self.left - pause, self.next_seconds * 2
        return pause


def is_hopeless(error: BaseException) -> bool:
    """Whether no retry can help: the name does not resolve, the certificate is not trusted, the proxy refuses."""
    from urllib3.exceptions import NameResolutionError, ProxyError, SSLError

    hopeless = (NameResolutionError,) if was_cut_off(error) else (NameResolutionError, SSLError, ProxyError)
    return any(isinstance(cause, hopeless) for cause in causes(error))


def was_cut_off(error: BaseException) -> bool:
    """Whether the connection ended before the answer came: the request may have been carried out.

    urllib3 calls this a ProxyError behind a proxy and an SSLError in TLS, azure-core a request that was never sent.
    """
    return any(isinstance(cause, ENDED) for cause in causes(error))


def may_have_been_sent(error: Exception) -> bool:
    """Whether a request that ended so may have been carried out."""
    if isinstance(error, ServiceRequestError):
        return was_cut_off(error)
    return isinstance(error, (ServiceResponseError, HttpResponseError))


def _delays(attempts: int) -> Iterator[float | None]:
    """The longest pause after each attempt; None after the last."""
    for attempt in range(attempts - 1):
        yield FIRST_SECONDS * 2**attempt
    yield None


def _spread(delay: float) -> float:
    """A pause of at most so many seconds, so that clients that failed together do not come back together."""
    return delay * JITTER(0.5, 1.0)


def _repeatable(error: Exception, *, safe: bool) -> bool:
    return not is_hopeless(error) and (safe or not may_have_been_sent(error))


def _transient(response: PipelineResponse[Any, Any], *, safe: bool) -> bool:
    status: int = response.http_response.status_code
    if status in TURNED_AWAY:
        return True
    if status in TRANSIENT:
        return safe
    return status == 409 and (
        retry_after(response.http_response) is not None or _another_operation_runs(response.http_response)
    )


def _another_operation_runs(response: Any) -> bool:
    """Whether the answer says that another operation is in progress."""
    text = body_text(response)
    return any(f'"{code}"' in text for code in IN_PROGRESS_CODES)


def _refuse_registering(response: Any) -> None:
    """Raise HttpResponseError where azure-mgmt-core would register a resource provider: a person decides that."""
    if response.status_code == 409 and UNREGISTERED in body_text(response):
        raise HttpResponseError(response=response)


def _position(request: Any) -> int | None:
    """Where a streamed body begins; None: it cannot be sent twice."""
    body = _stream(request)
    if body is None:
        return 0
    try:
        return int(body.tell())
    except (AttributeError, OSError):
        return None


def _rewind(request: Any, position: int | None) -> bool:
    body = _stream(request)
    if body is None:
        return True
    if position is None:
        return False
    body.seek(position)
    return True


def _stream(request: Any) -> Any:
    """The body if it is a stream: azure.core.rest calls it `content`, older requests `body`."""
    body = getattr(request, "content", None) or getattr(request, "body", None)
    return body if hasattr(body, "read") else None


def _drop_foreign_options(options: dict[str, Any]) -> None:
    """Remove the options of the SDKs' own retry policies, which the transport does not know."""
    for name in [key for key in options if key.startswith("retry_") or key in FOREIGN]:
        del options[name]
