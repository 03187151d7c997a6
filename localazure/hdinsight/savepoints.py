"""Puts the savepoints that a real Flink has written into the data lake, as the identity of its cluster.

https://learn.microsoft.com/azure/hdinsight-aks/flink/flink-job-management: they lie in a directory of the account.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app import contents
from localazure.app.resource_manager import resources
from localazure.rbac import access
from localazure.storage.data import containers, paths
from localazure.storage.data.storage_access import ACCOUNTS, WRITE, container_scope

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.app.tenant import Tenant

_URI = re.compile(r"abfss?://([^@/]+)@([^./]+)\.dfs\.core\.windows\.net(/.*)?", re.IGNORECASE)


def address_of(uri: str) -> paths.PathAddress | None:
    """Return the address that a URI of the data lake names; None for any other URI."""
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    return paths.PathAddress(account=match[2], container=match[1], path=(match[3] or "").strip("/"))


def is_possibly_writable(tenant: Tenant, object_id: str, uri: str) -> bool:
    """Return whether the identity may write there, or nobody can tell, since the container is not one of the tenant."""
    address = address_of(uri)
    account = resources.find_by_name(tenant, ACCOUNTS, address.account) if address else None
    if address is None or account is None or containers.find(tenant, address.account, address.container) is None:
        return True
    scope = container_scope(account, address.container)
    return access.is_principal_allowed(tenant, object_id, WRITE, scope, data=True)


def write_into_lake(tenant: Tenant, identity: str, folder: Path, uri: str) -> None:
    """Write what is in the folder below the URI, unless its container is not one of the tenant."""
    address = address_of(uri)
    if address is None or containers.find(tenant, address.account, address.container) is None:
        return
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        target = address.with_path(f"{address.path}/{file.relative_to(folder)}")
        document = paths.create_or_replace_file(tenant, target, identity, {})
        data = file.read_bytes()
        contents.write(tenant, str(document["content"]), 0, data)
        paths.commit_size(tenant, target, document, len(data))
