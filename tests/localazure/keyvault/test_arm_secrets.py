"""Secrets written by deployments (on ARM); secrets moved between vaults by backup and restore."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure)


def test_a_secret_is_written_on_arm_and_read_on_the_data_plane(arm: Manager) -> None:
    path = arm.vault()
    assert arm.grant(path, "Key Vault Secrets User").status == 201
    body = {"tags": {"a": "b"}, "properties": {"value": "x", "contentType": "text/plain", "attributes": {"exp": 4e9}}}
    assert code(arm("PUT", f"{path}/secrets/one", body))[0] == 400
    body["properties"] = {"value": "x", "contentType": "text/plain", "attributes": {"exp": 4_000_000_000}}
    created = arm("PUT", f"{path}/secrets/one", body)
    replaced = arm("PUT", f"{path}/secrets/one", {"properties": {"value": "y"}})
    assert (created.status, replaced.status) == (201, 200)
    assert "value" not in created.json()["properties"]
    assert created.json()["properties"]["secretUri"] == "https://kv-one.vault.azure.net/secrets/one"
    assert arm.secret("GET", "kv-one", "/secrets/one").json()["value"] == "y"
    version = created.json()["properties"]["secretUriWithVersion"].rsplit("/", 1)[-1]
    first = arm.secret("GET", "kv-one", f"/secrets/one/{version}").json()
    assert (first["value"], first["tags"], first["attributes"]["exp"]) == ("x", {"a": "b"}, 4_000_000_000)


def test_a_secret_on_arm_is_updated_listed_and_read(arm: Manager) -> None:
    path = arm.vault()
    arm("PUT", f"{path}/secrets/one", {"properties": {"value": "x"}})
    assert code(arm("PUT", f"{path}/secrets/two", {"properties": {}})) == (400, "BadParameter")
    updated = arm("PATCH", f"{path}/secrets/one", {"properties": {"attributes": {"enabled": False}}})
    assert updated.json()["properties"]["attributes"]["enabled"] is False
    assert arm("GET", f"{path}/secrets").json()["value"] == [arm("GET", f"{path}/secrets/one").json()]
    assert arm("GET", f"{path}/secrets/two").status == 404


def test_a_restored_backup_has_all_versions(azure_env: LocalAzure) -> None:
    arm = Manager(azure=azure_env)
    assert arm.grant(arm.vault(), "Key Vault Secrets Officer").status == 201
    secret = azure_env.operator_secret.reveal()
    with (
        ClientSecretCredential(azure_env.tenant_id, azure_env.operator_client_id, secret) as credential,
        SecretClient("https://kv-one.vault.azure.net", credential) as client,
    ):
        first = client.set_secret("one", "old").properties.version
        client.set_secret("one", "new", tags={"a": "b"})
        backup = client.backup_secret("one")
        with pytest.raises(ResourceExistsError):
            client.restore_secret_backup(backup)
        client.begin_delete_secret("one")
        azure_env.advance(5)
        client.purge_deleted_secret("one")
        assert client.restore_secret_backup(backup).tags == {"a": "b"}
        assert (client.get_secret("one").value, client.get_secret("one", first).value) == ("new", "old")
        for content in (b"junk", zlib.compress(b"5"), zlib.compress(b"{}")):
            with pytest.raises(HttpResponseError, match="Backup blob"):
                client.restore_secret_backup(base64.urlsafe_b64encode(content))
