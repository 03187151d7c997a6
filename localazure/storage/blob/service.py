"""The Blob service of an account (`*.blob.core.windows.net`): how its routes are registered; its root.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.service import Service
from localazure.storage.blob import blob_wire
from localazure.storage.data import (
    containers,
)
from localazure.storage.data.path_responses import (
    with_version_header,
)
from localazure.storage.data.storage_access import (
    CONTAINERS,
    authorize,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call, Reply
    from localazure.app.service import Handler

SERVICE = Service(name="blob", hosts=("*.blob.core.windows.net",), render=blob_wire.render, authenticate=authorize)
_WHY = "bearer token (RBAC on the container), Shared Key or public access, decided by storage_access.authorize"


def route(method: str, path: str, **query: str) -> Callable[[Handler], Handler]:
    """A decorator that registers a handler and adds the version header to its answers."""
    register = SERVICE.route(method, path, action=None, why=_WHY, query=query)
    return lambda handler: register(with_version_header(handler)) and handler


@route("GET", "/", comp="list")
def list_containers(call: Call) -> Reply:
    """List the containers by name, in pages."""
    request = authorize(call, f"{CONTAINERS}/read", control=True)
    return blob_wire.container_list_response(
        call, request.account_name, containers.list_containers(request.tenant, request.account_name)
    )


@route("GET", "/", restype="service")
def refuse_service_statistics(call: Call) -> Reply:
    """400: replication statistics exist on secondary endpoints, which no local account has."""
    authorize(call)
    raise blob_wire.invalid_query("comp", call.query.get("comp", ""))
