"""What an environment names outside of its group takes rights of its own: exactly those of docs/access.md suffice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.commands.test_least_privilege import identity
from tests.recipe.targets.test_managed_identity import FLINK
from tests.rights_table import rights_of

if TYPE_CHECKING:
    from provisioner.model import NeededRight
    from tests.commands.test_least_privilege import Identity

__all__ = ["identity"]

DATA_LAKE = {
    "location": "westeurope",
    "kind": "StorageV2",
    "sku": {"name": "Standard_LRS"},
    "properties": {"isHnsEnabled": True, "allowSharedKeyAccess": False},
}
ROWS = (
    ("the storage account", "Contributor"),
    ("the storage account", "Role Based Access Control Administrator"),
    ("the vault", "Role Based Access Control Administrator"),
    ("`principals.watcher.scope`", "Role Based Access Control Administrator"),
)
AKS = "/resourceGroups/flink-platform/providers/Microsoft.ContainerService/managedClusters/aks-platform"


@pytest.fixture
def on_kubernetes(identity: Identity) -> Identity:
    """An Airflow of its own whose pods sign in with tokens of an AKS cluster in another group."""
    cli = identity.cli
    federated = {"aks": cli.azure.subscription + AKS, "namespace": "airflow", "service_account": "airflow"}
    cli.spec["airflow"] = {"target": "self-managed", "version": "3.3.2"}
    cli.spec["principals"] = {"airflow": {"credential": {"federated": federated}}}
    return identity


@pytest.fixture
def elsewhere(identity: Identity) -> Identity:
    """Vault and account are a platform team's, in a group of its own; another principal may read a group of others."""
    arm, spec = identity.arm, identity.cli.spec
    group = arm.group("rg-data-platform")
    vault = arm.vault("kv-platform", "rg-data-platform")
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/stplatform"
    assert arm("PUT", account, DATA_LAKE, version="2023-05-01").status in {200, 202}
    spec["vault"], spec["storage_account"] = (f"{identity.cli.azure.subscription}{one}" for one in (vault, account))
    scope = f"{identity.cli.azure.subscription}{arm.group('rg-others')}"
    spec["principals"] = {"watcher": {"role": "Reader", "scope": scope}}
    return identity


@pytest.fixture(params=[True, False], ids=["with tokens of a cluster", "assigned to machines"])
def as_identity(request: pytest.FixtureRequest, on_kubernetes: Identity) -> Identity:
    """Everything signs in as a managed identity of another group, on a Flink that is no resource of Azure's."""
    spec, arm = on_kubernetes.cli.spec, replace(on_kubernetes.arm, version="2024-11-30")
    path = f"{arm.group('rg-identities')}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-airflow"
    credential = {"managed_identity": arm("PUT", path, {"location": "westeurope"}).json()["id"]}
    if request.param:
        credential |= spec["principals"]["airflow"]["credential"]
    spec["principals"] = {"airflow": {"credential": credential}}
    spec["flink"] = FLINK
    return on_kubernetes


def required(identity: Identity) -> list[NeededRight]:
    """What `bootstrap --required-only` prints for the file as it is."""
    identity.cli.file.write_text(yaml.safe_dump(identity.cli.spec))
    return [right for right in rights_of(str(identity.cli.file)) if not right.optional]


def suffice(identity: Identity, *rights: NeededRight) -> None:
    """With exactly these rights all goes well."""
    identity.grant(*rights)

    assert identity.cli.done("doctor", "--json").json()["ready"] is True
    identity.walk()


def stops_without(identity: Identity, where: str, role: str) -> None:
    """With all but that right, it is named before the first write."""
    (missing,) = (right for right in required(identity) if (right.where, right.role) == (where, role))
    identity.grant(*(right for right in required(identity) if right != missing))

    identity.is_stopped_for(missing)


def test_an_environment_with_tokens_of_a_cluster_elsewhere_takes_reader_on_that_cluster(
    on_kubernetes: Identity,
) -> None:
    suffice(on_kubernetes, *required(on_kubernetes))


def test_who_may_not_read_the_cluster_is_told_that_before_the_first_write(on_kubernetes: Identity) -> None:
    stops_without(on_kubernetes, "the AKS cluster", "Reader")


def test_a_vault_and_an_account_of_another_group_take_rights_on_each_and_reader_on_the_own_group(
    elsewhere: Identity,
) -> None:
    needed = required(elsewhere)
    assert [(one.where, one.role) for one in needed[:5]] == [("the resource group", "Reader"), *ROWS]

    suffice(elsewhere, *needed)


def test_an_environment_that_signs_in_as_a_managed_identity_takes_no_right_in_graph(as_identity: Identity) -> None:
    needed = required(as_identity)
    assert all(right.scope for right in needed)

    suffice(as_identity, *needed)


def test_who_lacks_the_right_on_the_managed_identity_is_told_that_one(as_identity: Identity) -> None:
    (role,) = (right.role for right in required(as_identity) if right.where == "the managed identity")

    stops_without(as_identity, "the managed identity", role)


@pytest.mark.parametrize("row", [("the resource group", "Reader"), *ROWS], ids=" - ".join)
def test_who_lacks_a_right_where_vault_and_account_lie_elsewhere_is_told_that_one(
    elsewhere: Identity, row: tuple[str, str]
) -> None:
    stops_without(elsewhere, *row)
