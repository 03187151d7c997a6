"""Azure's errors become ours, by type and code; the only place that may read an error's text.

The codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/azure/key-vault/general/rest-error-codes,
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes,
https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from provisioner.cloud.retries import broken_off, causes, retry_after
from provisioner.cloud.rights import missing_in, missing_permission
from provisioner.cloud.sign_in import REMEDY as SIGN_IN_REMEDY
from provisioner.cloud.transport import request_id
from provisioner.errors import (
    CloudError,
    Conflict,
    Firewalled,
    NotAuthorized,
    NotFound,
    NotYetVisible,
    Throttled,
    Unexpected,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Generator


class Course(StrEnum):
    """What is done about an answer."""

    RETRY = "the session sends it again, as often as `retries` says; a POST only if it was not carried out"
    WAIT = "asked again until it is visible, or until a deadline of the spec's `waits`"
    WAIT_IF_OURS = "the same, if this run made what is missing; else a person must act"
    ADOPT = "what was asked for stands already: it is taken as it is"
    PERSON = "a person must act: the sentence says how"


RETRY, WAIT, WAIT_IF_OURS, ADOPT, PERSON = Course


@dataclass(frozen=True)
class Row:
    """One answer. code: Azure's, the innermost; where there is none, how the message begins."""

    code: str
    status: int
    error: type[CloudError]
    course: Course
    page: str


GRANTS = "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting"
ARM = "https://learn.microsoft.com/azure/azure-resource-manager/"
REGISTER = f"{ARM}troubleshooting/error-register-resource-provider"
CODES = f"{ARM}troubleshooting/common-deployment-errors"
GRAPH = "https://learn.microsoft.com/graph/errors"
SIGN_IN = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
VAULT = "https://learn.microsoft.com/azure/key-vault/general/rest-error-codes"
SOFT = "https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview"
STORAGE = "https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes"
ACCOUNTS = "https://learn.microsoft.com/rest/api/storagerp/storage-resource-provider-error-codes"
POLICY = "https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy"
# Graph has no code of its own for a uniqueName that a soft-deleted application keeps: it is a bare 400.
UNIQUE = "https://github.com/microsoftgraph/msgraph-bicep-types/issues/137"

