"""Access control of paths: owner, group, permissions and access lists, of one path or of all below it.

https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Call, Reply
from localazure.storage.data import conditions, paths
from localazure.storage.data.path_responses import (
    validators,
)
from localazure.storage.data.storage_access import (
    BLOBS,
    RUN_AS_SUPER_USER,
    AuthorizedRequest,
    authorize,
)
from localazure.storage.dfs import dfs_wire

if TYPE_CHECKING:
    from localazure.app.store import Document

from localazure.storage.dfs.service import require_path, route


@route("PATCH", "/{container}/{path:path}", action="setaccesscontrol")
def set_access_control(call: Call) -> Reply:
    """Set owner, group, permissions or ACL; only the owner and a super user may."""
    request, path = _authorize_owner(call)
    conditions.check_write(call.headers, path, dfs_wire.path_already_exists())
    conditions.check_lease(request.tenant, call.headers, path)
    updated = paths.put(request.tenant, request.address, {**path, **dfs_wire.changed_access(call, path)})
    return Reply(headers=validators(updated))


@route("PATCH", "/{container}/{path:path}", action="setaccesscontrolrecursive")
def set_access_control_recursive(call: Call) -> Reply:
    """Set, modify or remove ACL entries of a directory and everything below it, in batches of 2,000."""
    request, directory = _authorize_owner(call)
    batch, headers = dfs_wire.page(
        call,
        [directory, *paths.list_below(request.tenant, request.address)],
        size_query_name="maxRecords",
        maximum=2000,
    )
    for path in batch:
        access = dfs_wire.changed_access(call, path, call.query.get("mode", "set").lower())
        paths.put(request.tenant, request.address.with_path(str(path["name"])), {**path, **access})
    directories = sum(bool(path["directory"]) for path in batch)
    counts = {"directoriesSuccessful": directories, "filesSuccessful": len(batch) - directories}
    return Reply(body={**counts, "failureCount": 0, "failedEntries": []}, headers=headers)


def _authorize_owner(call: Call) -> tuple[AuthorizedRequest, Document]:
    """The authorized request and its path, for the owner or a super user of a hierarchical account."""
    request, path = require_path(call)
    if not request.is_hierarchical:
        raise dfs_wire.error(400, "HierarchicalNamespaceNotEnabled")
    if request.caller_id != path["owner"]:
        authorize(call, RUN_AS_SUPER_USER, f"{BLOBS}/manageOwnership/action", f"{BLOBS}/modifyPermissions/action")
    return request, path


# The root directory's path ends at the filesystem's name: no route above takes it, these hand it on.
route("PATCH", "/{container}", action="setaccesscontrol")(set_access_control)
route("PATCH", "/{container}", action="setaccesscontrolrecursive")(set_access_control_recursive)
