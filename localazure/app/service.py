"""The contract of an emulated service: which hosts it answers for, its routes, how its errors look.

A package of the local Azure lists its services as `SERVICES`. Packages do not import each other; what they share
stands in the layers below them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Call, Reply
from localazure.app.wire import Request
from localazure.app.world import World

if TYPE_CHECKING:
    from localazure.app.signing import InvalidToken

Handler = Callable[[Call], Reply]
Report = Callable[[World, Callable[[Request], Reply | None]], Any]


@dataclass(frozen=True, kw_only=True)
class Route:
    """`path` is a pattern: `{name}` takes one segment, `{name:path}` the rest (also nothing).

    `action` is the Azure action that the caller needs at the scope (see `scope`), `data` says that it is a data
    action. `action=None` means that the handler decides itself and `why` says how.
    """

    method: str
    path: str
    handler: Handler
    action: str | None
    data: bool = False
    why: str = ""
    when: Mapping[str, str] = field(default_factory=dict[str, str])  # query items that must be present ("" = any value)
    token: bool = True  # False: answers whoever asks, as metadata endpoints do

    def match(self, call: Call) -> dict[str, str] | None:
        """The path parameters if this route takes the call."""
        if self.method != call.method or not all(
            name in call.query and (not value or call.query[name].lower() == value.lower())
            for name, value in self.when.items()
        ):
            return None
        found = _pattern(self.path).fullmatch(call.path.rstrip("/") or "/")
        return found.groupdict() if found else None


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(path: str) -> re.Pattern[str]:
    """Azure compares paths without regard to case."""
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
    path: the service takes only calls whose path matches this pattern (several services share management.azure.com).
    audiences: what a token must be for (compared without trailing slash); None: the service needs no token.
    render: an error in the service's own shape. scope: the resource id at which a route's action is checked.
    forbidden: the error for a caller without the action. versions: known api-versions, oldest first; empty: the
    service reads the version elsewhere. seed: puts what a new tenant comes with. unauthenticated: the error for an
    invalid token (default: ARM's codes; see `signing.InvalidToken`). not_found: the error for a path that no route
    takes (default: 404 NotFound). merges_slashes: `//` in a path counts as `/`. reports: what tests may read of the
    service at the control endpoint, by path: functions of the world and of a way to send requests.
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
    seed: Callable[[World], None] | None = None
    unauthenticated: Callable[[Call, InvalidToken], AzureError] | None = None
    not_found: Callable[[Call], AzureError] | None = None
    merges_slashes: bool = False
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
        token: bool = True,
        when: Mapping[str, str] | None = None,
        **query: str,
    ) -> Callable[[Handler], Handler]:
        """Register a handler; routes are tried in order. Query items: by name, or in `when` if a name is taken."""
        asked = {**(when or {}), **query}

        def register(handler: Handler) -> Handler:
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    action=action,
                    data=data,
                    why=why,
                    when=asked,
                    token=token,
                )
            )
            return handler

        return register


def reply_of_inner_call(services: Iterable[Service], call: Call) -> Reply | None:
    """A call within a call, a batch's say: the answer of the first route that takes it."""
    for service in services:
        for route in service.routes:
            params = route.match(call)
            if params is not None:
                return route.handler(replace(call, params=params))
    return None
