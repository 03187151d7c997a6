"""Translates Azure's errors into ours, by type and code; the only place that may branch on an error's text.

Which code becomes what is in `error_table`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from provisioner.cloud.answers import SIGN_IN_CODE, causes, error_codes, is_incomplete, request_id, retry_after
from provisioner.cloud.error_table import BY_CODE, BY_STATUS, row_of
from provisioner.cloud.remedies import (
    POLICY_REMEDIES,
    SIGN_IN_REMEDY,
    denied_action_and_scope,
    is_read,
    remedy_in,
    remedy_of_graph_refusal,
)
from provisioner.errors import CloudError, NotAuthorized, NotFound, Unexpected, Unreachable

if TYPE_CHECKING:
    from collections.abc import Generator


# The codes of a rate limit, as opposed to a busy service:
# https://learn.microsoft.com/azure/key-vault/general/overview-throttling and
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
LIMITED = frozenset({"Throttled", "SubscriptionRequestsThrottled"})
FAILED_THERE = "Azure itself failed. Run the command again in a few minutes; it continues where it stopped."
NAMESPACE = re.compile(r"namespace '([\w.]+)'")
UNLISTED = frozenset({"InvalidApiVersionParameter", "InvalidResourceType", "NoRegisteredProviderFound"})
SUPPORTED = re.compile(r"supported (api-)?versions are '[^']*'", re.IGNORECASE)
LISTED_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")
TOO_MANY = 429
UNANSWERED = (ServiceRequestError, ServiceResponseError)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An error as Azure words it. code: the innermost that the table knows, else the outer one."""

    status: int
    code: str
    message: str
    request_id: str = ""
    retry_after_seconds: float | None = None
    request: Any = field(default=None, repr=False)


def listed_api_version(code: str, message: str) -> str:
    """The newest api-version that a refusal lists, previews only if there is nothing else; empty for another error.

    Only the text of the message lists them.
    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
    """
    listed = SUPPORTED.search(message) if code in UNLISTED else None
    versions = sorted(LISTED_VERSION.findall(listed.group())) if listed else []
    stable = [version for version in versions if not version.endswith("-preview")]
    return next(reversed(stable or versions), "")


@contextmanager
def translated(operation: str) -> Generator[None]:
    """Raise what azure-core raises inside as a CloudError of this operation."""
    try:
        yield
    except AzureError as error:
        raise _cloud_error(error, operation) from error


def rate_limit_seconds(response: Any) -> float | None:
    """The Retry-After in seconds (0 without one) of an answer that throttles a call for a rate limit; else None."""
    if response.status_code != TOO_MANY:
        return None
    answer = _answer(response)
    return (answer.retry_after_seconds or 0.0) if answer.code in LIMITED else None


def refusal(response: Any, operation: str) -> CloudError:
    """The CloudError of an answer with an error status (azure.core.rest or SDK response)."""
    return _error_of(_answer(response), operation)


def _cloud_error(error: AzureError, operation: str) -> CloudError:
    response = getattr(error, "response", None)
    if isinstance(error, ClientAuthenticationError) and (response is None or SIGN_IN_CODE.search(str(error.message))):
        return _sign_in_failed(error, operation)
    if isinstance(error, UNANSWERED) or is_incomplete(error):
        return Unreachable(operation=operation, message=_root(error))
    if isinstance(error, HttpResponseError) and response is not None:
        return refusal(response, operation)
    if isinstance(error, ResourceNotFoundError):
        return NotFound(operation=operation, message=str(error.message))
    return _error_of(_answer_of_failed_operation(error), operation)


def _sign_in_failed(error: ClientAuthenticationError, operation: str) -> CloudError:
    """There is no credential, or Entra refused it. A run does not wait for its own credential, however new."""
    text = str(error.message)
    entra_code = SIGN_IN_CODE.search(text)
    code = entra_code.group() if entra_code else "CredentialUnavailable"
    if entra_code is None and any(isinstance(cause, UNANSWERED) for cause in causes(error)):
        return Unreachable(operation=operation, message=_root(error))
    message = _without_trace_ids(text) if entra_code else _unavailable(text)
    return NotAuthorized(operation=operation, status=401, code=code, message=message, remedy=SIGN_IN_REMEDY)


def _unavailable(text: str) -> str:
    """What azure-identity's chain tried, in short: az's message says best what is missing."""
    tried = re.findall(r"^\s*(\w+Credential): (.*)", text, re.MULTILINE)
    az = next((why for name, why in tried if name == "AzureCliCredential"), "")
    return f"nobody is signed in here (tried {len(tried)} ways; az: {az})" if az else _without_trace_ids(text)


def _error_of(answer: Answer, operation: str) -> CloudError:
    row = row_of(answer.code, answer.message)
    kind = row.error if row is not None else BY_STATUS.get(answer.status, Unexpected)
    error = kind(
        operation=operation,
        status=answer.status,
        code=answer.code,
        message=_without_trace_ids(answer.message),
        request_id=answer.request_id,
        retry_after_seconds=answer.retry_after_seconds,
        remedy=_remedy(kind, answer),
    )
    if isinstance(error, NotAuthorized):
        error.action, error.scope = denied_action_and_scope(answer.message)
        error.read_scope = error.scope if is_read(error.action) else ""
    return error


def _remedy(kind: type[CloudError], answer: Answer) -> str:
    if answer.code.startswith("AADSTS"):
        return SIGN_IN_REMEDY
    if answer.code == "Authorization_RequestDenied":
        return remedy_of_graph_refusal(answer.request)
    if answer.code in POLICY_REMEDIES:
        return POLICY_REMEDIES[answer.code]
    if kind is NotAuthorized:
        return remedy_in(answer.message, answer.request)
    if answer.code in {"SubscriptionNotRegistered", "MissingSubscriptionRegistration"}:
        named = NAMESPACE.search(answer.message)
        line = f"az provider register --namespace {named.group(1) if named else 'NAMESPACE'} --wait"
        return f"Register the resource provider: `{line}`."
    return FAILED_THERE if answer.status >= 500 else ""


def _answer(response: Any) -> Answer:
    outer, inner, message = error_codes(response)
    code = inner if inner in BY_CODE else outer or response.headers.get("x-ms-error-code", "")
    return Answer(
        status=response.status_code,
        code=code or str(getattr(response, "reason", "") or ""),
        message=message,
        request_id=request_id(response),
        retry_after_seconds=retry_after(response),
        request=getattr(response, "request", None),
    )


def _answer_of_failed_operation(error: AzureError) -> Answer:
    """The error of a long-running operation that failed; there is no answer with it."""
    cause = getattr(error, "error", None)
    code = str(getattr(cause, "code", "") or type(error).__name__)
    return Answer(status=0, code=code, message=str(error.message))


def _without_trace_ids(text: str) -> str:
    """The lines of a message but those with trace ids and times, as one line of at most 1000 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("RequestId:", "Time:", "Trace ID:", "Correlation ID:"))]
    return " ".join(kept)[:1000]


def _root(error: AzureError) -> str:
    return str(list(causes(error))[-1] or error)[:500]
