"""Who may do what on a storage account's data planes: account, caller and permission of one call.

A caller comes with a bearer token (RBAC decides), with Shared Key (all is allowed, if the account allows keys), with a
shared access signature, or with nothing (public containers only). https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
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
from localazure.storage.data.paths import SUPER_USER, Place

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

ACCOUNTS = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{ACCOUNTS}/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
READ, WRITE, DELETE = f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/delete"
ADD, MOVE, SUPER = f"{BLOBS}/add/action", f"{BLOBS}/move/action", f"{BLOBS}/runAsSuperUser/action"
AUDIENCE = "https://storage.azure.com"
_SEE_CHALLENGE = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)
_DETAILS: dict[signing.Reason, str] = {
    "missing": "No token was found.",
    "malformed": "The token is malformed.",
    "signature": "Signature validation failed. Signature verification failed.",
    "expired": "Lifetime validation failed. The token is expired.",
    "audience": "Audience validation failed. Audience did not match.",
    "tenant": "Issuer validation failed. Issuer did not match.",
    "caller": "The token's subject is not enabled in the tenant.",
}


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One call that was let in: `who` is the caller's object id, or `$superuser` with the account's key.

    `letters`: the permissions of the shared access signature that it came with, if it came with one.
    """

    call: Call
    account: Document
    who: str
    letters: str | None = None

    @property
    def world(self) -> World:
        """The call's world."""
        return self.call.world

    @property
    def name(self) -> str:
        """The account's name."""
        return str(self.account["name"])

    @property
    def container(self) -> str:
        """The container that the path names."""
        return self.call.params.get("container", "")

    @property
    def place(self) -> Place:
        """The file or blob that the path names."""
        return Place(account=self.name, container=self.container, path=shared_access.path_of(self.call, self.account))

    @property
    def is_hierarchical(self) -> bool:
        """Whether the account has a hierarchical namespace."""
        return bool(self.account["properties"].get("isHnsEnabled"))

    def may(self, *actions: str, control: bool = False) -> bool:
        """Whether one of the actions is allowed on the container (or account) of the call."""
        if self.letters is not None and not set(self.letters) & set(shared_access.needed(self.call, actions)):
            return False
        scope = container_scope(self.account, self.container)
        return self.who == SUPER_USER or any(
            access.allows(self.world, self.who, action, scope, data=not control) for action in actions
        )


def container_scope(account: Document, container: str) -> str:
    """The resource id at which data actions are decided."""
    suffix = f"/blobServices/default/containers/{container}" if container else ""
    return f"{account['id']}{suffix}"


def visit(call: Call, *actions: str, control: bool = False, public: str = "") -> Visit:
    """Let the caller in if one of the actions is allowed to it; 401 or 403 otherwise.

    `control` says that the actions are not data actions; `public` is the lowest public access of the container at
    which anybody may do it (`Blob` or `Container`).
    """
    account = _account(call)
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if not scheme and "sig" not in call.query:
        return _anonymous(call, account, public)
    if scheme:
        entered = Visit(call=call, account=account, who=_identify(call, account, scheme.lower(), value.strip()))
    else:
        entered = _signed(call, account)
    if actions and not entered.may(*actions, control=control):
        message = "This request is not authorized to perform this operation using this permission."
        raise AzureError(status=403, code="AuthorizationPermissionMismatch", message=message)
    return entered


def reader_of(world: World, object_id: str, account: str, container: str) -> Document:
    """The container for an identity that a service acts for; 403 without the right to read its blobs."""
    found = resources.named(world, ACCOUNTS, account)
    if found is None:
        raise AzureError(status=404, code="ResourceNotFound", message=f"The storage account {account} does not exist.")
    if not access.allows(world, object_id, READ, container_scope(found, container), data=True):
        message = "This request is not authorized to perform this operation using this permission."
        raise AzureError(status=403, code="AuthorizationPermissionMismatch", message=message)
    return containers.get(world, account, container)


