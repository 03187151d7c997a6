"""The directory: applications, service principals (also of managed identities), and those soft-deleted.

Documents have Graph's shape and are stored by object id; members that begin with `_` are never shown. Shared by login,
Graph, managed identities and role assignments. https://learn.microsoft.com/graph/api/resources/application
"""

from __future__ import annotations

import hashlib
import secrets
import string
from typing import TYPE_CHECKING, Any, cast

from localazure.app.secret_marker import SECRET_MARKER
from localazure.app.tenant import TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

APPLICATIONS = "applications"
PRINCIPALS = "service_principals"
DELETED = "deleted_directory_items"
TRUSTED = "_federated"  # of an application or a managed identity: its federated identity credentials
# A constant in the `wids` of every app-only token for Graph; no directory role has this id.
APP_ONLY = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
_LETTERS = string.ascii_letters + string.digits


def find_principal(tenant: Tenant, object_id: str) -> Document | None:
    """Return the service principal (of an application or managed identity) with this object id, or None."""
    return tenant.store.get(PRINCIPALS, object_id.lower())


def find_principal_by_app_id(tenant: Tenant, app_id: str) -> Document | None:
    """Return the service principal of an application or managed identity with this client id, or None."""
    return next((d for _, d in tenant.store.rows(PRINCIPALS) if d["appId"] == app_id.lower()), None)


def find_application(tenant: Tenant, object_id: str) -> Document | None:
    """Return the application with this object id, or None."""
    return tenant.store.get(APPLICATIONS, object_id.lower())


def find_application_by_app_id(tenant: Tenant, app_id: str) -> Document | None:
    """Return the application with this client id, or None."""
    return next((d for _, d in tenant.store.rows(APPLICATIONS) if d["appId"] == app_id.lower()), None)


def create_managed_identity(tenant: Tenant, name: str, resource_id: str) -> Document:
    """Store and return a service principal of type ManagedIdentity, as Entra creates for an identity resource."""
    created = new_principal(tenant, tenant.clock.new_id(), name)
    created |= {"servicePrincipalType": "ManagedIdentity", "alternativeNames": ["isExplicit=True", resource_id]}
    created |= {"appOwnerOrganizationId": None, "info": None}
    return tenant.store.put(PRINCIPALS, created["id"], created)


def sync_system_identity(tenant: Tenant, resource: Document, requested: Document, existing: Document) -> Document:
    """Return the `identity` that a resource asks for.

    For a system-assigned one, create its principal unless it exists; otherwise delete the one that it had.

    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
    """
    object_id = str(existing.get("principalId", ""))
    if "SystemAssigned" not in str(requested.get("type", "")):
        delete_principal(tenant, object_id)
        return requested
    if not object_id:
        principal = create_managed_identity(tenant, resource["name"], resource["id"])
        principal["alternativeNames"] = ["isExplicit=False", resource["id"]]
        object_id = tenant.store.put(PRINCIPALS, principal["id"], principal)["id"]
    return {**requested, "principalId": object_id, "tenantId": TENANT_ID}


def set_federated_credentials(tenant: Tenant, principal_id: str, credentials: list[Document]) -> None:
    """Set whose tokens sign a managed identity in: documents with issuer, subject and audiences.

    Does nothing if there is no such principal.
    """
    principal = find_principal(tenant, principal_id)
    if principal is not None:
        tenant.store.put(PRINCIPALS, principal["id"], {**principal, TRUSTED: credentials})


def delete_principal(tenant: Tenant, object_id: str) -> bool:
    """Delete a principal permanently, as Entra does with that of a managed identity. Returns whether it existed."""
    return tenant.store.remove(PRINCIPALS, object_id.lower())


