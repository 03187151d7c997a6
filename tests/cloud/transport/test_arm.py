"""Any ARM resource by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.errors import NotFound
from tests.cloud.clouds import GROUPS

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def test_a_missing_subscription_and_a_bad_name_are_told_apart(cloud: Cloud, azure: LocalAzure) -> None:
    with pytest.raises(NotFound, match="SubscriptionNotFound"):
        cloud.arm.request("GET", f"/subscriptions/{azure.tenant_id}/resourceGroups/x", GROUPS)
