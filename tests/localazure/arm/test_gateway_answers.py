"""What Resource Manager itself answers before a provider sees a call: the header and texts of its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from localazure.app.signing import Signer
from tests.emulator import ARM, GRAPH, TENANT
from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

VAULTS = "/providers/Microsoft.KeyVault/vaults"
OTHER = "11111111-2222-3333-4444-555555555555"
CHALLENGE = f'Bearer authorization_uri="https://login.windows.net/{TENANT}", error="invalid_token", error_description='


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def test_errors_of_the_gateway_say_so(arm: Manager) -> None:
    stranger = arm.as_(arm.someone())
    group = arm.group()
    answers = {
        "AuthenticationFailed": arm.azure.request("GET", f"{ARM}/subscriptions?api-version=2022-12-01", token=""),
        "AuthorizationFailed": stranger("GET", group),
        "ResourceGroupNotFound": arm("GET", "/resourceGroups/none"),
        "ResourceNotFound": arm("GET", f"{group}{VAULTS}/kv-none"),
        "InvalidResourceType": arm("GET", f"{group}/providers/Microsoft.KeyVault/boxes/x"),
    }
    assert {code(answer)[1] for answer in answers.values()} == set(answers)
    assert {answer.headers["x-ms-failure-cause"] for answer in answers.values()} == {"gateway"}
    assert "x-ms-failure-cause" not in arm("PUT", "/resourceGroups/a.", {"location": "westeurope"}).headers
    assert "x-ms-failure-cause" not in arm("GET", group).headers


def signed(arm: Manager, **changes: object) -> str:
    """A token of the operator with other claims, signed by the local Entra."""
    claims: dict[str, Any] = jwt.decode(arm.azure.token(ARM), options={"verify_signature": False})
    return Signer(arm.azure.state / "token-key.pem").sign({**claims, **changes})


def invalid_tokens(arm: Manager) -> dict[str, str]:
    """Tokens that the gateway refuses, by the code of the error."""
    return {
        "ExpiredAuthenticationToken": signed(arm, nbf=1, iat=1, exp=2),
        "InvalidAuthenticationToken": "nonsense",
        "InvalidAuthenticationTokenAudience": arm.azure.token(GRAPH),
        "InvalidAuthenticationTokenTenant": signed(arm, tid=OTHER, iss=f"https://sts.windows.net/{OTHER}/"),
    }


def test_the_other_errors_of_the_gateway_say_so_too(arm: Manager) -> None:
    group = arm.group()
    runtime = f"{group}/providers/Microsoft.DataFactory/factories/none/integrationruntimes/a"
    answers = {
        name: arm.azure.request("GET", f"{ARM}/subscriptions?api-version=2022-12-01", token=token)
        for name, token in invalid_tokens(arm).items()
    } | {
        "InvalidResourceNamespace": arm("GET", f"{group}/providers/Microsoft.Nope/x/y"),
        "ParentResourceNotFound": arm("PUT", runtime, {"properties": {"type": "Managed"}}, version="2018-06-01"),
        "SubscriptionNotFound": arm.azure.request("GET", f"{ARM}/subscriptions/{OTHER}?api-version=2022-12-01"),
    }
    assert {name: code(answer)[1] for name, answer in answers.items()} == {name: name for name in answers}
    causes = {name: answer.headers.get("x-ms-failure-cause") for name, answer in answers.items()}
    assert causes == dict.fromkeys(answers, "gateway")


def test_a_call_with_a_token_that_is_not_taken_is_told_why_and_where_the_tenant_signs_in(arm: Manager) -> None:
    url = f"{ARM}/subscriptions?api-version=2022-12-01"
    answers = {name: arm.azure.request("GET", url, token=token) for name, token in invalid_tokens(arm).items()}
    reasons = {
        name: answer.headers["www-authenticate"].removeprefix(CHALLENGE).strip('"') for name, answer in answers.items()
    }
    messages = {name: answer.json()["error"]["message"] for name, answer in answers.items()}
    assert reasons.pop("InvalidAuthenticationTokenTenant") == (
        "The access token is from the wrong issuer. It must match the tenant associated with this subscription. "
        "Please use correct authority to get the token."
    )
    assert OTHER in messages.pop("InvalidAuthenticationTokenTenant")
    assert reasons == messages
    assert messages["ExpiredAuthenticationToken"].startswith("The access token expiry UTC time '01/01/1970 12:00:02 AM")
    assert GRAPH in messages["InvalidAuthenticationTokenAudience"]


def test_a_call_without_a_token_is_told_where_the_tenant_signs_in(arm: Manager) -> None:
    url = f"{ARM}/subscriptions?api-version=2022-12-01"
    missing = "\"The authentication failed because of missing 'Authorization' header.\""
    assert arm.azure.request("GET", url, token="").headers["www-authenticate"] == CHALLENGE + missing
    invalid = arm.azure.request("GET", url, token="nonsense").headers["www-authenticate"]
    assert invalid == f'{CHALLENGE}"The access token is invalid."'


def test_a_nested_resource_that_is_missing_is_named_with_types_and_names_in_turn(arm: Manager) -> None:
    path = f"{arm.group()}/providers/Microsoft.HDInsight/clusterpools/poolx/clusters/clux"
    answer = arm("GET", path, version="2024-05-01-preview")
    assert code(answer) == (404, "ResourceNotFound")
    assert "'Microsoft.HDInsight/clusterpools/poolx/clusters/clux'" in answer.json()["error"]["message"]


def test_it_is_named_so_whichever_service_misses_it(arm: Manager) -> None:
    cluster = f"{arm.group()}/providers/Microsoft.HDInsight/clusterpools/poolx/clusters/clux"
    answers = [
        arm("GET", f"{cluster}/providers/Microsoft.Resources/tags/default", version="2021-04-01"),
        arm("GET", f"{cluster}/jobs", version="2024-05-01-preview"),
    ]
    texts = {(code(answer), answer.json()["error"]["message"]) for answer in answers}
    message = (
        "The Resource 'Microsoft.HDInsight/clusterpools/poolx/clusters/clux' under resource group 'rg-one' was not "
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    assert texts == {((404, "ResourceNotFound"), message)}
    tags = arm("GET", "/resourceGroups/none/providers/Microsoft.Resources/tags/default", version="2021-04-01")
    assert code(tags) == (404, "ResourceGroupNotFound")


def test_the_supported_versions_of_an_unknown_type_leave_out_the_one_in_the_call(arm: Manager) -> None:
    answer = arm("GET", f"{arm.group()}/providers/Microsoft.KeyVault/boxes/x", version="2023-07-01")
    text, _, supported = answer.json()["error"]["message"].partition("The supported api-versions are ")
    assert "for api version '2023-07-01'" in text
    assert "2023-02-01" in supported
    assert "2023-07-01" not in supported


@pytest.mark.parametrize(
    ("version", "status"),
    [("2021-04-01", 200), ("2014-04-01-preview", 200), ("2099-01-01", 200), ("2021-04-02", 400), ("2023-01-01", 400)],
)
def test_groups_refuse_versions_that_they_never_had(arm: Manager, version: str, status: int) -> None:
    group = arm.group()
    answers = [arm(method, path, version=version) for method, path in (("GET", group), ("GET", "/resourceGroups"))]
    assert [answer.status for answer in answers] == [status, status]
    if status == 400:
        assert code(answers[0]) == (400, "InvalidApiVersionParameter")
        assert "The supported versions are '2026-06-01,2025-04-01," in answers[0].json()["error"]["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
def test_no_call_for_a_group_may_name_a_version_that_it_never_had(arm: Manager, method: str) -> None:
    group = arm.group()
    body = {"location": "westeurope"} if method in {"PUT", "PATCH"} else None
    assert arm(method, group, body, version="2023-01-01").status == 400
    assert arm("GET", group).status == 200