def _account(call: Call) -> Document:
    found = resources.named(call.world, ACCOUNTS, call.host.partition(".")[0])
    if found is None:
        raise AzureError(status=404, code="ResourceNotFound", message="The specified account does not exist.")
    if not firewall.admits(found["properties"]):  # whoever it is and whatever it may
        message = "This request is not authorized to perform this operation."
        raise AzureError(status=403, code="AuthorizationFailure", message=message)
    return found


def _identify(call: Call, account: Document, scheme: str, value: str) -> str:
    if scheme == "bearer":
        return _bearer(call, account, value)
    if scheme == "sharedkey":
        _refuse_keys(account)
        name, _, signature = value.partition(":")
        if name == account["name"] and shared_key.fits(call, name, signature, account.get("_keys", ())):
            return SUPER_USER
        raise shared_access.unauthentic(
            "The MAC signature found in the HTTP request is not the same as any computed signature."
        )
    if scheme == "sharedkeylite":
        _refuse_keys(account)
        raise shared_access.unauthentic("The local Azure knows Shared Key, not Shared Key Lite.")
    message = "Authentication information is not given in the correct format. Check the value of Authorization header."
    raise AzureError(status=400, code="InvalidAuthenticationInfo", message=message)


def _bearer(call: Call, account: Document, token: str) -> str:
    # Azure: without x-ms-version the Blob service takes the request for one of before bearer tokens.
    if ".blob." in call.host and call.headers.get("x-ms-version", "") < "2017-11-09":
        raise shared_access.unauthentic("Authentication scheme Bearer is not supported in this version.")
    audiences = (AUDIENCE, f"https://{account['name']}.blob.core.windows.net")
    try:
        return tokens.verify(call.world, f"Bearer {token}", audiences, TENANT_ID).object_id
    except signing.Refusal as refusal:
        raise AzureError(
            status=401,
            code="InvalidAuthenticationInfo",
            message=_SEE_CHALLENGE,
            headers=challenge(),
            details={"AuthenticationErrorDetail": _DETAILS[refusal.reason]},
        ) from refusal


def challenge() -> dict[str, str]:
    """Where a token for storage comes from; the SDKs read tenant and resource out of it."""
    authority = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/authorize"
    return {"WWW-Authenticate": f"Bearer authorization_uri={authority} resource_id={AUDIENCE}"}


def _signed(call: Call, account: Document) -> Visit:
    """With a shared access signature: of the account's key, or of a user who may do no more than with a token."""
    if "skoid" not in call.query:
        _refuse_keys(account)
    letters = shared_access.check(call, account)
    return Visit(call=call, account=account, who=call.query.get("skoid", SUPER_USER), letters=letters)


def _anonymous(call: Call, account: Document, public: str) -> Visit:
    allowed = bool(account["properties"].get("allowBlobPublicAccess"))
    container = containers.find(call.world, str(account["name"]), call.params.get("container", ""))
    level = container["publicAccess"] if container and allowed else None
    if public and level in {public, "Container"}:
        return Visit(call=call, account=account, who="")
    # https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge
    if call.headers.get("x-ms-version", "") >= "2019-12-12" or ".dfs." in call.host:
        raise AzureError(status=401, code="NoAuthenticationInformation", message=_SEE_CHALLENGE, headers=challenge())
    if not allowed:
        message = "Public access is not permitted on this storage account."
        raise AzureError(status=409, code="PublicAccessNotPermitted", message=message)
    raise AzureError(status=404, code="ResourceNotFound", message="The specified resource does not exist.")


def _refuse_keys(account: Document) -> None:
    # Azure: an account that never had the property set allows keys.
    if account["properties"].get("allowSharedKeyAccess") is False:
        message = "Key based authentication is not permitted on this storage account."
        raise AzureError(status=403, code="KeyBasedAuthenticationNotPermitted", message=message)
