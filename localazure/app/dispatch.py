"""From a request to a reply: which service, which route, whose token, which right; then the handler, or the error.

The order is Azure's: api-version, token, limits, right, handler. Handlers run one at a time, each in a transaction.
"""

from __future__ import annotations

import logging
import re
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from localazure.app.call import AzureError, Call, Caller, Reply
from localazure.app.limits import Limits
from localazure.app.signing import InvalidToken
from localazure.app.tenant import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localazure.app.service import Route, Service
    from localazure.app.wire import Request
    from localazure.app.world import World

LOG = logging.getLogger("localazure")
_ARM_AUDIENCES = (
    "'https://management.core.windows.net/','https://management.core.windows.net',"
    "'https://management.azure.com/','https://management.azure.com'"
)
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]+(\.?\d+)?)?", re.IGNORECASE)


class Authenticate(Protocol):
    """Who sent a call; Refusal says why nobody did."""

    def __call__(self, world: World, authorization: str, audiences: tuple[str, ...], tenant_id: str, /) -> Caller:
        """The caller behind an Authorization header."""
        ...


class Authorize(Protocol):
    """Whether a principal may do an action at a scope."""

    def __call__(self, world: World, principal_id: str, action: str, scope: str, /, *, data: bool) -> bool:
        """Whether it may."""
        ...


@dataclass(frozen=True, kw_only=True)
class Target:
    """The service that answers a request, with the route that takes it, if one does."""

    service: Service
    route: Route | None
    call: Call


class Dispatcher:
    """Answers requests for all services of a world."""

    def __init__(
        self, world: World, services: Iterable[Service], *, authenticate: Authenticate, authorize: Authorize
    ) -> None:
        """The two decisions that Entra and RBAC take stand above this file, so they are given."""
        self.world = world
        self.services = tuple(services)
        self.limits = Limits()
        self._authenticate, self._authorize = authenticate, authorize
        self._by_host: dict[str, tuple[Service, ...]] = {}

    def serves(self, host: str) -> bool:
        """Whether some service answers for the host name."""
        return bool(self.behind(host))

    def behind(self, host: str) -> tuple[Service, ...]:
        """The services of a host: those with the narrower path pattern first."""
        if host not in self._by_host:
            found = [s for s in self.services if any(_host(pattern).fullmatch(host) for pattern in s.hosts)]
            found.sort(key=lambda s: (s.path == ".*", -len(s.path)))
            if not found:
                return ()
            self._by_host[host] = tuple(found)
        return self._by_host[host]

    def target(self, request: Request, request_id: str) -> Target | None:
        """The first service with a route for the request, else the first that knows its path."""
        first: Target | None = None
        for service in self.behind(request.host):
            path = re.sub("/{2,}", "/", request.path) if service.merges_slashes else request.path
            if not re.fullmatch(service.path, path, re.IGNORECASE):
                continue
            call = _call(request, path, self.world, request_id)
            for route in service.routes:
                params = route.match(call)
                if params is not None:
                    return Target(service=service, route=route, call=replace(call, params=params))
            first = first or Target(service=service, route=None, call=call)
        return first

    def answer(self, target: Target, *, stale_seconds: float = 0.0) -> Reply:
        """The reply; every error is rendered by the service."""
        service, call, store = target.service, target.call, self.world.store
        reading = stale_seconds and call.method in {"GET", "HEAD"}
        past = store.as_of(self.world.clock.timestamp() - stale_seconds) if reading else nullcontext()
        try:
            with store.transaction(self.world.clock.timestamp()):
                try:
                    call = self._admitted(target)
                    if target.route is None:
                        raise self._not_here(target)
                    with past:
                        return target.route.handler(call)
                except AzureError as error:  # an answer like any other: what was written before it stays
                    return error_reply(service, call, error)
        except Exception as error:  # noqa: BLE001 - whatever a handler does, the client gets Azure's 500
            _log(call, error)
            message = "The server encountered an internal error. Please retry the request."
            return error_reply(service, call, AzureError(status=500, code="InternalServerError", message=message))

    def ask(self, request: Request) -> Reply | None:
        """The reply to a request of the local Azure's own; None where nobody answers."""
        target = self.target(request, self.world.clock.new_id())
        return self.answer(target) if target else None

    def _admitted(self, target: Target) -> Call:
        """The call with its caller, allowed to go on."""
        service, route, call = target.service, target.route, target.call
        if service.versions and not (route and not route.token):
            _check_version(call)
        if service.audiences is None or (route and not route.token):
            return call
        try:
            caller = self._authenticate(self.world, call.headers.get("authorization", ""), service.audiences, TENANT_ID)
        except InvalidToken as refusal:
            raise _unauthenticated(service, call, refusal) from refusal
        call = replace(call, caller=caller)
        self.limits.check(call)
        if route and route.action:
            self._check_right(service, route, call, route.action)
        return call

    def _check_right(self, service: Service, route: Route, call: Call, action: str) -> None:
        if service.scope is None:
            raise TypeError(f"{service.name}: a route with an action needs the service's scope")
        scope = service.scope(call)
        if self._authorize(call.world, call.authenticated_caller.object_id, action, scope, data=route.data):
            return
        raise service.forbidden(call, action, scope)

    def _not_here(self, target: Target) -> AzureError:
        call = target.call
        if any(route.match(replace(call, method=route.method)) is not None for route in target.service.routes):
            message = f"The requested resource does not support http method '{call.method}'."
            return AzureError(status=405, code="MethodNotAllowed", message=message)
        if target.service.not_found is not None:
            return target.service.not_found(call)
        return AzureError(status=404, code="NotFound", message=f"No such resource: {call.path}")


