"""The table of Azure's error codes: what each becomes here, and what is done about it.

The codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/azure/key-vault/general/rest-error-codes,
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes,
https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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


class Handling(StrEnum):
    """What is done about an answer."""

    RETRY = "the session sends the request again, as `retries` allows; a POST only if it was not carried out"
    WAIT = "ask again until it is visible, or until a deadline of the spec's `waits`"
    WAIT_IF_CREATED = "the same, if this run created what is missing; else a person must act"
    ADOPT = "it exists already: use it as it is"
    PERSON = "a person must act: the message says how"


RETRY, WAIT, WAIT_IF_CREATED, ADOPT, PERSON = Handling


@dataclass(frozen=True)
class Row:
    """One error of Azure's. code: the innermost code; where Azure has none, the beginning of the message."""

    code: str
    status: int
    error: type[CloudError]
    handling: Handling
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
ITEMS = "https://learn.microsoft.com/rest/api/fabric/articles/using-fabric-apis"
FEDERATIONS = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations"
CAPACITIES = "https://learn.microsoft.com/fabric/enterprise/pause-resume"
# Graph has no code of its own for a uniqueName that a soft-deleted application keeps: it is a bare 400.
UNIQUE = "https://github.com/microsoftgraph/msgraph-bicep-types/issues/137"

KNOWN_ERRORS: tuple[Row, ...] = (
    # new, and not known to every replica yet
    Row("PrincipalNotFound", 400, NotYetVisible, WAIT, GRANTS),
    Row("AADSTS700016", 400, NotYetVisible, WAIT, SIGN_IN),
    Row("AADSTS7000215", 401, NotYetVisible, WAIT, SIGN_IN),
    Row("OperationNotFound", 404, NotFound, RETRY, f"{ARM}management/async-operations"),
    Row("ResourceGroupNotFound", 404, NotFound, WAIT_IF_CREATED, CODES),
    Row("ResourceNotFound", 404, NotFound, WAIT_IF_CREATED, CODES),
    Row("ParentResourceNotFound", 404, NotFound, WAIT_IF_CREATED, CODES),
    Row("FilesystemNotFound", 404, NotFound, WAIT_IF_CREATED, STORAGE),
    Row("Request_ResourceNotFound", 404, NotFound, WAIT_IF_CREATED, GRAPH),
    Row("ItemNotFound", 404, NotFound, WAIT_IF_CREATED, ITEMS),
    Row("NoBackingApplicationObject", 400, NotYetVisible, WAIT, GRAPH),
    # a right that may have been granted just now
    Row("ForbiddenByRbac", 403, NotAuthorized, WAIT_IF_CREATED, VAULT),
    Row("AuthorizationPermissionMismatch", 403, NotAuthorized, WAIT_IF_CREATED, STORAGE),
    Row("AuthorizationFailed", 403, NotAuthorized, WAIT_IF_CREATED, GRANTS),
    Row("Authorization_RequestDenied", 403, NotAuthorized, PERSON, GRAPH),
    Row("InsufficientPrivileges", 403, NotAuthorized, PERSON, ITEMS),
    Row("InsufficientWorkspaceRole", 403, NotAuthorized, PERSON, ITEMS),
    # network rules
    Row("ForbiddenByFirewall", 403, Firewalled, PERSON, VAULT),
    Row("ForbiddenByConnection", 403, Firewalled, PERSON, VAULT),
    Row("AuthorizationFailure", 403, Firewalled, PERSON, STORAGE),
    # exists already, or was deleted and keeps its name
    Row("RoleAssignmentExists", 409, Conflict, ADOPT, GRANTS),
    Row("RoleAssignmentUpdateNotPermitted", 400, Conflict, PERSON, GRANTS),
    Row("ObjectIsDeletedButRecoverable", 409, Conflict, ADOPT, SOFT),
    Row("Another object with the same value for property", 400, Conflict, ADOPT, UNIQUE),
    Row("A vault with the same name already exists in deleted state", 409, Conflict, ADOPT, SOFT),
    Row("VaultAlreadyExists", 409, Conflict, PERSON, VAULT),
    Row("Operation 'DeletedVaultPurge' is not allowed", 405, Conflict, PERSON, SOFT),
    Row("StorageAccountAlreadyTaken", 409, Conflict, PERSON, ACCOUNTS),
    # busy, or failed for now
    Row("TooManyRequests", 429, Throttled, RETRY, f"{ARM}management/request-limits-and-throttling"),
    Row("Throttled", 429, Throttled, RETRY, "https://learn.microsoft.com/azure/key-vault/general/overview-throttling"),
    Row("AnotherOperationInProgress", 409, Conflict, RETRY, CODES),
    Row("StorageAccountOperationInProgress", 409, Conflict, RETRY, ACCOUNTS),
    Row("ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", 409, Conflict, RETRY, FEDERATIONS),
    Row("ResourceGroupBeingDeleted", 409, Conflict, WAIT_IF_CREATED, CODES),
    Row("ContainerBeingDeleted", 409, Conflict, WAIT_IF_CREATED, STORAGE),
    Row("FilesystemBeingDeleted", 409, Conflict, WAIT_IF_CREATED, STORAGE),
    Row("ServiceUnavailable", 503, Unexpected, RETRY, CODES),
    # not allowed by Azure or by the subscription's owner
    Row("CapacityNotActive", 403, Conflict, PERSON, CAPACITIES),
    Row("MissingSubscriptionRegistration", 409, Conflict, PERSON, REGISTER),
    Row("SubscriptionNotRegistered", 409, Conflict, PERSON, REGISTER),
    Row("RequestDisallowedByPolicy", 403, Conflict, PERSON, f"{ARM}troubleshooting/error-policy"),
    Row("ScopeLocked", 409, Conflict, PERSON, f"{ARM}management/lock-resources"),
    Row("SecretDisabled", 403, Conflict, PERSON, VAULT),
    Row("AccountNameInvalid", 400, Unexpected, PERSON, ACCOUNTS),
    Row("CredentialInvalidLifetimeAsPerAppPolicy", 400, Conflict, PERSON, POLICY),
    Row("CredentialTypeNotAllowedAsPerAppPolicy", 400, Conflict, PERSON, POLICY),
)
BY_CODE = {row.code: row for row in KNOWN_ERRORS}
SAID = tuple(row for row in KNOWN_ERRORS if " " in row.code)
# An answer with another code, by its status alone. No answer at all (a reset, a body cut off) is Unreachable: RETRY.
BY_STATUS: dict[int, type[CloudError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    423: Conflict,
    429: Throttled,
}


def row_of(code: str, message: str) -> Row | None:
    """The row for an answer, or None."""
    return next((row for row in SAID if message.startswith(row.code)), None) or BY_CODE.get(code)


def handling_of(error: CloudError) -> Handling:
    """What is done about a translated error."""
    row = row_of(error.code, error.message)
    if row is not None:
        return row.handling
    return RETRY if isinstance(error, (Throttled, Unreachable)) else PERSON
