"""The contract of an emulated service: the hosts it answers for, its routes, the shape of its errors.

A package of the local Azure lists its services as `SERVICES`. Packages do not import each other; what they share is
in the layers below them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Call, Reply
from localazure.app.tenant import Tenant
from localazure.app.wire import Request

if TYPE_CHECKING:
    from localazure.app.signing import InvalidToken

Handler = Callable[[Call], Reply]
Report = Callable[[Tenant, Callable[[Request], Reply | None]], Any]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and path of a service, its handler, and the permission that the caller needs.

    path: a pattern in which `{name}` matches one segment and `{name:path}` the rest, which may be empty. action: the
    Azure action that the caller needs at the service's scope; None if the handler checks itself, and `why` says how.
    data: whether it is a data action. query: query items that must be present ("": with any value). needs_token: False
    for routes that anybody may call, such as metadata.
    """

    method: str
    path: str
    handler: Handler
    action: str | None
    data: bool = False
    why: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    needs_token: bool = True

    def label(self, service: str) -> str:
        """Return a text that no other route has, for lists of routes."""
        query = "&".join(f"{name}={value}" for name, value in sorted(self.query.items()))
        return f"{service}: {self.method} {self.path}{'?' if query else ''}{query}"

    def match(self, call: Call) -> dict[str, str] | None:
        """Return the path parameters if the route matches the call, else None."""
        if self.method != call.method or not all(
            name in call.query and (not value or call.query[name].lower() == value.lower())
            for name, value in self.query.items()
        ):
            return None
        match = _path_pattern(self.path).fullmatch(call.path.rstrip("/") or "/")
        return match.groupdict() if match else None


_patterns: dict[str, re.Pattern[str]] = {}


def _path_pattern(path: str) -> re.Pattern[str]:
    """Compile a route's path; Azure ignores the case of paths."""
    if path not in _patterns:
        text = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.*)", re.escape(path))
        text = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", text)
        _patterns[path] = re.compile(text, re.IGNORECASE)
    return _patterns[path]


def authorization_failed(call: Call, action: str, scope: str) -> AzureError:
    """Return Resource Manager's 403 AuthorizationFailed, word for word: clients search it for the missing action."""
    caller = call.authenticated_caller
    message = (
        f"The client '{caller.app_id}' with object id '{caller.object_id}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials."
    )
    return AzureError(status=403, code="AuthorizationFailed", message=message)


@dataclass(kw_only=True)
class Service:
    """One Azure service.

    hosts: patterns such as `management.azure.com` or `*.vault.azure.net`, most specific first.
    path: pattern of the paths that the service answers (several services share management.azure.com).
    audiences: of accepted tokens (compared without trailing slash); None: the service needs no token.
    render: turns an error into a reply of the service's own shape. scope: the resource id at which a route's action is
    checked. forbidden: the error for a caller without the action. challenge: headers added to a 401. versions: known
    api-versions, oldest first; empty: the service reads the version elsewhere. seed: writes what a new tenant contains.
    unauthenticated: the error for an invalid token (default: ARM's codes; see `signing.InvalidToken`). not_found: the
    error for a path without a route (default: 404 NotFound). merges_slashes: `//` in a path counts as `/`.
    authenticate: for services without audiences that take large bodies: raises 401 or 403 before such a body is read.
    precondition: runs once the caller's action is allowed, and may raise an error. check_version: raises an error for
    an api-version that the service never had. reports: JSON for tests, by path at the control endpoint; functions of
    the tenant and of a function that sends a request.
    """

    name: str
    hosts: tuple[str, ...]
    render: Callable[[Call, AzureError], Reply]
    path: str = ".*"
    audiences: tuple[str, ...] | None = None
    versions: tuple[str, ...] = ()
    scope: Callable[[Call], str] | None = None
    forbidden: Callable[[Call, str, str], AzureError] = authorization_failed
    challenge: Callable[[Call], Mapping[str, str]] | None = None
    seed: Callable[[Tenant], None] | None = None
    unauthenticated: Callable[[Call, InvalidToken], AzureError] | None = None
    not_found: Callable[[Call], AzureError] | None = None
    merges_slashes: bool = False
    authenticate: Callable[[Call], object] | None = None
    precondition: Callable[[Call], None] | None = None
    check_version: Callable[[Call], None] | None = None
    reports: Mapping[str, Report] = field(default_factory=dict[str, Report])
    routes: list[Route] = field(default_factory=list[Route])

    def route(
        self,
        method: str,
        path: str,
        *,
        action: str | None,
        data: bool = False,
        why: str = "",
        needs_token: bool = True,
        query: Mapping[str, str] | None = None,
        **query_items: str,
    ) -> Callable[[Handler], Handler]:
        """Register a handler; routes are tried in order. Query items: as keywords, or in `query` if a name is taken."""
        required = {**(query or {}), **query_items}

        def register(handler: Handler) -> Handler:
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    action=action,
                    data=data,
                    why=why,
                    query=required,
                    needs_token=needs_token,
                )
            )
            return handler

        return register


def answer_inner_call(services: Iterable[Service], call: Call) -> Reply | None:
    """Run the handler of the first route that matches a call inside another, as in a batch.

    Returns its reply, None if no route matches. Token, limits and permission are left to the handler.
    """
    for service in services:
        for route in service.routes:
            params = route.match(call)
            if params is not None:
                return route.handler(replace(call, params=params))
    return None
