"""What Resource Manager itself answers before a provider sees a call: the header and texts of its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulator import ARM, TENANT
from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

VAULTS = "/providers/Microsoft.KeyVault/vaults"


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


def test_a_call_without_a_token_is_told_where_the_tenant_signs_in(arm: Manager) -> None:
    url = f"{ARM}/subscriptions?api-version=2022-12-01"
    challenge = (
        f'Bearer authorization_uri="https://login.windows.net/{TENANT}", error="invalid_token", error_description='
    )
    missing = "\"The authentication failed because of missing 'Authorization' header.\""
    assert arm.azure.request("GET", url, token="").headers["www-authenticate"] == challenge + missing
    invalid = arm.azure.request("GET", url, token="nonsense").headers["www-authenticate"]
    assert invalid == f'{challenge}"The access token is invalid."'


def test_a_nested_resource_that_is_missing_is_named_with_types_and_names_in_turn(arm: Manager) -> None:
    path = f"{arm.group()}/providers/Microsoft.HDInsight/clusterpools/poolx/clusters/clux"
    answer = arm("GET", path, version="2024-05-01-preview")
    assert code(answer) == (404, "ResourceNotFound")
    assert "'Microsoft.HDInsight/clusterpools/poolx/clusters/clux'" in answer.json()["error"]["message"]


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
