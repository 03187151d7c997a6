"""What answers of Graph contain, as az's recordings have them (azure-cli, command_modules/role/tests/latest)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import GRAPH, TENANT
from tests.resource_manager import code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

OPERATOR = "c2a7f0d9-1e5b-4b8a-9c3d-7f6e5d4c3b04"
JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
NO_LINKS = {"logoUrl": None, "marketingUrl": None, "privacyStatementUrl": None, "supportUrl": None,
            "termsOfServiceUrl": None}  # fmt: skip


@pytest.fixture
def app(azure: LocalAzure) -> dict[str, Any]:
    return azure.graph("POST", "applications", {"displayName": "flink"}).json()


def test_answers_say_their_odata_version_and_errors_do_not(azure: LocalAzure, app: dict[str, Any]) -> None:
    for path in ("applications", f"applications/{app['id']}", "organization"):
        headers = azure.graph("GET", path).headers
        assert (headers["odata-version"], headers["content-type"]) == ("4.0", JSON)
    refused = azure.graph("GET", "applications/none").headers
    assert "odata-version" not in refused
    assert refused["content-type"].startswith("application/json")


def test_answers_to_a_post_and_about_principals_say_it_too(azure: LocalAzure, app: dict[str, Any]) -> None:
    created = azure.graph("POST", "servicePrincipals", {"appId": app["appId"]})
    principal = f"servicePrincipals/{created.json()['id']}"
    answers = [
        created,
        azure.graph("POST", "applications", {"displayName": "other"}),
        azure.graph("POST", f"applications/{app['id']}/addPassword", {}),
        azure.graph("POST", f"{principal}/addPassword", {}),
        azure.graph("GET", principal),
        azure.graph("GET", "servicePrincipals"),
    ]
    assert [answer.status for answer in answers] == [201, 201, 200, 200, 200, 200]
    for answer in answers:
        assert (answer.headers["odata-version"], answer.headers["content-type"]) == ("4.0", JSON)


def test_a_created_object_has_its_location(azure: LocalAzure, app: dict[str, Any]) -> None:
    url = f"{GRAPH}/v2/{TENANT}/directoryObjects"
    created = azure.graph("POST", "applications", {"displayName": "other"})
    assert created.headers["location"] == f"{url}/{created.json()['id']}/Microsoft.DirectoryServices.Application"
    created = azure.graph("POST", "servicePrincipals", {"appId": app["appId"]})
    assert created.headers["location"] == f"{url}/{created.json()['id']}/Microsoft.DirectoryServices.ServicePrincipal"
    assert azure.graph("POST", f"applications/{app['id']}/addPassword", {}).headers["location"] == GRAPH


def test_a_created_federated_credential_has_its_location(azure: LocalAzure, app: dict[str, Any]) -> None:
    """Recorded by az: test_app_federated_credential.yaml."""
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    trusted = {"issuer": "https://issuer.example", "subject": "one", "audiences": ["api://AzureADTokenExchange"]}
    created = azure.graph("POST", path, {"name": "one", **trusted})
    upserted = azure.graph("PATCH", f"{path}(name='two')", {**trusted, "subject": "two"}, Prefer="create-if-missing")
    for answer in (created, upserted):
        assert answer.status == 201, answer.body
        expected = f"{GRAPH}/v2/{TENANT}/federatedIdentityCredentials/{answer.json()['id']}"
        assert answer.headers["location"] == expected
    assert "location" not in azure.graph("GET", f"{path}/{created.json()['id']}").headers


def test_a_principal_names_its_tenant_and_takes_empty_saml_settings(azure: LocalAzure, app: dict[str, Any]) -> None:
    """Terraform's azuread sends `samlSingleSignOnSettings: {}` with every principal."""
    body: dict[str, Any] = {"appId": app["appId"], "accountEnabled": True, "samlSingleSignOnSettings": {}}
    created = azure.graph("POST", "servicePrincipals", body)
    assert created.status == 201, created.body
    assert (created.json()["appOwnerOrganizationId"], created.json()["info"]) == (TENANT, NO_LINKS)
    other = azure.graph("POST", "applications", {"displayName": "other"}).json()
    principal = azure.graph("POST", "servicePrincipals", {"appId": other["appId"]}).json()
    assert principal["samlSingleSignOnSettings"] is None


def test_a_principal_s_password_has_no_hint(azure: LocalAzure, app: dict[str, Any]) -> None:
    """So az recorded it (test_sp_credential.yaml); the example in Graph's documentation has a hint."""
    principal = azure.graph("POST", "servicePrincipals", {"appId": app["appId"]}).json()
    password = azure.graph("POST", f"servicePrincipals/{principal['id']}/addPassword", {}).json()
    assert password["hint"] is None
    stored = azure.graph("GET", f"servicePrincipals/{principal['id']}").json()["passwordCredentials"]
    assert [credential["hint"] for credential in stored] == [None]


