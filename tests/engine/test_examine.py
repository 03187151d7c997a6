"""A plan as far as it goes, on the local Azure: what ends it at once, and whose clock is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import PUBLIC
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings
from provisioner.engine.examine import diagnose, examine
from provisioner.errors import ProvisionerError, Unexpected
from provisioner.kind import Verdict
from provisioner.kinds import kinds
from provisioner.kinds.key_vault import Vault
from provisioner.model import Address, Node, Recipe
from tests.kinds.azure_setup import ENVIRONMENT, cloud_of
from tests.resource_manager import Manager
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

VAULT = Address("key_vault", "kv-dev")


def recipe(azure: LocalAzure, group: str = "rg-none") -> Recipe:
    """A vault in a group; rg-none is not there."""
    desired = Vault(
        id=f"{azure.subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/kv-dev",
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
        diagnose(cloud, recipe(azure), kinds())
    cloud.session.close()


@pytest.mark.parametrize(
    ("granted", "missing"), [([], "vaults/write"), (["Microsoft.KeyVault/vaults/write"], "vaults/read")]
)
def test_a_missing_read_is_reported_only_where_no_missing_write_includes_it(
    azure: LocalAzure, granted: list[str], missing: str
) -> None:
    arm = Manager(azure=azure)
    group, someone, role = arm.group(), arm.someone(), "3b7ee4c6-9d0e-4f57-9a55-0d6c4c6e2f11"
    properties = {"roleName": "writer", "permissions": [{"actions": granted}], "assignableScopes": [azure.subscription]}
    path = f"{group}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    assert arm("PUT", path, {"properties": properties}, version="2022-04-01").status == 201
    assert arm.grant(group, role, someone.object_id).status == 201
    cloud = cloud_of(azure, (someone.app_id, someone.secret))

    found = diagnose(cloud, recipe(azure, "rg-one"), kinds())
    with pytest.raises(ProvisionerError, match=f"Missing permission: Microsoft.KeyVault/{missing} on") as stopped:
        examine(cloud, recipe(azure, "rg-one"), kinds())

    cloud.session.close()
    stops = [f"{one.what} {one.remedy}" for one in found if one.verdict is Verdict.STOPS]
    assert [f"Missing permission: Microsoft.KeyVault/{missing}" in one for one in stops] == [True], stops
    assert str(stopped.value).count("Missing permission") == 1


def test_a_clock_of_this_machine_that_is_wrong_is_a_note(public: Cloud, azure: LocalAzure) -> None:
    azure.advance(720)

    told = diagnose(public, recipe(azure), kinds())

    notes = [one.what for one in told if one.verdict is Verdict.NOTE and "Azure Policy" not in one.what]
    assert notes == ["this machine's clock is 12 minutes behind Azure's"]
    assert [one.what for one in told if one.verdict is Verdict.STOPS] == ["its resource group rg-none does not exist"]
