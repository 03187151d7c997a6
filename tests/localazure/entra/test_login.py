"""Entra's sign-in: what clients read before a token, tokens, and every refusal with its code."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential

from localazure.app.secret import Secret
from tests.emulator import ARM, GRAPH, LOGIN, TENANT

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

V2 = f"{LOGIN}/{TENANT}/oauth2/v2.0/token"
V1 = f"{LOGIN}/{TENANT}/oauth2/token"


def _form(azure: LocalAzure, **changed: str) -> dict[str, str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": azure.operator_client_id,
        "client_secret": azure.operator_secret.reveal(),
        "scope": f"{ARM}/.default",
    }
    return {name: value for name, value in {**form, **changed}.items() if value}


def _error_of(answer: Answer) -> tuple[int, str, int]:
    body = answer.json()
    (code,) = body["error_codes"]
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert body["error_uri"] == f"{LOGIN}/error?code={code}"
    assert body["trace_id"] in body["error_description"]
    assert {"timestamp", "correlation_id"} <= set(body)
    return answer.status, body["error"], code


@pytest.mark.usefixtures("azure_env")
def test_azure_identity_signs_in_unmodified() -> None:
    with DefaultAzureCredential() as credential:
        token = credential.get_token("https://vault.azure.net/.default")
    assert token.token.count(".") == 2


def test_azure_identity_understands_entra_s_errors(azure_env: LocalAzure) -> None:
    with (
        ClientSecretCredential(TENANT, azure_env.operator_client_id, "wrong") as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret provided"),
    ):
        credential.get_token(f"{ARM}/.default")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": ""}, (401, "invalid_client", 7000216)),
        ({"client_id": "00000000-1111-2222-3333-444444444444"}, (400, "unauthorized_client", 700016)),
        ({"client_id": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": ""}, (400, "invalid_request", 900144)),
        ({"scope": "https://unheard.example.com/.default"}, (400, "invalid_resource", 500011)),
        ({"scope": ARM}, (400, "invalid_scope", 1002012)),
        ({"scope": f"{ARM}/.default {GRAPH}/.default"}, (400, "invalid_scope", 70011)),
        ({"client_secret": "", "client_assertion": "x.y.z"}, (400, "invalid_request", 900144)),
    ],
)
def test_a_wrong_request_is_refused_with_entra_s_code(
    azure: LocalAzure, changed: dict[str, str], error: tuple[int, str, int]
) -> None:
    assert _error_of(azure.post_form(V2, _form(azure, **changed))) == error


def test_an_unknown_tenant_is_refused(azure: LocalAzure) -> None:
    nowhere = "00000000-0000-0000-0000-00000000dead"
    answer = azure.sign_in(azure.operator_client_id, azure.operator_secret, tenant=nowhere)
    assert _error_of(answer) == (400, "invalid_tenant", 90002)
    document = azure.request("GET", f"{LOGIN}/{nowhere}/v2.0/.well-known/openid-configuration", token="")
    assert _error_of(document) == (400, "invalid_tenant", 90002)


def test_a_token_cannot_be_requested_from_common(azure: LocalAzure) -> None:
    answer = azure.sign_in(azure.operator_client_id, azure.operator_secret, tenant="common")
    assert _error_of(answer) == (400, "invalid_request", 50059)


def test_a_secret_is_rejected_after_its_end_date(azure: LocalAzure) -> None:
    application = azure.graph("POST", "applications", {"displayName": "short"}).json()
    azure.graph("POST", "servicePrincipals", {"appId": application["appId"]})
    soon = {"passwordCredential": {"endDateTime": "2100-01-01T00:00:00Z"}}
    secret = Secret(azure.graph("POST", f"applications/{application['id']}/addPassword", soon).json()["secretText"])
    assert azure.sign_in(application["appId"], secret).status == 200
    azure.advance(90 * 365 * 86400)
    assert _error_of(azure.sign_in(application["appId"], secret)) == (401, "invalid_client", 7000222)


def test_an_application_without_a_service_principal_cannot_sign_in(azure: LocalAzure) -> None:
    application = azure.graph("POST", "applications", {"displayName": "alone"}).json()
    secret = Secret(azure.graph("POST", f"applications/{application['id']}/addPassword", {}).json()["secretText"])
    assert _error_of(azure.sign_in(application["appId"], secret)) == (400, "unauthorized_client", 7000229)


def test_a_disabled_principal_cannot_sign_in(azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("off")
    azure.graph("PATCH", f"servicePrincipals(appId='{client_id}')", {"accountEnabled": False})
    assert _error_of(azure.sign_in(client_id, secret)) == (400, "unauthorized_client", 7000112)


def test_the_secret_may_be_sent_as_basic_authorization(azure: LocalAzure) -> None:
    pair = f"{azure.operator_client_id}:{azure.operator_secret.reveal()}"
    head = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    body = f"grant_type=client_credentials&scope={ARM}/.default".encode()
    assert azure.request("POST", V2, body, headers=head, token="").status == 200


def test_numbers_in_responses_of_the_v1_endpoint_are_strings(azure: LocalAzure) -> None:
    body = azure.post_form(V1, _form(azure, scope="", resource=f"{ARM}/")).json()
    assert body["expires_in"] == "3599"
    assert int(body["expires_on"]) - int(body["not_before"]) == 3599
    assert body["resource"] == f"{ARM}/"
    assert azure.request("GET", f"{ARM}/subscriptions?api-version=2022-12-01", token=body["access_token"]).status == 200


def test_numbers_in_responses_of_the_v2_endpoint_are_numbers(azure: LocalAzure) -> None:
    answer = azure.post_form(V2, _form(azure))
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["ext_expires_in"]) == ("Bearer", 3599, 3599)
    assert "no-store" in answer.headers["cache-control"]


def test_a_token_can_be_issued_for_an_application_of_the_tenant(azure: LocalAzure) -> None:
    application = azure.graph("POST", "applications", {"displayName": "api", "identifierUris": ["api://mine"]}).json()
    for resource in (application["appId"], "api://mine"):
        assert azure.sign_in(azure.operator_client_id, azure.operator_secret, resource).status == 200


@pytest.mark.parametrize(
    ("version", "issuer"), [("/v2.0", f"{LOGIN}/{TENANT}/v2.0"), ("", f"https://sts.windows.net/{TENANT}/")]
)
def test_the_openid_configuration_has_working_urls(azure: LocalAzure, version: str, issuer: str) -> None:
    configuration = azure.request("GET", f"{LOGIN}/{TENANT}{version}/.well-known/openid-configuration", token="").json()
    assert configuration["issuer"] == issuer
    assert configuration["token_endpoint"] == f"{LOGIN}/{TENANT}/oauth2{version}/token"
    assert azure.request("GET", configuration["jwks_uri"], token="").json()["keys"]


def test_a_tenant_can_be_addressed_by_its_domain(azure: LocalAzure) -> None:
    url = f"{LOGIN}/provisioner.onmicrosoft.com/v2.0/.well-known/openid-configuration"
    assert azure.request("GET", url, token="").json()["issuer"] == f"{LOGIN}/{TENANT}/v2.0"


def test_instance_discovery_lists_the_hosts_of_the_cloud(azure: LocalAzure) -> None:
    url = f"{LOGIN}/common/discovery/instance?api-version=1.1&authorization_endpoint={LOGIN}/{TENANT}/oauth2/authorize"
    discovery = azure.request("GET", url, token="").json()
    assert discovery["tenant_discovery_endpoint"] == f"{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration"
    assert "login.microsoftonline.com" in discovery["metadata"][0]["aliases"]


def _claims(azure: LocalAzure, resource: str) -> dict[str, Any]:
    azure.tokens.clear()
    return jwt.decode(azure.token(resource), options={"verify_signature": False})


def test_a_token_for_graph_has_the_permissions_and_directory_roles_of_an_app(azure: LocalAzure) -> None:
    claims = _claims(azure, "https://graph.microsoft.com")
    assert claims["roles"] == ["Application.ReadWrite.OwnedBy"]
    assert claims["wids"] == ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"]

    administrator = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
    operator, none = azure.operator_client_id, list[str]()
    setting = {"app_roles": {operator: none}, "directory_roles": {operator: [administrator]}}
    azure.control("PUT", "/settings/graph", setting)

    claims = _claims(azure, "https://graph.microsoft.com")
    assert "roles" not in claims
    assert claims["wids"] == [administrator, "0997a1d0-0d1d-4acb-b408-d5ca73121e90"]
    assert not {"roles", "wids"} & set(_claims(azure, "https://management.azure.com"))


@pytest.mark.parametrize("version", ["", "/v2.0"])
def test_the_configuration_lists_the_claims_of_tokens(azure: LocalAzure, version: str) -> None:
    url = f"{LOGIN}/{TENANT}{version}/.well-known/openid-configuration"
    assert {"sub", "iss", "aud", "exp", "nonce"} <= set(azure.request("GET", url, token="").json()["claims_supported"])


def test_the_parts_of_an_error_s_description_are_separated_by_spaces(azure: LocalAzure) -> None:
    r"""Sources disagree; the newer one was taken.

    Until 2023 the parts ended with `\r\n`: https://github.com/OfficeDev/microsoft-365-agents-toolkit/issues/8621, and
    what az recorded. Since 2024 there are spaces:
    https://github.com/Power-Maverick/DataverseDevTools-VSCode/issues/166.
    """
    refused = azure.sign_in(azure.operator_client_id, Secret("wrong")).json()
    assert re.search(r"\. Trace ID: [\w-]+ Correlation ID: [\w-]+ Timestamp: [\d: Z-]+$", refused["error_description"])
