"""A plan as far as it goes, on the local Azure: what ends it at once, and whose clock is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import PUBLIC
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings
from provisioner.engine.examine import diagnosed
from provisioner.errors import Unexpected
from provisioner.kind import Verdict
from provisioner.kinds import kinds
from provisioner.kinds.key_vault import Vault
from provisioner.model import Address, Node, Recipe
from tests.kinds.worlds import ENVIRONMENT, cloud_of
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

VAULT = Address("key_vault", "kv-dev")


def recipe(azure: LocalAzure) -> Recipe:
    """A vault in a group that is not there."""
    desired = Vault(
        id=f"{azure.subscription}/resourceGroups/rg-none/providers/Microsoft.KeyVault/vaults/kv-dev",
        location="westeurope",
        tenant_id=azure.tenant_id,
        sku="standard",
        retention_days=90,
        purge_protection=False,
        tags={},
        environment=ENVIRONMENT,
    )
    return Recipe(environment="dev", environment_id=ENVIRONMENT, nodes=(Node(address=VAULT, desired=desired),))


@pytest.fixture
def public(azure: LocalAzure) -> Iterator[Cloud]:
    """By the public cloud's profile, to the same local Azure."""
    local = LocalSettings(
        proxy=azure.proxy,
        ca_bundle=azure.ca_bundle,
        tenant_id=azure.tenant_id,
        client_id=azure.operator_client_id,
        client_secret=tool_secret(azure.operator_secret),
    )
    cloud = Cloud(open_session(PUBLIC, subscription=azure.subscription_id, local=local))
    yield cloud
    cloud.session.close()


def test_an_answer_that_leaves_nothing_to_say_ends_it(azure: LocalAzure) -> None:
    cloud = cloud_of(azure)
    azure.fault(fault="error", method="GET", path="vaults/kv-dev$", status=418, code="Teapot", times=None)
    with pytest.raises(Unexpected):
        diagnosed(cloud, recipe(azure), kinds())
    cloud.session.close()


def test_a_clock_of_this_machine_that_is_wrong_is_a_note(public: Cloud, azure: LocalAzure) -> None:
    azure.advance(720)

    told = diagnosed(public, recipe(azure), kinds())

    notes = [one.what for one in told if one.verdict is Verdict.NOTE]
    assert notes == ["this machine's clock is 12 minutes behind Azure's"]
    assert [one.what for one in told if one.verdict is Verdict.STOPS] == ["its resource group rg-none is not there"]
