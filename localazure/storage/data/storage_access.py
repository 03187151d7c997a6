"""Authorization of a call to a storage account's data planes.

A caller has a bearer token (RBAC decides), Shared Key (everything is allowed, if the account allows keys), a shared
access signature, or nothing (public containers only).
https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localazure.app import firewall, signing
from localazure.app.call import AzureError
from localazure.app.resource_manager import resources
from localazure.app.tenant import TENANT_ID
from localazure.entra import tokens
from localazure.rbac import access
from localazure.storage.data import containers, shared_access, shared_key
from localazure.storage.data.paths import SUPER_USER, PathAddress

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

ACCOUNTS = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{ACCOUNTS}/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
READ, WRITE, DELETE = f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/delete"
ADD, MOVE, RUN_AS_SUPER_USER = f"{BLOBS}/add/action", f"{BLOBS}/move/action", f"{BLOBS}/runAsSuperUser/action"
AUDIENCE = "https://storage.azure.com"
_SEE_CHALLENGE = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)
_TOKEN_ERRORS: dict[signing.Reason, str] = {
    "missing": "No token was found.",
    "malformed": "The token is malformed.",
    "signature": "Signature validation failed. Signature verification failed.",
    "expired": "Lifetime validation failed. The token is expired.",
    "audience": "Audience validation failed. Audience did not match.",
    "tenant": "Issuer validation failed. Issuer did not match.",
    "caller": "The token's subject is not enabled in the tenant.",
}


@dataclass(frozen=True, kw_only=True)
class AuthorizedRequest:
    """An authorized call: `caller_id` is the caller's object id, or `$superuser` with the account's key.

    `sas_permissions` are the letters of its shared access signature, None without one.
    """

    call: Call
    account: Document
    caller_id: str
    sas_permissions: str | None = None

    @property
    def tenant(self) -> Tenant:
        """The call's tenant."""
        return self.call.tenant

    @property
    def account_name(self) -> str:
        """The name of the account."""
        return str(self.account["name"])

    @property
    def container_name(self) -> str:
        """The name of the container in the path."""
        return self.call.params.get("container", "")

    @property
    def address(self) -> PathAddress:
        """The address of the file or blob in the path."""
        return PathAddress(
            account=self.account_name,
            container=self.container_name,
            path=shared_access.blob_path(self.call, self.account),
        )

    @property
    def is_hierarchical(self) -> bool:
        """Whether the account has a hierarchical namespace."""
        return bool(self.account["properties"].get("isHnsEnabled"))

    def is_any_allowed(self, *actions: str, control: bool = False) -> bool:
        """Whether one of the actions is allowed on the container (or account) of the call."""
        if self.sas_permissions is not None and not set(self.sas_permissions) & set(
            shared_access.sufficient_permissions(self.call, actions)
        ):
            return False
        scope = container_scope(self.account, self.container_name)
        return self.caller_id == SUPER_USER or any(
            access.is_principal_allowed(self.tenant, self.caller_id, action, scope, data=not control)
            for action in actions
        )


def container_scope(account: Document, container: str) -> str:
    """The resource id of a container, or of the account: the scope of data actions."""
    suffix = f"/blobServices/default/containers/{container}" if container else ""
    return f"{account['id']}{suffix}"


def authorize(call: Call, *actions: str, control: bool = False, min_public_access: str = "") -> AuthorizedRequest:
    """Authorize a call: 401 or 403 unless one of the actions is allowed.

    Without actions only the credentials are checked. 404 without the account, 403 by its firewall. A call without
    credentials may get 409 or 404 instead of 401.

    `control` says that they are control-plane actions; `min_public_access` is the lowest public access of
    the container at which anybody may do it (`Blob` or `Container`).
    """
    account = _require_reachable_account(call)
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if not scheme and "sig" not in call.query:
        return _authorize_anonymous(call, account, min_public_access)
    if scheme:
        request = AuthorizedRequest(
            call=call, account=account, caller_id=_authenticate(call, account, scheme.lower(), value.strip())
        )
    else:
        request = _authenticate_signature(call, account)
    if actions and not request.is_any_allowed(*actions, control=control):
        message = "This request is not authorized to perform this operation using this permission."
        raise AzureError(status=403, code="AuthorizationPermissionMismatch", message=message)
    return request


def require_readable_container(tenant: Tenant, object_id: str, account: str, container: str) -> Document:
    """A container that the identity may read; 403 without the right to read its blobs.

    404 without the account or the container.
    """
    resource = resources.find_by_name(tenant, ACCOUNTS, account)
    if resource is None:
        raise AzureError(status=404, code="ResourceNotFound", message=f"The storage account {account} does not exist.")
    if not access.is_principal_allowed(tenant, object_id, READ, container_scope(resource, container), data=True):
        message = "This request is not authorized to perform this operation using this permission."
        raise AzureError(status=403, code="AuthorizationPermissionMismatch", message=message)
    return containers.get(tenant, account, container)


