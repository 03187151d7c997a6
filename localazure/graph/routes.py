"""Graph services, and routes that applications and service principals share: by id and by alternate key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localazure.app.service import Service
from localazure.entra import directory
from localazure.graph import access

if TYPE_CHECKING:
    from localazure.app.call import Call, Reply
    from localazure.app.service import Handler

TableHandler = Callable[["Call", str], "Reply"]

SET_NAMES = {directory.APPLICATIONS: "applications", directory.PRINCIPALS: "servicePrincipals"}
_KEY_PATHS = ("/{id}", "({key})")
_ODATA_HEADERS = {
    "Content-Type": "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;"
    "charset=utf-8",
    "OData-Version": "4.0",
}
_WHY = "Graph has permissions and owners instead of RBAC: graph/access.py decides"


def graph_service(name: str, path: str, **more: Any) -> Service:
    """A service for the calls of Graph v1.0 and beta whose path after the version matches `path`."""
    return Service(
        name=name,
        hosts=(access.HOST,),
        path=r"/(v1\.0|beta)" + path,
        audiences=(f"https://{access.HOST}", access.APP_ID),
        render=access.render,
        unauthenticated=access.unauthenticated,
        not_found=access.unknown_segment,
        merges_slashes=True,
        **more,
    )


def route(service: Service, method: str, path: str) -> Callable[[Handler], Handler]:
    """Register a route; `microsoft.graph.` may also be written as its alias `graph.`, as msgraph-sdk does."""

    def register(handler: Handler) -> Handler:
        for spelling in sorted({path, path.replace("microsoft.graph.", "graph.")}):
            service.route(method, "/{version}" + spelling, action=None, why=_WHY)(_with_odata_headers(handler))
        return handler

    return register


def _with_odata_headers(handler: Handler) -> Handler:
    """The handler, with the headers that every JSON answer of Graph has unless it is an error."""

    def answer(call: Call) -> Reply:
        reply = handler(call)
        return replace(reply, headers={**_ODATA_HEADERS, **reply.headers}) if isinstance(reply.body, dict) else reply

    return answer


def route_sets(service: Service, method: str, suffix: str = "") -> Callable[[TableHandler], TableHandler]:
    """Register a route of both sets themselves; the handler also gets the table of the set."""
    return _route_tables(service, method, {f"/{name}{suffix}": table for table, name in SET_NAMES.items()})


def route_objects(service: Service, method: str, suffix: str = "") -> Callable[[TableHandler], TableHandler]:
    """Register a route of one object of either set, by id and by alternate key; the handler also gets the table."""
    return _route_tables(
        service, method, {f"/{name}{key}{suffix}": table for table, name in SET_NAMES.items() for key in _KEY_PATHS}
    )


def _route_tables(service: Service, method: str, paths: dict[str, str]) -> Callable[[TableHandler], TableHandler]:
    """Register a handler of tables at each path with its table."""

    def register(handler: TableHandler) -> TableHandler:
        for path, table in paths.items():
            route(service, method, path)(bind_table(handler, table))
        return handler

    return register


def bind_table(handler: TableHandler, table: str) -> Handler:
    """The handler with its table bound."""
    return lambda call: handler(call, table)