def error_reply(service: Service, call: Call, error: AzureError) -> Reply:
    """An error as the service shows it."""
    reply = service.render(call, error)
    return replace(reply, headers={**error.headers, **reply.headers})


def _call(request: Request, path: str, world: World, request_id: str) -> Call:
    return Call(
        method=request.method,
        host=request.host,
        path=path,
        query=request.query,
        headers=request.headers,
        body=request.body,
        world=world,
        request_id=request_id,
    )


def _check_version(call: Call) -> None:
    version = call.query.get("api-version", "")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise AzureError(status=400, code="MissingApiVersionParameter", message=message)
    if not _VERSION.fullmatch(version):
        message = f"The api-version '{version}' is invalid: it is no date such as '2022-04-01' or '2022-04-01-preview'."
        raise AzureError(status=400, code="InvalidApiVersionParameter", message=message)


def _unauthenticated(service: Service, call: Call, refusal: InvalidToken) -> AzureError:
    made = service.unauthenticated or _arm_unauthenticated
    error = made(call, refusal)
    asked: Mapping[str, str] = service.challenge(call) if service.challenge else {}
    return AzureError(
        status=error.status,
        code=error.code,
        message=error.message,
        headers={**error.headers, **asked},
        details=error.details,
    )


def _arm_unauthenticated(call: Call, refusal: InvalidToken) -> AzureError:
    """Resource Manager's words for a token that does not do."""
    now = f"{call.world.clock.now():%m/%d/%Y %I:%M:%S %p}"
    wrong = "The access token has been obtained for wrong audience or resource"
    owner = f"'https://sts.windows.net/{TENANT_ID}/' associated with the subscription '{SUBSCRIPTION_ID}'"
    code, message = {
        "missing": ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
        "malformed": ("InvalidAuthenticationToken", "The access token is invalid."),
        "signature": ("InvalidAuthenticationToken", "The access token is invalid: its signature does not verify."),
        "expired": (
            "ExpiredAuthenticationToken",
            f"The access token expiry UTC time '{_utc(refusal.actual)}' is earlier than current UTC time '{now}'.",
        ),
        "audience": (
            "InvalidAuthenticationTokenAudience",
            f"{wrong} '{refusal.actual}'. It should exactly match with one of the allowed audiences {_ARM_AUDIENCES}.",
        ),
        "tenant": (
            "InvalidAuthenticationTokenTenant",
            f"The access token is from the wrong issuer '{refusal.actual}'. It must match the tenant {owner}.",
        ),
        "caller": (
            "InvalidAuthenticationToken",
            f"The client with object id '{refusal.actual}' does not exist in the tenant or is disabled.",
        ),
    }[refusal.reason]
    challenge = f'Bearer authorization_uri="https://login.microsoftonline.com/{TENANT_ID}", error="invalid_token"'
    return AzureError(status=401, code=code, message=message, headers={"WWW-Authenticate": challenge})


def _utc(seconds: str) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%m/%d/%Y %I:%M:%S %p}" if seconds.isdigit() else seconds


_hosts: dict[str, re.Pattern[str]] = {}


def _host(pattern: str) -> re.Pattern[str]:
    """`*` stands for one label."""
    if pattern not in _hosts:
        _hosts[pattern] = re.compile(re.escape(pattern.lower()).replace(r"\*", "[a-z0-9-]+"))
    return _hosts[pattern]


def _log(call: Call, error: Exception) -> None:
    """Where it happened; not the exception's text, which may hold what the client sent."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("%s %s%s: %s\n%s", call.method, call.host, call.path, type(error).__name__, frames)
