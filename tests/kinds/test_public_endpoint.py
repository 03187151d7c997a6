"""A vault or account without a public endpoint is made so, and one that it has since is drift."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.kinds import key_vault, storage_account
from provisioner.model import Network
from tests.kinds import test_key_vault, test_storage_account
from tests.kinds.azure_setup import view_at

if TYPE_CHECKING:
    from types import ModuleType

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from tests.emulator import LocalAzure


@pytest.mark.parametrize(
    ("kind", "test"),
    [(key_vault.KIND, test_key_vault), (storage_account.KIND, test_storage_account)],
    ids=["vault", "account"],
)
def test_it_is_made_without_a_public_endpoint_and_one_that_it_has_since_is_drift(
    cloud: Cloud, azure: LocalAzure, kind: Kind[Any, Any], test: ModuleType
) -> None:
    closed = replace(test.declare(azure), network=Network(public_access="Disabled"))
    url = f"https://management.azure.com{closed.id}?api-version={test.VERSION}"

    def there() -> str:
        return azure.request("GET", url).json()["properties"]["publicNetworkAccess"]

    def drift() -> list[str]:
        return [
            one.field
            for one in kind.diff(closed, test.seen(cloud, closed), view_at(cloud.session.clock.decision_time()))
        ]

    observed = test.made(cloud, closed)
    assert (there(), drift()) == ("Disabled", [])
    changed = azure.request("PATCH", url, {"properties": {"publicNetworkAccess": "Enabled"}})
    assert (changed.status, there(), drift()) == (200, "Enabled", ["public_network_access"])
    assert kind.update is not None
    kind.update(cloud, closed, observed)
    assert (there(), drift()) == ("Disabled", [])
