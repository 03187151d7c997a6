"""Secrets on a vault's data plane: the SDK, the challenge, limits, both access modes, pages, soft delete."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from tests.resource_manager import OPERATOR, Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

TRANSITION_SECONDS = 60.0


class Vault:
    """A vault in which the operator is Key Vault Secrets Officer."""

    def __init__(self, azure: LocalAzure, **properties: Any) -> None:
        self.azure, self.arm = azure, Manager(azure=azure)
        self.path = self.arm.vault(**properties)
        assert self.arm.grant(self.path, "Key Vault Secrets Officer").status == 201

    def __call__(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        return self.arm.secret(method, "kv-one", path, body, token=token)

    def complete_transitions(self) -> None:
        """Advance the clock until deletions and recoveries have completed."""
        self.azure.advance(TRANSITION_SECONDS)


@pytest.fixture
def vault(azure: LocalAzure) -> Vault:
    """Return one whose deletions and recoveries last until the test lets them complete."""
    azure.control("PUT", "/settings/keyvault", {"transition_seconds": TRANSITION_SECONDS})
    return Vault(azure)


def _inner_error(response: Answer) -> tuple[int, str]:
    """Status and inner error code of one of Key Vault's errors."""
    return response.status, response.json()["error"]["innererror"]["code"]


def test_the_sdk_sets_lists_updates_and_deletes_a_secret(azure_env: LocalAzure) -> None:
    azure = azure_env
    Vault(azure)
    secret = azure.operator_secret.reveal()
    with (
        ClientSecretCredential(azure.tenant_id, azure.operator_client_id, secret) as credential,
        SecretClient("https://kv-one.vault.azure.net", credential) as client,
    ):
        first = client.set_secret("a-b", "one", tags={"k": "v"}, content_type="text/plain")
        client.set_secret("A-B", "two")
        assert client.get_secret("a-b").value == "two"
        assert client.get_secret("a-b", first.properties.version).value == "one"
        assert {item.version for item in client.list_properties_of_secret_versions("a-b")} >= {first.properties.version}
        assert [(item.name, item.enabled) for item in client.list_properties_of_secrets()] == [("a-b", True)]
        client.update_secret_properties("a-b", first.properties.version, enabled=False)
        with pytest.raises(HttpResponseError, match="SecretDisabled"):
            client.get_secret("a-b", first.properties.version)
        deleted = client.begin_delete_secret("a-b").result()
        assert deleted.recovery_id == "https://kv-one.vault.azure.net/deletedsecrets/a-b"
        with pytest.raises(ResourceNotFoundError):
            client.get_secret("a-b")


def test_a_call_without_a_token_gets_the_challenge(vault: Vault) -> None:
    response = vault("GET", "/secrets/x/", token="")
    assert code(response) == (401, "Unauthorized")
    assert response.headers["www-authenticate"] == (
        f'Bearer authorization="https://login.microsoftonline.com/{vault.azure.tenant_id}", '
        'resource="https://vault.azure.net"'
    )
    assert vault("GET", "/secrets/x", token=vault.azure.token()).status == 401


def test_a_caller_without_a_role_is_forbidden_by_rbac(azure: LocalAzure) -> None:
    arm = Manager(azure=azure)
    arm.vault()
    refused = arm.secret("PUT", "kv-one", "/secrets/x", {"value": "v"})
    assert _inner_error(refused) == (403, "ForbiddenByRbac")
    message = refused.json()["error"]["message"]
    assert message.startswith("Caller is not authorized to perform action on resource.\r\n")
    assert "Action: 'Microsoft.KeyVault/vaults/secrets/setSecret/action'" in message


def test_a_role_on_one_secret_permits_that_secret_only(vault: Vault) -> None:
    vault("PUT", "/secrets/mine", {"value": "v"})
    vault("PUT", "/secrets/other", {"value": "v"})
    someone = vault.arm.someone()
    vault.arm.grant(f"{vault.path}/secrets/mine", "Key Vault Secrets User", someone.object_id)
    token = vault.azure.token("https://vault.azure.net", someone.app_id, someone.secret)
    assert vault("GET", "/secrets/mine", token=token).json()["value"] == "v"
    assert _inner_error(vault("GET", "/secrets/other", token=token)) == (403, "ForbiddenByRbac")
    assert _inner_error(vault("GET", "/secrets", token=token)) == (403, "ForbiddenByRbac")


