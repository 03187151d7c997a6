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
# Which role has an action, the least privileged first. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
READER = "Reader"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ROLES = (
    ("microsoft.authorization/", "Role Based Access Control Administrator"),
    ("microsoft.keyvault/vaults/secrets/", "Key Vault Secrets Officer"),
    ("microsoft.keyvault/locations/deletedvaults/purge/", "Key Vault Purge Operator"),
    (f"{BLOBS.lower()}/", "Storage Blob Data Owner"),
    ("microsoft.datafactory/", "Data Factory Contributor"),
    ("", "Contributor"),
)
ACTION = re.compile(r"(?:perform action|Action:) '([\w./]+)'")
# A role is granted on a resource, not on an assignment in it; a group that does not exist yet takes none.
BENEATH = re.compile(r"/providers/Microsoft\.Authorization/roleAssignments/[^/]*$", re.IGNORECASE)
NEW_GROUP = "microsoft.resources/subscriptions/resourcegroups/write"
SCOPE = re.compile(r"(?:over scope|Resource:) '(/[^'\s]+?)(?:/secrets/[^']*)?'")
OBJECT = re.compile(r"(?:object id|oid=)\s*'?([0-9a-fA-F-]{36})'?")
# The data planes of storage do not say what is missing: only the method of the request does.
STORAGE = re.compile(r"(?P<account>[a-z0-9]{3,24})\.(?:dfs|blob)\.core\.")
VERBS = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
# https://learn.microsoft.com/graph/permissions-reference#applicationreadwriteownedby
GRAPH = "00000003-0000-0000-c000-000000000000"
OWNED_BY = ("Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884")


def missing_right(action: str, scope: str, assignee: str) -> str:
    """The missing right and scope, and the az line that grants it to an object id."""
    name = action.lower()
    role = next(role for prefix, role in ROLES if name.startswith(prefix))
    if role == ROLES[-1][1] and name.endswith("/read"):
        role = READER
    place = "/".join(scope.split("/")[:3]) if name == NEW_GROUP else scope
    return _sentence(action, place, f"az role assignment create --assignee {assignee} --role '{role}' --scope {place}")


def missing_permission(request: Any) -> str:
    """`missing_right` for Microsoft Graph, whose answers name neither. request: the refused one."""
    return missing_permission_of(_claims(request))


def missing_permission_of(caller: Mapping[str, Any]) -> str:
    """`missing_right` for Microsoft Graph before any request was refused. caller: the claims of its token."""
    name, permission = OWNED_BY
    client = caller.get("appid", "CLIENT_ID")
    grant = f"az ad app permission add --id {client} --api {GRAPH} --api-permissions {permission}=Role"
    line = f"{grant} && az ad app permission admin-consent --id {client}"
    sentence = _sentence(name, f"tenant {caller.get('tid', 'TENANT_ID')}", line)
    return f"{sentence} (docs/access.md). A person may register applications without it."


def missing_in(message: str, request: Any) -> str:
    """`missing_right` for a refusal that names action and scope, or for a refused request to storage; else empty."""
    action, scope, who = ACTION.search(message), SCOPE.search(message), OBJECT.search(message)
    if action is not None and scope is not None:
        return missing_right(action.group(1), BENEATH.sub("", scope.group(1)), who.group(1) if who else "OBJECT_ID")
    storage = STORAGE.match(urlsplit(getattr(request, "url", "")).netloc)
    return _on_data(storage["account"], request) if storage else ""


def _on_data(account: str, request: Any) -> str:
    """`missing_right` on the data of an account. The request names the account, so az looks up its id."""
    action = f"{BLOBS}/{VERBS.get(request.method, 'write')}"
    role = next(role for prefix, role in ROLES if action.lower().startswith(prefix))
    scope = f'"$(az storage account show --name {account} --query id --output tsv)"'
    assignee = _claims(request).get("oid", "OBJECT_ID")
    line = f"az role assignment create --assignee {assignee} --role '{role}' --scope {scope}"
    return _sentence(action, f"storage account {account}", line)


def _sentence(right: str, scope: str, line: str) -> str:
    return f"Missing right: {right} on {scope}. Somebody who may grant it runs: {line}"


def _claims(request: Any) -> Mapping[str, Any]:
    """The claims of the token that the request was sent with; empty without one."""
    token = getattr(request, "headers", {}).get("Authorization", "").removeprefix("Bearer ")
    return claims_of(token) if token.count(".") == 2 else {}
