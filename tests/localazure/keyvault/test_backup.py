"""Secrets moved between vaults by backup and restore."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from tests.resource_manager import Manager

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


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
