"""What of a vault or a storage account a private endpoint could lead to; there are no private endpoints here.

https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.local import arm_errors, storage_accounts, vaults
from provisioner.local.call import Reply
from provisioner.local.service import Service

if TYPE_CHECKING:
    from provisioner.local.call import Call
    from provisioner.local.store import Document

_PROVIDERS = "/subscriptions/{subscription}/resourcegroups/{group}/providers/"
_PARTS = ("blob", "table", "queue", "file", "web", "dfs")
SERVICE = Service(
    name="private link resources",
    hosts=(arm_errors.HOST,),
    path=f".*/providers/({vaults.TYPE}|{storage_accounts.TYPE})/[^/]+/privateLinkResources/?",
    audiences=arm_errors.AUDIENCES,
    render=arm_errors.render,
    scope=arm_errors.scope,
    forbidden=arm_errors.forbidden,
    one_slash=True,
    versions=("2019-09-01", "2021-10-01", "2023-07-01", "2024-11-01"),
)


@SERVICE.route(
    "GET", _PROVIDERS + vaults.TYPE + "/{name}/privateLinkResources", action=f"{vaults.TYPE}/privateLinkResources/read"
)
def list_of_vault(call: Call) -> Reply:
    """The vault itself."""
    vault = arm_errors.require_resource(call, vaults.TYPE, call.params["name"])
    return Reply(body={"value": [_link(vault, "vault", "default", "privatelink.vaultcore.azure.net")]})


@SERVICE.route(
    "GET",
    _PROVIDERS + storage_accounts.TYPE + "/{name}/privateLinkResources",
    action=f"{storage_accounts.TYPE}/privateLinkResources/read",
)
def list_of_account(call: Call) -> Reply:
    """Each service of the account, and each that can be read in its second region."""
    account = arm_errors.require_resource(call, storage_accounts.TYPE, call.params["name"])
    properties = account["properties"]
    found: list[Document] = []
    for part in _PARTS:
        for name, where in ((part, "primaryEndpoints"), (f"{part}_secondary", "secondaryEndpoints")):
            if part in properties.get(where, {}):
                found.append(_link(account, name, name, f"privatelink.{part}.core.windows.net"))
    return Reply(body={"value": found})


def _link(parent: Document, name: str, member: str, zone: str) -> Document:
    properties = {"groupId": name, "requiredMembers": [member], "requiredZoneNames": [zone]}
    kind = f"{parent['type']}/privateLinkResources"
    return {"id": f"{parent['id']}/privateLinkResources/{name}", "name": name, "type": kind, "properties": properties}
