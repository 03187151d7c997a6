"""The built-in roles that an environment may name, by their GUIDs, which are the same in every tenant.

Looking one up takes a right on the subscription, which who may only use a resource group does not have.
https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from __future__ import annotations

GUIDS = {
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Data Factory Contributor": "673868aa-7521-48a0-acc6-0f60742d39f5",
    "HDInsight on AKS Cluster Admin": "fd036e6b-1266-47a0-b0bb-a05d04831731",
    "HDInsight on AKS Cluster Pool Admin": "7656b436-37d4-490a-a4ab-d39f838f0042",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Certificates Officer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "Key Vault Contributor": "f25e0fa2-a7c8-4377-a976-54943a77a395",
    "Key Vault Crypto Officer": "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
    "Key Vault Crypto User": "12338af0-0e69-4776-bea7-57ae8d297424",
    "Key Vault Data Access Administrator": "8b54135c-b56d-4d72-a534-26097cfdc8d8",
    "Key Vault Purge Operator": "a68e7c17-0ab2-4c09-9a58-125dae29748c",
    "Key Vault Reader": "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Managed Identity Contributor": "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
    "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Role Based Access Control Administrator": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "Storage Account Contributor": "17d1049b-9a84-46fb-8f53-869881c3d3ab",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Delegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "User Access Administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
}
# What those of them that have a right on data allow there. All others have none; no built-in role has notDataActions.
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security and …/built-in-roles/storage
_VAULTS, _BLOBS = "Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_DATA_ACTIONS = {
    "Key Vault Administrator": (f"{_VAULTS}/*",),
    "Key Vault Certificates Officer": (
        f"{_VAULTS}/certificatecas/*",
        f"{_VAULTS}/certificates/*",
        f"{_VAULTS}/certificatecontacts/write",
    ),
    "Key Vault Crypto Officer": (f"{_VAULTS}/keys/*", f"{_VAULTS}/keyrotationpolicies/*"),
    "Key Vault Crypto User": (
        f"{_VAULTS}/keys/read",
        *(f"{_VAULTS}/keys/{verb}/action" for verb in ("update", "backup", "encrypt", "decrypt", "wrap", "unwrap")),
        *(f"{_VAULTS}/keys/{verb}/action" for verb in ("sign", "verify")),
    ),
    "Key Vault Reader": (f"{_VAULTS}/*/read", f"{_VAULTS}/secrets/readMetadata/action"),
    "Key Vault Secrets Officer": (f"{_VAULTS}/secrets/*",),
    "Key Vault Secrets User": (f"{_VAULTS}/secrets/getSecret/action", f"{_VAULTS}/secrets/readMetadata/action"),
    "Storage Blob Data Contributor": (
        *(f"{_BLOBS}/{verb}" for verb in ("delete", "read", "write")),
        *(f"{_BLOBS}/{verb}/action" for verb in ("move", "add")),
    ),
    "Storage Blob Data Owner": (f"{_BLOBS}/*",),
    "Storage Blob Data Reader": (f"{_BLOBS}/read",),
}
DATA_ACTIONS = {guid: _DATA_ACTIONS.get(name, ()) for name, guid in GUIDS.items()}
# What makes up, on the control plane, those that a run can do without: who may do all of it needs no such role.
ACTIONS = {
    "Contributor": ("*",),
    "Key Vault Purge Operator": ("Microsoft.KeyVault/locations/deletedVaults/purge/action",),
    "Reader": ("*/read",),
}
NAMES_BY_GUID = {guid: name for name, guid in GUIDS.items()}
BY_NAME = {name.lower(): guid for name, guid in GUIDS.items()}


def built_in_role_guid(name_or_guid: str) -> str | None:
    """The GUID of a built-in role, by its name or GUID in any case; None for one that is not in the table."""
    lowered = name_or_guid.lower()
    return BY_NAME.get(lowered) or (lowered if lowered in BY_NAME.values() else None)