def graph_claims(tenant: Tenant, principal: Document) -> dict[str, Any]:
    """Return the permissions of an app as claims of its token for Graph: `roles`, and `wids` for its directory roles.

    An administrator grants them in Azure; here the control endpoint's setting `graph` does, by client id: `app_roles`
    (names of permissions, instead of the seeded ones) and `directory_roles` (template ids).
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    setting = tenant.store.get("settings", "graph") or {}
    roles = setting.get("app_roles", {}).get(principal["appId"], principal.get("_graph_roles"))
    directory_roles = setting.get("directory_roles", {}).get(principal["appId"], [])
    return {**({"roles": roles} if roles else {}), "wids": [*directory_roles, APP_ONLY]}


# Properties of a new application that have no value: https://learn.microsoft.com/graph/api/resources/application
_UNSET = ("certification", "createdByAppId", "defaultRedirectUri", "isDisabled", "nativeAuthenticationApisEnabled",
          "requestSignatureVerification", "samlMetadataUrl", "servicePrincipalLockConfiguration")  # fmt: skip

_INFO = ("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl")


def new_application(tenant: Tenant, name: str) -> Document:
    """Return an application as Graph creates it from a display name only; not yet stored."""
    return {
        "id": tenant.clock.new_id(),
        "deletedDateTime": None,
        "appId": tenant.clock.new_id(),
        "uniqueName": None,
        "applicationTemplateId": None,
        "disabledByMicrosoftStatus": None,
        "createdDateTime": format_date(tenant.clock.now()),
        "displayName": name,
        "description": None,
        "groupMembershipClaims": None,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": None,
        "isFallbackPublicClient": None,
        "notes": None,
        "publisherDomain": "provisioner.onmicrosoft.com",
        "serviceManagementReference": None,
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "tokenEncryptionKeyId": None,
        **dict.fromkeys(_UNSET),
        "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "addIns": [],
        "api": {"acceptMappedClaims": None, "knownClientApplications": [], "requestedAccessTokenVersion": None,
                "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
        "appRoles": [],
        "info": dict.fromkeys(_INFO),
        "keyCredentials": [],
        "optionalClaims": None,
        "passwordCredentials": [],
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "spa": {"redirectUris": []},
        "web": {"homePageUrl": None, "logoutUrl": None, "redirectUris": [], "redirectUriSettings": [],
                "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False}},
        "_owners": [],
    }  # fmt: skip


def new_principal(tenant: Tenant, app_id: str, name: str) -> Document:
    """Return a service principal as Graph creates it for an application; not yet stored."""
    return {
        "id": tenant.clock.new_id(),
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": [],
        "appDisplayName": name,
        "appDescription": None,
        "appId": app_id,
        "appOwnerOrganizationId": TENANT_ID,
        "appRoleAssignmentRequired": False,
        "applicationTemplateId": None,
        "createdDateTime": format_date(tenant.clock.now()),
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": name,
        "homepage": None,
        "loginUrl": None,
        "logoutUrl": None,
        "notes": None,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": None,
        "preferredTokenSigningKeyThumbprint": None,
        "replyUrls": [],
        "servicePrincipalNames": [app_id],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "tokenEncryptionKeyId": None,
        "samlSingleSignOnSettings": None,
        "addIns": [],
        "appRoles": [],
        "info": dict.fromkeys(_INFO),
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "resourceSpecificApplicationPermissions": [],
        "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
        "_owners": [],
        "_graph_roles": [],
    }  # fmt: skip


def new_password_credential(
    secret_text: str, key_id: str, name: str | None, start: datetime, end: datetime
) -> Document:
    """Return a password credential; it has only the hash and the hint of the text."""
    return {
        "customKeyIdentifier": None,
        "displayName": name,
        "endDateTime": format_date(end),
        "hint": secret_text[:3],
        "keyId": key_id,
        "secretText": None,
        "startDateTime": format_date(start),
        "_sha256": secret_hash(secret_text),
    }


def generate_secret_text() -> str:
    """Return a random secret in Entra's format, which secret scanners look for: three characters, "8Q~", 34 more."""
    start = "".join(secrets.choice(_LETTERS) for _ in range(3))  # no dash in front: it goes on command lines
    return f"{start}8Q~{SECRET_MARKER}" + "".join(
        secrets.choice(f"{_LETTERS}-_.~") for _ in range(34 - len(SECRET_MARKER))
    )


def secret_hash(text: str) -> str:
    """Return the hash of a secret, which is all that is stored of it."""
    return hashlib.sha256(text.encode()).hexdigest()


def format_date(moment: datetime) -> str:
    """Format a date as Graph does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def without_hidden(value: Any) -> Any:
    """Return a document as a response shows it: without the members that begin with `_`, at any depth."""
    if isinstance(value, dict):
        members = cast("Document", value)
        return {key: without_hidden(inner) for key, inner in members.items() if not key.startswith("_")}
    return [without_hidden(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


def list_applications(tenant: Tenant) -> Iterator[Document]:
    """Iterate over all applications, sorted by object id."""
    return (document for _, document in tenant.store.rows(APPLICATIONS))
