"""What exists of an environment as import blocks of Terraform, for its providers azurerm and azuread."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.engine.observe import observe

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.commands.run import Run
    from provisioner.model import Node

# Seen with Terraform 1.11.4, azurerm 5.2.0 and azuread 3.9.0; of the range of days in terraform-provider-azurerm#29264.
# A filesystem without an encryption scope has Azure's name for none, which azurerm refuses.
INVALID = (
    *("/^  role_definition_name /d", "/^  feature_tags {/,/^  }/d"),
    *("/change_feed_retention_in_days *= 0$/d", "/^  default_encryption_scope /d"),
)
HEAD = (
    "Put this beside your configuration and run `terraform plan -generate-config-out=generated.tf`.",
    "It ends with errors: Terraform writes arguments that exclude each other or have a value that is not allowed.",
    "Remove them, and `terraform plan` imports without a change (azurerm needs `storage_use_azuread = true`):",
    "  sed -i.bak " + " ".join(f"-e '{one}'" for one in INVALID) + " generated.tf",
    "From then on either tool may change these resources: let one of them do it.",
)
SECRET = "its value would stand in Terraform's state"  # noqa: S105  # a reason
# developer.hashicorp.com/terraform/language/import: the id is the one that `terraform import` takes, which the page of
# each resource says. A scope is written as declared, since azurerm replaces an assignment whose scope differs in case.
TYPES: dict[str, tuple[str, Callable[[Any, Any, str], str]]] = {
    "resource_group": ("azurerm_resource_group", lambda desired, _found, _dfs: desired.id),
    "key_vault": ("azurerm_key_vault", lambda desired, _found, _dfs: desired.id),
    "storage_account": ("azurerm_storage_account", lambda desired, _found, _dfs: desired.id),
    "filesystem": (
        "azurerm_storage_data_lake_gen2_filesystem",
        lambda _desired, found, dfs: f"https://{found.account}.{dfs}/{found.name}",
    ),
    "role_assignment": (
        "azurerm_role_assignment",
        lambda desired, found, _dfs: f"{desired.scope}/providers/Microsoft.Authorization/roleAssignments/{found.name}",
    ),
    "application": ("azuread_application", lambda _desired, found, _dfs: f"/applications/{found.object_id}"),
    "service_principal": (
        "azuread_service_principal",
        lambda _desired, found, _dfs: f"/servicePrincipals/{found.object_id}",
    ),
    "federated_credential": (
        "azuread_application_federated_identity_credential",
        lambda _desired, found, _dfs: f"{found.application_id}/federatedIdentityCredential/{found.identity.id}",
    ),
    "identity_federation": (
        "azurerm_federated_identity_credential",
        # Azure writes `resourcegroups` in these ids, which azurerm refuses.
        lambda _desired, found, _dfs: re.sub(
            "/resourcegroups/", "/resourceGroups/", found.id, count=1, flags=re.IGNORECASE
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """text: the blocks; left: addresses that have none, with the reason."""

    text: str
    left: dict[str, str]


def import_blocks(run: Run) -> Blocks:
    """A block for each resource that the environment owns and whose kind is among TYPES."""
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    there = [(node, found) for node in run.recipe.nodes if (found := snapshot.readings[node.address].observed)]
    reasons = {str(node.address): _reason(node, found) for node, found in there if not node.access}
    left = {address: reason for address, reason in reasons.items() if reason}
    dfs_suffix = run.cloud.session.profile.dfs_suffix
    blocks = [_block(node, found, dfs_suffix) for node, found in there if reasons.get(str(node.address)) == ""]
    comments = (*HEAD, *(f"not imported: {address}: {reason}" for address, reason in left.items()))
    return Blocks(text="\n".join((*(f"# {line}" for line in comments), "", *blocks)), left=left)


def _reason(node: Node, found: Any) -> str:
    """Why there is no block; empty if there is one."""
    if node.address.kind in {"vault_secret", "client_secret"}:
        return SECRET
    if not found.owned:
        return "it is not the environment's own"
    return "" if node.address.kind in TYPES else "this tool writes no block for its kind"


def _block(node: Node, found: Any, dfs_suffix: str) -> str:
    kind, resource_id = TYPES[node.address.kind]
    name = re.sub(r"\W", "_", node.address.name, flags=re.ASCII)
    name = name if re.match(r"[A-Za-z_]", name) else f"_{name}"
    return f"import {{\n  to = {kind}.{name}\n  id = {json.dumps(resource_id(node.desired, found, dfs_suffix))}\n}}\n"