def test_a_vault_with_access_policies_ignores_roles(azure: LocalAzure) -> None:
    policy = {"tenantId": azure.tenant_id, "objectId": OPERATOR, "permissions": {"secrets": ["Get", "list"]}}
    vault = Vault(azure, enableRbacAuthorization=False, accessPolicies=[policy])
    assert _inner_error(vault("PUT", "/secrets/x", {"value": "v"})) == (403, "ForbiddenByPolicy")
    assert code(vault("GET", "/secrets/x")) == (404, "SecretNotFound")
    assert vault("GET", "/secrets").json() == {"value": [], "nextLink": None}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a_b", {"value": "v"}),
        ("x" * 128, {"value": "v"}),
        ("x", {"value": "v" * 25_601}),
        ("x", {}),
        ("x", {"value": "v", "tags": {str(number): "" for number in range(16)}}),
        ("x", {"value": "v", "tags": {"a": "x" * 513}}),
        ("x", {"value": "v", "contentType": "x" * 256}),
        ("x", {"value": "v", "attributes": {"exp": "tomorrow"}}),
        ("x", {"value": "v", "attributes": [1]}),
        ("x", {"value": "v", "tags": ["a"]}),
    ],
)
def test_an_invalid_secret_is_a_400(vault: Vault, name: str, body: dict[str, Any]) -> None:
    assert code(vault("PUT", f"/secrets/{name}", body)) == (400, "BadParameter")


def test_exp_and_nbf_do_not_block_a_read(vault: Vault) -> None:
    vault("PUT", "/secrets/old", {"value": "v", "attributes": {"nbf": 1, "exp": 2}})
    secret = vault("GET", "/secrets/old").json()
    assert (secret["value"], secret["attributes"]["exp"]) == ("v", 2)


def test_a_patch_keeps_value_and_version(vault: Vault) -> None:
    created = vault("PUT", "/secrets/x", {"value": "v", "tags": {"a": "1"}}).json()
    path = created["id"].removeprefix("https://kv-one.vault.azure.net")
    patched = vault("PATCH", path, {"attributes": {"exp": 4_000_000_000}, "contentType": "t"}).json()
    assert "value" not in patched
    secret = vault("GET", "/secrets/x").json()
    assert (secret["id"], secret["value"], secret["tags"]) == (created["id"], "v", {"a": "1"})
    assert (secret["contentType"], secret["attributes"]["exp"]) == ("t", 4_000_000_000)


def test_secrets_are_listed_in_pages_without_values(vault: Vault) -> None:
    for number in range(30):
        vault("PUT", f"/secrets/s{number:02}", {"value": "v"})
    first = vault("GET", "/secrets").json()
    assert len(first["value"]) == 25
    assert all("value" not in item for item in first["value"])
    path = first["nextLink"].removeprefix("https://kv-one.vault.azure.net:443").replace("api-version=7.5&", "")
    rest = vault("GET", path).json()
    assert [item["id"].rsplit("/", 1)[-1] for item in rest["value"]] == [f"s{number}" for number in range(25, 30)]
    assert rest["nextLink"] is None
    assert code(vault("GET", "/secrets?maxresults=26")) == (400, "BadParameter")


def test_a_deleted_secret_blocks_its_name_until_it_is_purged(vault: Vault) -> None:
    vault("PUT", "/secrets/x", {"value": "v"})
    deleted = vault("DELETE", "/secrets/X").json()
    assert deleted["scheduledPurgeDate"] - deleted["deletedDate"] == 90 * 86_400
    assert code(vault("GET", "/deletedsecrets/x")) == (404, "SecretNotFound")
    assert _inner_error(vault("PUT", "/secrets/x", {"value": "v"})) == (409, "ObjectIsBeingDeleted")
    vault.complete_transitions()
    assert vault("GET", "/deletedsecrets/x").json()["recoveryId"] == deleted["recoveryId"]
    assert [item["id"] for item in vault("GET", "/deletedsecrets").json()["value"]]
    assert _inner_error(vault("PUT", "/secrets/x", {"value": "v"})) == (409, "ObjectIsDeletedButRecoverable")
    assert vault("DELETE", "/deletedsecrets/x").status == 204
    assert vault("PUT", "/secrets/x", {"value": "new"}).status == 200


