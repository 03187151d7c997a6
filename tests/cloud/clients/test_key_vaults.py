"""Vaults as Resource Manager answers them."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.cloud.clients.key_vaults import vault_state


@pytest.mark.parametrize(("properties", "days"), [({}, 90), ({"softDeleteRetentionInDays": 7}, 7)])
def test_a_vault_without_a_retention_keeps_deleted_secrets_for_90_days(properties: dict[str, Any], days: int) -> None:
    """An answer for a vault that was made before 2020 has none.

    https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
    """
    base = {"tenantId": "t", "sku": {"name": "standard"}, "vaultUri": "https://kv.vault.azure.net/"}
    document = {"id": "/subscriptions/s/kv", "location": "westeurope", "properties": {**base, **properties}}
    assert vault_state(document).retention_days == days
