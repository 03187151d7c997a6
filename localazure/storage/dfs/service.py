"""The Data Lake service (`*.dfs.core.windows.net`): how its routes are registered, and the path of a call.

https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.service import Service
from localazure.storage.data import containers, paths
from localazure.storage.data.path_responses import (
    with_version_header,
)
from localazure.storage.data.storage_access import (
    AuthorizedRequest,
    authorize,
)
from localazure.storage.dfs import dfs_wire
from localazure.storage.dfs.dfs_wire import not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document


SERVICE = Service(name="dfs", hosts=("*.dfs.core.windows.net",), render=dfs_wire.render, authenticate=authorize)
_WHY = "bearer token (RBAC on the container) or Shared Key, both decided by storage_access.authorize"


def route(method: str, path: str, **query: str) -> Callable[[Handler], Handler]:
    """A decorator that registers a handler and adds the version header to its answers."""
    register = SERVICE.route(method, path, action=None, why=_WHY, query=query)
    return lambda handler: register(with_version_header(handler)) and handler


def require_path(call: Call, *actions: str) -> tuple[AuthorizedRequest, Document]:
    """The authorized request and its path; 404 PathNotFound."""
    request = authorize(call, *actions)
    containers.get(request.tenant, request.account_name, request.container_name)
    path = paths.find(request.tenant, request.address)
    if path is None:
        raise not_found()
    return request, path
