"""The firewall check of vaults and accounts comes before any permission: raw HTTP, with Azure's own bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM
from tests.kinds.azure_setup import make_vault
from tests.localazure import lake

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

Settings = dict[str, Any]
DENY: Settings = {"networkAcls": {"defaultAction": "Deny", "ipRules": []}}
ALLOWED: Settings = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.0/24"}]}}
OPEN: Settings = {}
CLOSED: Settings = {"publicNetworkAccess": "Disabled"}


def list_secrets(azure: LocalAzure, settings: dict[str, Any]) -> Answer:
    name = make_vault(azure)
    vault = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/{name}"
    assert azure.request("PATCH", f"{ARM}{vault}?api-version=2023-07-01", {"properties": settings}).status == 200
    token = azure.token("https://vault.azure.net")
    return azure.request("GET", f"https://{name}.vault.azure.net/secrets?api-version=7.4", token=token)


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        (DENY, "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service.\r\n"),
        (CLOSED, "ForbiddenByConnection", "Public network access is disabled and request is not from a trusted "),
    ],
)
def test_a_vault_refuses_a_client_that_its_network_rules_do_not_allow(
    azure: LocalAzure, settings: dict[str, Any], code: str, message: str
) -> None:
    answer = list_secrets(azure, settings)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["innererror"]["code"]) == (403, "Forbidden", code)
    assert error["message"].startswith(message)
    assert "\r\nCaller: appid=" in error["message"]
    assert error["message"].endswith("\r\nVault: kv-kinds;location=westeurope")


def test_a_vault_allows_an_address_that_an_ip_rule_names(azure: LocalAzure) -> None:
    assert list_secrets(azure, ALLOWED).status == 200
    other = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}, {"value": "no address"}]}}
    assert list_secrets(azure, other).status == 403


@pytest.mark.parametrize("kind", ["blob", "dfs"])
@pytest.mark.parametrize(("settings", "status"), [(DENY, 403), (CLOSED, 403), (ALLOWED, 200), (OPEN, 200)])
def test_a_storage_account_checks_its_network_rules_for_blob_and_data_lake(
    azure: LocalAzure, kind: str, settings: dict[str, Any], status: int
) -> None:
    account = lake.create_lake(azure, **settings)
    url = {"blob": f"{account.blob}/?comp=list", "dfs": f"{account.dfs}/?resource=account"}[kind]
    answer = account.call("GET", url)
    assert answer.status == status
    if status == 403:
        assert answer.headers["x-ms-error-code"] == "AuthorizationFailure"
        assert b"This request is not authorized to perform this operation." in answer.body