def _require_reachable_account(call: Call) -> Document:
    """The account of the host name; 404 if there is none, 403 if its firewall blocks the call."""
    account = resources.find_by_name(call.tenant, ACCOUNTS, call.host.partition(".")[0])
    if account is None:
        raise AzureError(status=404, code="ResourceNotFound", message="The specified account does not exist.")
    if not firewall.allows_client(account["properties"]):  # before any right is checked
        message = "This request is not authorized to perform this operation."
        raise AzureError(status=403, code="AuthorizationFailure", message=message)
    return account


def _authenticate(call: Call, account: Document, scheme: str, value: str) -> str:
    """The caller's object id, or `$superuser`; 401 or 403 if authentication fails, 400 for an unknown scheme."""
    if scheme == "bearer":
        return _verify_token(call, account, value)
    if scheme == "sharedkey":
        _check_keys_allowed(account)
        name, _, signature = value.partition(":")
        if name == account["name"] and shared_key.is_valid_signature(call, name, signature, account.get("_keys", ())):
            return SUPER_USER
        raise shared_access.authentication_failed(
            "The MAC signature found in the HTTP request is not the same as any computed signature."
        )
    if scheme == "sharedkeylite":
        _check_keys_allowed(account)
        raise shared_access.authentication_failed("The local Azure supports Shared Key, not Shared Key Lite.")
    message = "Authentication information is not given in the correct format. Check the value of Authorization header."
    raise AzureError(status=400, code="InvalidAuthenticationInfo", message=message)


def _verify_token(call: Call, account: Document, token: str) -> str:
    """The object id in a bearer token; 401 for an invalid token.

    A token may be for all of Storage or for one endpoint of the account, as BlobAudience and DataLakeAudience of the
    SDKs make it: https://learn.microsoft.com/dotnet/api/azure.storage.files.datalake.models.datalakeaudience
    """
    # Azure: without x-ms-version the Blob service assumes a version that has no bearer tokens yet.
    if ".blob." in call.host and call.headers.get("x-ms-version", "") < "2017-11-09":
        raise shared_access.authentication_failed("Authentication scheme Bearer is not supported in this version.")
    audiences = (AUDIENCE, *(f"https://{account['name']}.{service}.core.windows.net" for service in ("blob", "dfs")))
    try:
        return tokens.authenticate(call.tenant, f"Bearer {token}", audiences, TENANT_ID).object_id
    except signing.InvalidToken as refusal:
        raise AzureError(
            status=401,
            code="InvalidAuthenticationInfo",
            message=_SEE_CHALLENGE,
            headers=challenge_headers(),
            details={"AuthenticationErrorDetail": _TOKEN_ERRORS[refusal.reason]},
        ) from refusal


def challenge_headers() -> dict[str, str]:
    """The header that points to the token issuer; SDKs read tenant and resource from it."""
    authority = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/authorize"
    return {"WWW-Authenticate": f"Bearer authorization_uri={authority} resource_id={AUDIENCE}"}


def _authenticate_signature(call: Call, account: Document) -> AuthorizedRequest:
    """A request with a shared access signature, by the account's key or by a user's delegation key.

    Its letters are returned, not yet compared with any action.
    """
    if "skoid" not in call.query:
        _check_keys_allowed(account)
    letters = shared_access.verified_permissions(call, account)
    return AuthorizedRequest(
        call=call, account=account, caller_id=call.query.get("skoid", SUPER_USER), sas_permissions=letters
    )


def public_access(tenant: Tenant, account: Document, name: str) -> str | None:
    """What anybody may read of a container: `Blob`, `Container` or nothing."""
    container = containers.find(tenant, str(account["name"]), name)
    return container["publicAccess"] if container and account["properties"].get("allowBlobPublicAccess") else None


def _authorize_anonymous(call: Call, account: Document, min_public_access: str) -> AuthorizedRequest:
    """A request without credentials, allowed by the container's public access only."""
    level = public_access(call.tenant, account, call.params.get("container", ""))
    if min_public_access and level in {min_public_access, "Container"}:
        return AuthorizedRequest(call=call, account=account, caller_id="")
    # https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge
    if call.headers.get("x-ms-version", "") >= "2019-12-12" or ".dfs." in call.host:
        raise AzureError(
            status=401, code="NoAuthenticationInformation", message=_SEE_CHALLENGE, headers=challenge_headers()
        )
    if not account["properties"].get("allowBlobPublicAccess"):
        message = "Public access is not permitted on this storage account."
        raise AzureError(status=409, code="PublicAccessNotPermitted", message=message)
    raise AzureError(status=404, code="ResourceNotFound", message="The specified resource does not exist.")


def _check_keys_allowed(account: Document) -> None:
    """403 if the account does not allow Shared Key."""
    # Azure: an account that never had the property set allows keys.
    if account["properties"].get("allowSharedKeyAccess") is False:
        message = "Key based authentication is not permitted on this storage account."
        raise AzureError(status=403, code="KeyBasedAuthenticationNotPermitted", message=message)
