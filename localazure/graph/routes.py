"""A service of Graph, and routes of applications and service principals alike: by id and by alternate key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localazure.app.service import Service
from localazure.entra import directory
from localazure.graph import access

if TYPE_CHECKING:
    from localazure.app.call import Call, Reply
    from localazure.app.service import Handler

TableHandler = Callable[["Call", str], "Reply"]

SETS = {directory.APPLICATIONS: "applications", directory.PRINCIPALS: "servicePrincipals"}
_KEYS = ("/{id}", "({key})")
_WHY = "Graph has permissions and owners instead of RBAC: graph/access.py decides"


def graph_service(name: str, path: str, **more: Any) -> Service:
    """A service that takes the calls of Graph v1.0 and beta whose further path matches `path`."""
    return Service(
        name=name,
        hosts=(access.HOST,),
        path=r"/(v1\.0|beta)" + path,
        audiences=(f"https://{access.HOST}", access.APP_ID),
        render=access.render,
        unauthenticated=access.unauthenticated,
        unknown=access.unknown,
        one_slash=True,
        **more,
    )


def on(service: Service, method: str, path: str) -> Callable[[Handler], Handler]:
    """Register a route; `microsoft.graph.` may be shortened to its alias `graph.`, as msgraph-sdk does."""

    def register(handler: Handler) -> Handler:
        for spelling in sorted({path, path.replace("microsoft.graph.", "graph.")}):
            service.route(method, "/{version}" + spelling, action=None, why=_WHY)(handler)
        return handler

    return register


def on_sets(service: Service, method: str, suffix: str = "") -> Callable[[TableHandler], TableHandler]:
    """Register a route of both sets as such; the handler gets the table, too."""
    return _register(service, method, {f"/{name}{suffix}": table for table, name in SETS.items()})


def on_objects(service: Service, method: str, suffix: str = "") -> Callable[[TableHandler], TableHandler]:
    """Register a route of one object of either set, by id and by alternate key; the handler gets the table, too."""
    return _register(service, method, {f"/{name}{key}{suffix}": table for table, name in SETS.items() for key in _KEYS})


def _register(service: Service, method: str, paths: dict[str, str]) -> Callable[[TableHandler], TableHandler]:
    def register(handler: TableHandler) -> TableHandler:
        for path, table in paths.items():
            on(service, method, path)(for_table(handler, table))
        return handler

    return register


def for_table(handler: TableHandler, table: str) -> Handler:
    """The handler of calls on one of the sets."""
    return lambda call: handler(call, table)