FAULTS: tuple[Row, ...] = (
    # what is new here and not known everywhere yet
    Row("PrincipalNotFound", 400, NotYetVisible, WAIT, GRANTS),
    Row("AADSTS700016", 400, NotYetVisible, WAIT, SIGN_IN),
    Row("AADSTS7000215", 401, NotYetVisible, WAIT, SIGN_IN),
    Row("Request_ResourceNotFound", 404, NotFound, WAIT_IF_OURS, GRAPH),
    Row("NoBackingApplicationObject", 400, NotYetVisible, WAIT, GRAPH),
    # a right that may just not have arrived
    Row("ForbiddenByRbac", 403, NotAuthorized, WAIT_IF_OURS, VAULT),
    Row("AuthorizationPermissionMismatch", 403, NotAuthorized, WAIT_IF_OURS, STORAGE),
    Row("AuthorizationFailed", 403, NotAuthorized, WAIT_IF_OURS, GRANTS),
    Row("Authorization_RequestDenied", 403, NotAuthorized, PERSON, GRAPH),
    # network rules
    Row("ForbiddenByFirewall", 403, Firewalled, PERSON, VAULT),
    Row("ForbiddenByConnection", 403, Firewalled, PERSON, VAULT),
    Row("AuthorizationFailure", 403, Firewalled, PERSON, STORAGE),
    # what stands already, or was deleted and keeps its name
    Row("RoleAssignmentExists", 409, Conflict, ADOPT, GRANTS),
    Row("RoleAssignmentUpdateNotPermitted", 400, Conflict, PERSON, GRANTS),
    Row("ObjectIsDeletedButRecoverable", 409, Conflict, ADOPT, SOFT),
    Row("Another object with the same value for property", 400, Conflict, ADOPT, UNIQUE),
    Row("A vault with the same name already exists in deleted state", 409, Conflict, ADOPT, SOFT),
    Row("VaultAlreadyExists", 409, Conflict, PERSON, VAULT),
    Row("Operation 'DeletedVaultPurge' is not allowed", 405, Conflict, PERSON, SOFT),
    Row("StorageAccountAlreadyTaken", 409, Conflict, PERSON, ACCOUNTS),
    # what is busy, or failed for now
    Row("TooManyRequests", 429, Throttled, RETRY, f"{ARM}management/request-limits-and-throttling"),
    Row("Throttled", 429, Throttled, RETRY, "https://learn.microsoft.com/azure/key-vault/general/overview-throttling"),
    Row("AnotherOperationInProgress", 409, Conflict, RETRY, CODES),
    Row("StorageAccountOperationInProgress", 409, Conflict, RETRY, ACCOUNTS),
    Row("ResourceGroupBeingDeleted", 409, Conflict, WAIT_IF_OURS, CODES),
    Row("ContainerBeingDeleted", 409, Conflict, WAIT_IF_OURS, STORAGE),
    Row("FilesystemBeingDeleted", 409, Conflict, WAIT_IF_OURS, STORAGE),
    Row("ServiceUnavailable", 503, Unexpected, RETRY, CODES),
    # what Azure or its owner does not admit
    Row("MissingSubscriptionRegistration", 409, Conflict, PERSON, REGISTER),
    Row("SubscriptionNotRegistered", 409, Conflict, PERSON, REGISTER),
    Row("RequestDisallowedByPolicy", 403, Conflict, PERSON, f"{ARM}troubleshooting/error-policy"),
    Row("ScopeLocked", 409, Conflict, PERSON, f"{ARM}management/lock-resources"),
    Row("SecretDisabled", 403, Conflict, PERSON, VAULT),
    Row("AccountNameInvalid", 400, Unexpected, PERSON, ACCOUNTS),
    Row("CredentialInvalidLifetimeAsPerAppPolicy", 400, Conflict, PERSON, POLICY),
    Row("CredentialTypeNotAllowedAsPerAppPolicy", 400, Conflict, PERSON, POLICY),
)
BY_CODE = {row.code: row for row in FAULTS}
SAID = tuple(row for row in FAULTS if " " in row.code)
# An answer with another code, by its status alone. None at all (a reset, a body cut off) is Unreachable: RETRY.
BY_STATUS: dict[int, type[CloudError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    423: Conflict,
    429: Throttled,
}
# A limit of the service's own is reached, and not that it is busy:
# https://learn.microsoft.com/azure/key-vault/general/overview-throttling and
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
LIMITED = frozenset({"Throttled", "SubscriptionRequestsThrottled"})
FAILED_THERE = "Azure itself failed. Run the command again in a few minutes; it goes on where it stopped."
NAMESPACE = re.compile(r"namespace '([\w.]+)'")
SIGN_IN_CODE = re.compile(r"AADSTS\d+")
TOO_MANY = 429
UNANSWERED = (ServiceRequestError, ServiceResponseError)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An error as Azure worded it. code: the innermost that is known here, else the outer one."""

    status: int
    code: str
    message: str
    request_id: str = ""
    retry_after_seconds: float | None = None
    request: Any = field(default=None, repr=False)


@contextmanager
def translated(operation: str) -> Generator[None]:
    """Whatever azure-core raises inside leaves as a CloudError of this operation."""
    try:
        yield
    except AzureError as error:
        raise _ours(error, operation) from error


def row_of(code: str, message: str) -> Row | None:
    """The row that decides for an answer."""
    return next((row for row in SAID if message.startswith(row.code)), None) or BY_CODE.get(code)


def course_of(error: CloudError) -> Course:
    """What is done about an error that an answer became."""
    row = row_of(error.code, error.message)
    if row is not None:
        return row.course
    return RETRY if isinstance(error, (Throttled, Unreachable)) else PERSON


def limit_reached(response: Any) -> float | None:
    """How long a service asks to wait that turned a call away for a limit of its own (0: it does not say); or None."""
    if response.status_code != TOO_MANY:
        return None
    answer = _answer(response)
    return (answer.retry_after_seconds or 0.0) if answer.code in LIMITED else None


def refusal(response: Any, operation: str) -> CloudError:
    """The CloudError of an answer with an error status (azure.core.rest or SDK response)."""
    return _of_answer(_answer(response), operation)


def _ours(error: AzureError, operation: str) -> CloudError:
    response = getattr(error, "response", None)
    if isinstance(error, ClientAuthenticationError) and (response is None or SIGN_IN_CODE.search(str(error.message))):
        return _sign_in_failed(error, operation)
    if isinstance(error, UNANSWERED) or broken_off(error):
        return Unreachable(operation=operation, message=_root(error))
    if isinstance(error, HttpResponseError) and response is not None:
        return refusal(response, operation)
    if isinstance(error, ResourceNotFoundError):
        return NotFound(operation=operation, message=str(error.message))
    return _of_answer(_of_operation(error), operation)


def _sign_in_failed(error: ClientAuthenticationError, operation: str) -> CloudError:
    """No credential, or Entra turned ours down: however new it may be, this run does not wait for it."""
    text = str(error.message)
    found = SIGN_IN_CODE.search(text)
    code = found.group() if found else "CredentialUnavailable"
    if found is None and any(isinstance(cause, UNANSWERED) for cause in causes(error)):
        return Unreachable(operation=operation, message=_root(error))
    told = _first_lines(text) if found else _unavailable(text)
    return NotAuthorized(operation=operation, status=401, code=code, message=told, remedy=SIGN_IN_REMEDY)


def _unavailable(text: str) -> str:
    """What the chain of azure-identity tried, in short: az tells best what is missing."""
    tried = re.findall(r"^\s*(\w+Credential): (.*)", text, re.MULTILINE)
    az = next((why for name, why in tried if name == "AzureCliCredential"), "")
    return f"nobody is signed in here (tried {len(tried)} ways; az: {az})" if az else _first_lines(text)


def _of_answer(answer: Answer, operation: str) -> CloudError:
    row = row_of(answer.code, answer.message)
    kind = row.error if row is not None else BY_STATUS.get(answer.status, Unexpected)
    return kind(
        operation=operation,
        status=answer.status,
        code=answer.code,
        message=_first_lines(answer.message),
        request_id=answer.request_id,
        retry_after_seconds=answer.retry_after_seconds,
        remedy=_remedy(kind, answer),
    )


def _remedy(kind: type[CloudError], answer: Answer) -> str:
    if answer.code.startswith("AADSTS"):
        return SIGN_IN_REMEDY
    if answer.code == "Authorization_RequestDenied":
        return missing_permission(answer.request)
    if kind is NotAuthorized:
        return missing_in(answer.message, answer.request)
    if answer.code in {"SubscriptionNotRegistered", "MissingSubscriptionRegistration"}:
        named = NAMESPACE.search(answer.message)
        line = f"az provider register --namespace {named.group(1) if named else 'NAMESPACE'} --wait"
        return f"Register the resource provider: `{line}`."
    return FAILED_THERE if answer.status >= 500 else ""


def _answer(response: Any) -> Answer:
    outer, inner, message = _codes(_body(response))
    code = inner if inner in BY_CODE else outer or response.headers.get("x-ms-error-code", "")
    return Answer(
        status=response.status_code,
        code=code or str(getattr(response, "reason", "") or ""),
        message=message,
        request_id=request_id(response),
        retry_after_seconds=retry_after(response),
        request=getattr(response, "request", None),
    )


def _of_operation(error: AzureError) -> Answer:
    """A long-running operation that ended badly bears its error without an answer."""
    told = getattr(error, "error", None)
    code = str(getattr(told, "code", "") or type(error).__name__)
    return Answer(status=0, code=code, message=str(error.message))


def _codes(body: str | dict[str, Any]) -> tuple[str, str, str]:
    """Outer code, inner code, message.

    ARM, Graph, Key Vault, dfs (`error`), Entra (`error` is a word), blob (XML), Airflow (`title` and `detail`).
    """
    if isinstance(body, str):
        found = re.search(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)", body)
        return (found.group(1), "", found.group(2)) if found else ("", "", "")
    error: Any = body.get("error", body)
    if isinstance(error, str):
        text = str(body.get("error_description", ""))
        found = SIGN_IN_CODE.search(text)
        return found.group() if found else error, "", text
    if not isinstance(error, dict):
        return "", "", str(error)
    told: dict[str, Any] = {**error}
    details: Any = told.get("details")
    inner: Any = told.get("innererror") or told.get("innerError") or {}
    if "code" not in inner and isinstance(details, list) and details and isinstance(details[0], dict):
        inner = cast("dict[str, Any]", details[0])
    code, message = told.get("code") or told.get("title"), told.get("message") or told.get("detail")
    return str(code or ""), str(inner.get("code", "")), str(message or "")


def _body(response: Any) -> str | dict[str, Any]:
    """JSON if it is, else text; a streamed answer is read first."""
    try:
        if hasattr(response, "read"):
            response.read()
        text: str = response.text()
    except (AzureError, ValueError, AttributeError):
        return ""
    try:
        read: Any = json.loads(text)
    except ValueError:
        return text
    return {**read} if isinstance(read, dict) else text


def _first_lines(text: str) -> str:
    """The message without its trailing trace ids and repetitions."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("RequestId:", "Time:", "Trace ID:", "Correlation ID:"))]
    return " ".join(kept)[:1000]


def _root(error: AzureError) -> str:
    return str(list(causes(error))[-1] or error)[:500]
