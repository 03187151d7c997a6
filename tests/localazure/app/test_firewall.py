"""Network rules of vaults and accounts come before every right: raw HTTP, with Azure's own bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM
from tests.kinds.worlds import make_vault
from tests.localazure import lake

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

Settings = dict[str, Any]
DENY: Settings = {"networkAcls": {"defaultAction": "Deny", "ipRules": []}}
ADMITTED: Settings = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.0/24"}]}}
OPEN: Settings = {}
CLOSED: Settings = {"publicNetworkAccess": "Disabled"}


def secrets_of(azure: LocalAzure, settings: dict[str, Any]) -> Answer:
    name = make_vault(azure)
    where = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/{name}"
    assert azure.request("PATCH", f"{ARM}{where}?api-version=2023-07-01", {"properties": settings}).status == 200
    token = azure.token("https://vault.azure.net")
    return azure.request("GET", f"https://{name}.vault.azure.net/secrets?api-version=7.4", token=token)


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        (DENY, "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service.\r\n"),
        (CLOSED, "ForbiddenByConnection", "Public network access is disabled and request is not from a trusted "),
    ],
)
def test_a_vault_refuses_whoever_its_rules_keep_out(
    azure: LocalAzure, settings: dict[str, Any], code: str, said: str
) -> None:
    answer = secrets_of(azure, settings)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["innererror"]["code"]) == (403, "Forbidden", code)
    assert error["message"].startswith(said)
    assert "\r\nCaller: appid=" in error["message"]
    assert error["message"].endswith("\r\nVault: kv-kinds;location=westeurope")


def test_a_vault_lets_in_an_address_that_its_rules_name(azure: LocalAzure) -> None:
    assert secrets_of(azure, ADMITTED).status == 200
    other = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}, {"value": "no address"}]}}
    assert secrets_of(azure, other).status == 403


@pytest.mark.parametrize("kind", ["blob", "dfs"])
@pytest.mark.parametrize(("settings", "status"), [(DENY, 403), (CLOSED, 403), (ADMITTED, 200), (OPEN, 200)])
def test_an_account_refuses_likewise_on_both_planes(
    azure: LocalAzure, kind: str, settings: dict[str, Any], status: int
) -> None:
    made = lake.create_lake(azure, **settings)
    url = {"blob": f"{made.blob}/?comp=list", "dfs": f"{made.dfs}/?resource=account"}[kind]
    answer = made.call("GET", url)
    assert answer.status == status
    if status == 403:
        assert answer.headers["x-ms-error-code"] == "AuthorizationFailure"
        assert b"This request is not authorized to perform this operation." in answer.body
