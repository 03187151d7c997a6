"""Which rights follow from what a spec names, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.commands.run import NO_TENANT, names_of
from provisioner.recipe.rights import required_and_optional_rights
from tests.environment_files import SUBSCRIPTION, loaded

if TYPE_CHECKING:
    from pathlib import Path

OWN = f"/subscriptions/{SUBSCRIPTION}"
ANOTHER = "/subscriptions/7d0f3c52-3a43-4f0e-9a77-2f8a1a7f6c01"
VAULT = f"{ANOTHER}/resourceGroups/rg-vaults/providers/Microsoft.KeyVault/vaults/kv-dev"
ADMINISTRATOR = "Role Based Access Control Administrator"


def rights(folder: Path, more: str = "", *, vault: str = "kv-dev") -> set[tuple[str, str]]:
    """Role and scope of each."""
    environment = loaded(folder, more, vault=vault)
    found = required_and_optional_rights(environment, names_of(environment, NO_TENANT))
    return {(right.role, right.scope) for right in found if right.scope}


def test_a_vault_in_another_subscription_takes_the_rights_there(tmp_path: Path) -> None:
    changed = rights(tmp_path, vault=VAULT) ^ rights(tmp_path)
    purge = "Key Vault Purge Operator"
    assert changed == {(ADMINISTRATOR, VAULT), ("Reader", ANOTHER), (purge, ANOTHER), (purge, OWN)}


def test_an_id_that_lies_in_the_own_group_takes_no_more(tmp_path: Path) -> None:
    vault = f"{OWN}/resourceGroups/RG-DEV/providers/Microsoft.KeyVault/vaults/kv-dev"
    assert rights(tmp_path, vault=vault) == rights(tmp_path)


def test_a_further_principal_takes_the_right_to_assign_roles_where_no_other_right_reaches(tmp_path: Path) -> None:
    others = f"{OWN}/resourceGroups/rg-others"
    scopes = (
        "vault",
        "storage_account",
        "subscription",
        others,
        f"{others}/providers/Microsoft.KeyVault/vaults/kv-two",
    )
    lines = [f"  p{number}: {{role: Reader, scope: {scope}}}" for number, scope in enumerate(scopes)]
    more = rights(tmp_path, "\n".join(["principals:", "  p9: {role: Reader}", *lines])) - rights(tmp_path)
    assert more == {(ADMINISTRATOR, OWN)}
    more = rights(tmp_path, "\n".join(["principals:", *lines[:2], *lines[3:]])) - rights(tmp_path)
    assert more == {(ADMINISTRATOR, others)}
