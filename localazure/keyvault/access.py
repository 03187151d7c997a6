"""Access to a vault's data plane: errors in its shape, the authentication challenge, the caller's rights.

https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app import firewall
from localazure.app.call import AzureError, Reply
from localazure.app.tenant import TENANT_ID
from localazure.keyvault import vaults
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.signing import InvalidToken
    from localazure.app.store import Document

AUDIENCE = "https://vault.azure.net"


def render(_: Call, error: AzureError) -> Reply:
    """An error as Key Vault answers it: `{"error": {"code", "message", "innererror"?}}`."""
    body = {"error": {"code": error.code, "message": error.message, **error.details}}
    return Reply(status=error.status, body=body, headers=error.headers)


def unauthenticated(_: Call, refusal: InvalidToken) -> AzureError:
    """401 with the challenge from which a client reads tenant and audience."""
    message = {
        "missing": "AKV10000: Request is missing a Bearer or PoP token.",
        "malformed": "AKV10001: The token in the request could not be parsed.",
        "expired": "[TokenExpired] Error validating token: the token is expired.",
        "audience": f"AKV10022: Invalid audience. Expected {AUDIENCE}, found: {refusal.actual}.",
        "tenant": f"AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{TENANT_ID}/.",
    }.get(refusal.reason, "[BearerReadAccessTokenFailed] Error validating token.")
    challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT_ID}", resource="{AUDIENCE}"'
    return AzureError(status=401, code="Unauthorized", message=message, headers={"WWW-Authenticate": challenge})


def authorize(call: Call, action: str, permission: str, name: str = "", *, kind: str = "secrets") -> Document:
    """The call's vault, if the caller may do this: `action` in RBAC mode, `permission` in access policy mode.

    In RBAC mode a role on one object is enough (`…/vaults/x/secrets/y` as scope). Raises 400, 403 and 404.
    """
    vault = _require_vault(call)
    if not call.query.get("api-version"):
        message = "The api-version query parameter is required."
        raise AzureError(status=400, code="BadParameter", message=message)
    _check_firewall(call, vault)
    if vault["properties"].get("enableRbacAuthorization"):
        _check_rbac(call, vault, f"{vaults.TYPE}/{kind}/{action}", name, kind)
    else:
        _check_policy(call, vault, permission, kind)
    return vault


def _require_vault(call: Call) -> Document:
    """The vault of the host name; 404 VaultNotFound."""
    # Real Azure's DNS has no name for a vault that is not there, so a client gets no connection at all. The nearest
    # answer is what a connection gets that outlived its vault.
    vault = vaults.find(call.tenant, call.host.partition(".")[0])
    if vault is None:
        message = f"The Key Vault '{call.host}' was not found."
        raise AzureError(status=404, code="VaultNotFound", message=message)
    return vault


def _check_firewall(call: Call, vault: Document) -> None:
    """403 if the vault's firewall blocks the client, before rights are checked.

    https://learn.microsoft.com/azure/key-vault/general/rest-error-codes.
    """
    if firewall.allows_client(vault["properties"]):
        return
    not_trusted = "Client address is not authorized and caller is not a trusted service."
    code, reason = "ForbiddenByFirewall", f"{not_trusted}\r\nClient address: {firewall.CLIENT_ADDRESS}"
    if firewall.is_private_only(vault["properties"]):
        reason = "Public network access is disabled and request is not from a trusted service nor via an approved"
        code, reason = "ForbiddenByConnection", f"{reason} private link."
    message = f"{reason}\r\nCaller: {_caller_text(call)}\r\nVault: {_name_and_location(vault)}"
    raise AzureError(status=403, code="Forbidden", message=message, details={"innererror": {"code": code}})


def _check_rbac(call: Call, vault: Document, action: str, name: str, kind: str) -> None:
    """403 ForbiddenByRbac unless a role allows the data action on the vault or the object."""
    scope = f"{vault['id']}/{kind}/{name}" if name else str(vault["id"])
    if access.is_principal_allowed(call.tenant, call.authenticated_caller.object_id, action, scope, data=True):
        return
    message = (
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
        "definitions were changed recently, please observe propagation time.\r\n"
        f"Caller: {_caller_text(call)}\r\nAction: '{action}'\r\nResource: '{scope.lower()}'\r\n"
        "Assignment: (not found)\r\n"
        f"DenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {_name_and_location(vault)}\r\n"
    )
    inner = {"innererror": {"code": "ForbiddenByRbac"}}
    raise AzureError(status=403, code="Forbidden", message=message, details=inner)


def _check_policy(call: Call, vault: Document, permission: str, kind: str) -> None:
    """403 ForbiddenByPolicy unless an access policy gives the caller the permission, or all of them."""
    for policy in vault["properties"]["accessPolicies"]:
        permissions: Document = policy.get("permissions") or {}
        names: list[object] = permissions.get(kind) or []
        granted = {str(name).lower() for name in names}
        if str(policy.get("objectId", "")).lower() == call.authenticated_caller.object_id and granted & {
            permission,
            "all",
        }:
            return
    message = (
        f"The user, group or application '{_caller_text(call)}' does not have {kind} {permission} permission on "
        f"key vault '{_name_and_location(vault)}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287"
    )
    inner = {"innererror": {"code": "ForbiddenByPolicy"}}
    raise AzureError(status=403, code="Forbidden", message=message, details=inner)


def _caller_text(call: Call) -> str:
    """The caller as Key Vault's messages name it."""
    return f"appid={call.authenticated_caller.app_id};oid={call.authenticated_caller.object_id};iss=https://sts.windows.net/{call.authenticated_caller.tenant_id}/"


def _name_and_location(vault: Document) -> str:
    """The vault as Key Vault's messages name it."""
    return f"{vault['name']};location={vault['location']}"