def test_a_recovered_secret_has_all_its_versions(vault: Vault) -> None:
    for value in ("one", "two"):
        vault("PUT", "/secrets/x", {"value": value})
    vault("DELETE", "/secrets/x")
    vault.complete_transitions()
    assert "value" not in vault("POST", "/deletedsecrets/x/recover").json()
    assert code(vault("GET", "/secrets/x")) == (404, "SecretNotFound")
    vault.complete_transitions()
    assert vault("GET", "/secrets/x").json()["value"] == "two"
    assert len(vault("GET", "/secrets/x/versions").json()["value"]) == 2


def test_purge_protection_keeps_deleted_secrets_until_their_retention_ends(azure: LocalAzure) -> None:
    vault = Vault(azure, enablePurgeProtection=True, softDeleteRetentionInDays=7)
    created = vault("PUT", "/secrets/x", {"value": "v"}).json()
    assert created["attributes"]["recoveryLevel"] == "CustomizedRecoverable"
    vault("DELETE", "/secrets/x")
    vault.complete_transitions()
    assert code(vault("DELETE", "/deletedsecrets/x")) == (403, "Forbidden")
    azure.advance(7 * 86_400)
    azure.tokens.clear()
    assert code(vault("GET", "/deletedsecrets/x")) == (404, "SecretNotFound")
    assert vault("PUT", "/secrets/x", {"value": "v"}).status == 200


def test_secrets_are_recovered_and_purged_with_their_vault(vault: Vault) -> None:
    vault("PUT", "/secrets/x", {"value": "v"})
    vault.arm("DELETE", vault.path)
    assert code(vault("GET", "/secrets/x")) == (404, "VaultNotFound")
    vault.arm("PUT", vault.path, vault.arm.vault_body(createMode="recover"))
    vault.arm.grant(vault.path, "Key Vault Secrets Officer")
    assert vault("GET", "/secrets/x").json()["value"] == "v"
    vault.arm("DELETE", vault.path)
    vault.arm("POST", "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-one/purge")
    vault.complete_transitions()
    recreated = Vault(vault.azure)
    assert recreated("GET", "/secrets").json()["value"] == []


def test_creates_above_azures_limit_are_throttled_until_the_next_window(vault: Vault) -> None:
    token = vault.azure.token("https://vault.azure.net")
    now = datetime.fromisoformat(vault.azure.control("GET", "/clock")["now"]).timestamp()
    vault.azure.advance(10 - now % 10)
    connection = vault.azure.connect("kv-one.vault.azure.net")

    def create() -> tuple[int, str | None]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("PUT", "/secrets/x?api-version=7.5", b'{"value": "v"}', headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("Retry-After")

    try:
        assert {create()[0] for _ in range(300)} == {200}
        status, retry_after = create()
        assert (status, retry_after) == (429, None)
        assert vault("GET", "/secrets/x").status == 200
        vault.azure.advance(10)
        assert create()[0] == 200
    finally:
        connection.close()


def test_keys_and_certificates_are_empty_lists(azure: LocalAzure) -> None:
    vault = Vault(azure)
    assert vault("GET", "/keys").status == 403
    vault.arm.grant(vault.path, "00482a5a-887f-4fb3-b363-3b7fe8e74483")
    assert vault("GET", "/keys").json()["value"] == []
    assert vault("GET", "/certificates").json()["value"] == []


@pytest.mark.parametrize("size", ["0", "26", "x", "²", "-1"])
def test_a_page_of_secrets_has_1_to_25_items(vault: Vault, size: str) -> None:
    response = vault("GET", f"/secrets?maxresults={quote(size)}")
    assert (response.status, response.json()["error"]["code"]) == (400, "BadParameter")


def test_a_missing_deleted_secret_has_a_message_of_its_own(vault: Vault) -> None:
    for method, path in (("GET", "/deletedsecrets/gone"), ("DELETE", "/deletedsecrets/gone")):
        error = vault(method, path).json()["error"]
        assert (error["code"], error["message"]) == ("SecretNotFound", "Deleted Secret not found: gone"), method


def test_a_live_secret_cannot_be_recovered(vault: Vault) -> None:
    assert vault("PUT", "/secrets/live", {"value": "x"}).status == 200
    refused = vault("POST", "/deletedsecrets/live/recover")
    error = refused.json()["error"]
    assert (refused.status, error["code"]) == (400, "MethodNotAllowed")
    assert error["innererror"]["code"] == "RequestNotAllowedOnNonDeletedObject"