def test_a_change_of_a_nested_property_keeps_its_neighbours(azure: LocalAzure) -> None:
    web = {"redirectUris": ["https://a"], "implicitGrantSettings": {"enableIdTokenIssuance": True}}
    created = azure.graph("POST", "applications", {"displayName": "site", "web": web}).json()
    both = {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": True}
    assert (created["web"]["implicitGrantSettings"], created["web"]["homePageUrl"]) == (both, None)
    change = {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": True}}}
    assert azure.graph("PATCH", f"applications/{created['id']}", change).status == 204
    changed = azure.graph("GET", f"applications/{created['id']}").json()["web"]
    assert changed["implicitGrantSettings"] == {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True}
    assert changed["redirectUris"] == ["https://a"]


def test_a_new_object_is_bound_to_its_owners(azure: LocalAzure, app: dict[str, Any]) -> None:
    principal = azure.graph("POST", "servicePrincipals", {"appId": app["appId"]}).json()
    owners = [f"{GRAPH}/v1.0/directoryObjects/{owner}" for owner in (OPERATOR, principal["id"])]
    created = azure.graph("POST", "applications", {"displayName": "owned", "owners@odata.bind": owners}).json()
    listed = azure.graph("GET", f"applications/{created['id']}/owners").json()["value"]
    assert [owner["id"] for owner in listed] == [OPERATOR, principal["id"]]
    bound = {"appId": created["appId"], "owners@odata.bind": owners[1:]}
    second = azure.graph("POST", "servicePrincipals", bound).json()
    listed = azure.graph("GET", f"servicePrincipals/{second['id']}/owners").json()["value"]
    assert [owner["id"] for owner in listed] == [OPERATOR, principal["id"]]  # the calling application owns it, too


def test_an_owner_that_does_not_exist_is_an_error(azure: LocalAzure, app: dict[str, Any]) -> None:
    nobody = {"owners@odata.bind": [f"{GRAPH}/v1.0/directoryObjects/{TENANT}"]}
    refused = azure.graph("POST", "applications", {"displayName": "x", **nobody})
    assert code(refused) == (404, "Request_ResourceNotFound")
    refused = azure.graph("POST", "servicePrincipals", {"appId": app["appId"], **nobody})
    assert code(refused) == (404, "Request_ResourceNotFound")
    filtered = azure.graph("GET", f"servicePrincipals?$filter=appId eq '{app['appId']}'")
    assert filtered.json()["value"] == []
    refused = azure.graph("POST", "applications", {"displayName": "x", "owners@odata.bind": OPERATOR})
    assert code(refused) == (400, "Request_BadRequest")


# Of https://learn.microsoft.com/graph/api/resources/application, whose table of properties says what is a default.
NULL = ("applicationTemplateId", "certification", "createdByAppId", "defaultRedirectUri", "deletedDateTime",
        "description", "disabledByMicrosoftStatus", "groupMembershipClaims", "isDeviceOnlyAuthSupported", "isDisabled",
        "isFallbackPublicClient", "nativeAuthenticationApisEnabled", "notes", "optionalClaims",
        "requestSignatureVerification", "samlMetadataUrl", "serviceManagementReference",
        "servicePrincipalLockConfiguration", "tokenEncryptionKeyId", "uniqueName")  # fmt: skip
EMPTY = ("addIns", "appRoles", "identifierUris", "keyCredentials", "passwordCredentials", "requiredResourceAccess",
         "tags")  # fmt: skip
OBJECTS: dict[str, Any] = {
    "api": {"acceptMappedClaims": None, "knownClientApplications": [], "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [], "requestedAccessTokenVersion": None},
    "info": NO_LINKS,
    "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
    "publicClient": {"redirectUris": []},
    "spa": {"redirectUris": []},
    "verifiedPublisher": {"addedDateTime": None, "displayName": None, "verifiedPublisherId": None},
    "web": {"homePageUrl": None, "implicitGrantSettings": {"enableAccessTokenIssuance": False,
            "enableIdTokenIssuance": False}, "logoutUrl": None, "redirectUris": [], "redirectUriSettings": []},
}  # fmt: skip


def test_a_new_application_has_every_default(azure: LocalAzure, app: dict[str, Any]) -> None:
    answer = azure.graph("GET", f"applications/{app['id']}").json()
    chosen = {name: answer.pop(name) for name in ("@odata.context", "id", "appId", "createdDateTime")}
    assert all(chosen.values())
    assert answer == {
        **dict.fromkeys(NULL),
        **{name: [] for name in EMPTY},
        **OBJECTS,
        "displayName": "flink",
        "publisherDomain": "provisioner.onmicrosoft.com",
        "signInAudience": "AzureADMyOrg",
    }
