"""What a person does about a refusal: how to sign in, or which az line grants the missing right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.cloud.claims import claims_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGN_IN_REMEDY = (
    "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET "
    "(or AZURE_CLIENT_CERTIFICATE_PATH, AZURE_FEDERATED_TOKEN_FILE) of a service principal; "
    "docs/rotation.md says what GitHub Actions and Azure Pipelines need."
)
# https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy
POLICY_REMEDIES = {
    "CredentialInvalidLifetimeAsPerAppPolicy": (
        "The tenant's policy allows client secrets for a shorter time only: set `rotation: {lifetime: …}`, with "
        "`every` and `overlap` within it, or have the application exempted by a policy of its own."
    ),
    "CredentialTypeNotAllowedAsPerAppPolicy": (
        "The tenant's policy allows no client secrets: where Airflow is your own, write "
        "`principals.NAME.credential: {federated: …}`; else have the application exempted by a policy of its own."
    ),
}
# Which role has an action, the least privileged first. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
READER = "Reader"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ROLES = (
    ("microsoft.authorization/", "Role Based Access Control Administrator"),
    ("microsoft.keyvault/vaults/secrets/", "Key Vault Secrets Officer"),
    ("microsoft.keyvault/locations/deletedvaults/purge/", "Key Vault Purge Operator"),
    (f"{BLOBS.lower()}/", "Storage Blob Data Owner"),
    ("microsoft.datafactory/", "Data Factory Contributor"),
    ("microsoft.managedidentity/", "Managed Identity Contributor"),
    ("", "Contributor"),
)
ACTION = re.compile(r"(?:perform action|Action:) '([\w./]+)'")
# A role is granted on a resource, not on an assignment or a role in it, nor on what a provider has for a whole
# subscription; a group that does not exist yet takes none.
BENEATH = re.compile(r"/providers/Microsoft\.Authorization/.*$", re.IGNORECASE)
# https://learn.microsoft.com/azure/data-factory/concepts-roles-permissions: on the factory or above.
IN_FACTORY = re.compile(r"(?<=/factories/)([^/]+)/.*$", re.IGNORECASE)
OF_SUBSCRIPTION = re.compile(r"^(/subscriptions/[^/]+)/providers/.*$", re.IGNORECASE)
NEW_GROUP = "microsoft.resources/subscriptions/resourcegroups/write"
SCOPE = re.compile(r"(?:over scope|Resource:) '(/[^'\s]+?)(?:/secrets/[^']*)?'")
OBJECT = re.compile(r"(?:object id|oid=)\s*'?([0-9a-fA-F-]{36})'?")
# The data planes of storage do not say what is missing: only the method of the request does.
STORAGE = re.compile(r"(?P<account>[a-z0-9]{3,24})\.(?:dfs|blob)\.core\.")
VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
# https://learn.microsoft.com/graph/permissions-reference#applicationreadwriteownedby
GRAPH = "00000003-0000-0000-c000-000000000000"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
APPLICATION = re.compile(r"/v1\.0/applications\b")
OWNED_BY = ("Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884")


def grant_remedy(action: str, scope: str, assignee: str) -> str:
    """The missing right and scope, and the az line that grants it to an object id."""
    name = action.lower()
    place = "/".join(scope.split("/")[:3]) if name == NEW_GROUP else _assignable(scope)
    role = _role_with(name)
    return _sentence(action, place, f"az role assignment create --assignee {assignee} --role '{role}' --scope {place}")


def activation_remedy(role: str, scope: str) -> str:
    """What a caller who is eligible for a role does; a sentence that `grant_remedy` follows.

    https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-activate-your-roles
    """
    where = "in the portal under Privileged Identity Management, My roles, Azure resources"
    return f"You are eligible for {role} on {scope} in Privileged Identity Management: activate it {where}. "


def _assignable(scope: str) -> str:
    """The narrowest scope of a role assignment that reaches this one."""
    return IN_FACTORY.sub(r"\1", OF_SUBSCRIPTION.sub(r"\1", BENEATH.sub("", scope)))


def _role_with(action: str) -> str:
    """The least privileged built-in role with an action, in lower case. Reader has every read of the control plane."""
    if action.endswith("/read") and not action.startswith(BLOBS.lower()):
        return READER
    return next(role for prefix, role in ROLES if action.startswith(prefix))


def remedy_of_graph_refusal(request: Any) -> str:
    """What a person does about a request that Graph refused: add the caller as owner, or grant the permission.

    Graph's answers name neither. request: the refused one.
    """
    claims, path = _claims(request), urlsplit(getattr(request, "url", "")).path
    if OWNED_BY[0] in claims.get("roles", ()) and GUID.search(path) and APPLICATION.match(path):
        return owner_remedy(path, claims)
    return graph_permission_remedy(claims)


def graph_permission_remedy(claims: Mapping[str, Any]) -> str:
    """The missing permission of Microsoft Graph and the az lines that grant it, also before a request was refused.

    claims: the claims of the caller's token.
    """
    name, permission = OWNED_BY
    client = claims.get("appid", "CLIENT_ID")
    grant = f"az ad app permission add --id {client} --api {GRAPH} --api-permissions {permission}=Role"
    line = f"{grant} && az ad app permission admin-consent --id {client}"
    sentence = _sentence(name, f"tenant {claims.get('tid', 'TENANT_ID')}", line)
    return f"{sentence} (docs/access.md). A person may register applications without it."


def owner_remedy(application_path: str, claims: Mapping[str, Any]) -> str:
    """What lets an app with `Application.ReadWrite.OwnedBy` change an application that it does not own.

    application_path: contains its object id or client id; az takes either. claims: the claims of its token.
    """
    who, found = claims.get("oid", "OBJECT_ID"), GUID.search(application_path)
    key = found.group() if found else "APPLICATION_ID"
    line = f"az ad app owner add --id {key} --owner-object-id {who}"
    what = f"the caller is no owner of application {key}, and {OWNED_BY[0]} is for owned ones only"
    return f"Missing ownership: {what}. An owner or an administrator can run: {line}"


def remedy_in(message: str, request: Any) -> str:
    """`grant_remedy` for a refusal that names action and scope, or for a refused request to storage; else empty."""
    (action, scope), who = denied_action_and_scope(message), OBJECT.search(message)
    if action:
        return grant_remedy(action, scope, who.group(1) if who else "OBJECT_ID")
    storage = STORAGE.match(urlsplit(getattr(request, "url", "")).netloc)
    return _data_remedy(storage["account"], request) if storage else ""


def denied_action_and_scope(message: str) -> tuple[str, str]:
    """The action and the scope that a refusal names; both empty if it does not."""
    action, scope = ACTION.search(message), SCOPE.search(message)
    return (action.group(1), scope.group(1)) if action is not None and scope is not None else ("", "")


def is_read(action: str) -> bool:
    """Whether Reader has it: a read on the control plane."""
    return bool(action) and _role_with(action.lower()) == READER


def _data_remedy(account_name: str, request: Any) -> str:
    """`grant_remedy` on the data of an account. The request names the account, so az looks up its id."""
    action = f"{BLOBS}/{VERBS.get(request.method, 'write')}"
    role = next(role for prefix, role in ROLES if action.lower().startswith(prefix))
    scope = f'"$(az storage account show --name {account_name} --query id --output tsv)"'
    assignee = _claims(request).get("oid", "OBJECT_ID")
    line = f"az role assignment create --assignee {assignee} --role '{role}' --scope {scope}"
    return _sentence(action, f"storage account {account_name}", line)


def _sentence(right: str, scope: str, line: str) -> str:
    return f"Missing permission: {right} on {scope}. Somebody who may grant it can run: {line}"


def _claims(request: Any) -> Mapping[str, Any]:
    """The claims of the token that the request was sent with; empty without one."""
    token = getattr(request, "headers", {}).get("Authorization", "").removeprefix("Bearer ")
    return claims_of(token) if token.count(".") == 2 else {}
