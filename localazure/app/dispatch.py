"""From a request to a reply: find service and route, check token and permission, call the handler or render the error.

The order is Azure's: api-version, token, limits, permission, handler. Handlers run one at a time, in a transaction.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from localazure.app.call import AzureError, Call, Caller, Reply
from localazure.app.limits import Limits
from localazure.app.signing import InvalidToken
from localazure.app.tenant import SUBSCRIPTION_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localazure.app.service import Route, Service
    from localazure.app.tenant import Tenant
    from localazure.app.wire import Request

LOG = logging.getLogger("localazure")
_ARM_AUDIENCES = (
    "'https://management.core.windows.net/','https://management.core.windows.net',"
    "'https://management.azure.com/','https://management.azure.com'"
)
_CACHED_HOSTS = 1024
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]+(\.?\d+)?)?", re.IGNORECASE)


class Authenticate(Protocol):
    """Find the caller from the Authorization header. Raises InvalidToken."""

    def __call__(self, tenant: Tenant, authorization: str, audiences: tuple[str, ...], tenant_id: str, /) -> Caller:
        """Return the caller of the header."""
        ...


class Authorize(Protocol):
    """Decide whether a principal may perform an action at a scope."""

    def __call__(self, tenant: Tenant, principal_id: str, action: str, scope: str, /, *, data: bool) -> bool:
        """Return whether it may; `data` says that the action is a data action."""
        ...


@dataclass(frozen=True, kw_only=True)
class Target:
    """The service that answers a request, and its matching route, if there is one."""

    service: Service
    route: Route | None
    call: Call


class Dispatcher:
    """Answers the requests to all services of a tenant."""

    def __init__(
        self, tenant: Tenant, services: Iterable[Service], *, authenticate: Authenticate, authorize: Authorize
    ) -> None:
        """Take authentication and authorization as arguments: Entra and RBAC belong to layers above this one."""
        self.tenant = tenant
        self.services = tuple(services)
        self.limits = Limits()
        self.taken: Counter[str] = Counter()  # routes since the start, a reset or not; without those of batches
        self._authenticate, self._authorize = authenticate, authorize
        self.services_at = lru_cache(maxsize=_CACHED_HOSTS)(self._find_services)

    def serves(self, host: str) -> bool:
        """Return whether some service answers for the host name."""
        return bool(self.services_at(host))

    def _find_services(self, host: str) -> tuple[Service, ...]:
        """Return the services at a host, those with the narrower path pattern first."""
        services = [s for s in self.services if any(_host_pattern(p).fullmatch(host) for p in s.hosts)]
        return tuple(sorted(services, key=lambda s: (s.path == ".*", -len(s.path))))

    def find_target(self, request: Request, request_id: str) -> Target | None:
        """Find the first service with a route for the request, else the first whose path pattern matches it."""
        first: Target | None = None
        for service in self.services_at(request.host):
            path = re.sub("/{2,}", "/", request.path) if service.merges_slashes else request.path
            if not re.fullmatch(service.path, path, re.IGNORECASE):
                continue
            call = _call(request, path, self.tenant, request_id)
            for route in service.routes:
                params = route.match(call)
                if params is not None:
                    return Target(service=service, route=route, call=replace(call, params=params))
            first = first or Target(service=service, route=None, call=call)
        return first

    def answer(self, target: Target, *, stale_seconds: float = 0.0) -> Reply:
        """Return the reply to a routed request, errors in the service's own shape.

        stale_seconds: a GET or HEAD reads the store as it was that long ago.
        """
        service, call, store = target.service, target.call, self.tenant.store
        if target.route is not None:
            self.taken[target.route.label(service.name)] += 1
        reading = stale_seconds and call.method in {"GET", "HEAD"}
        past = store.reading_as_of(self.tenant.clock.timestamp() - stale_seconds) if reading else nullcontext()
        try:
            with store.transaction(self.tenant.clock.timestamp()):
                try:
                    call = self._admit_call(target)
                    if target.route is None:
                        raise self._no_route_error(target)
                    with past:
                        return target.route.handler(call)
                except AzureError as error:  # a response like any other: what was written before it is committed
                    return error_reply(service, call, error)
        except Exception as error:  # noqa: BLE001 - whatever a handler does, the client gets Azure's 500
            _log_defect(call, error)
            message = "The server encountered an internal error. Please retry the request."
            return error_reply(service, call, AzureError(status=500, code="InternalServerError", message=message))

    def large_body_refusal(self, target: Target) -> Reply | None:
        """Return 401 or 403 of an unauthenticated caller, or 413; None if the large body is to be read."""
        service, call = target.service, target.call
        try:
            if _needs_token(target):
                self._require_caller(service, call)
                return None
            if service.authenticate is not None:
                service.authenticate(call)
                return None
        except AzureError as error:
            return error_reply(service, call, error)
        message = "The request is larger than this service takes."
        return error_reply(service, call, AzureError(status=413, code="RequestEntityTooLarge", message=message))

    def reply_to(self, request: Request) -> Reply | None:
        """Answer a request that the local Azure sends to itself. Returns None if no service answers at its host."""
        target = self.find_target(request, self.tenant.clock.new_id())
        return self.answer(target) if target else None

    def _admit_call(self, target: Target) -> Call:
        """Check api-version, token, limits, permission, precondition in Azure's order. Returns the call with caller."""
        service, route, call = target.service, target.route, target.call
        if service.versions and not (route and not route.needs_token):
            _require_valid_api_version(call)
            if service.check_version is not None:
                service.check_version(call)
        if not _needs_token(target):
            return call
        call = replace(call, caller=self._require_caller(service, call))
        self.limits.count_or_throttle(call)
        if route and route.action:
            self._require_permission(service, route, call, route.action)
            if service.precondition is not None:
                service.precondition(call)
        return call

    def _require_caller(self, service: Service, call: Call) -> Caller:
        """Return the caller of the call's token. Raises the service's 401."""
        authorization, audiences = call.headers.get("authorization", ""), service.audiences or ()
        try:
            return self._authenticate(self.tenant, authorization, audiences, TENANT_ID)
        except InvalidToken as invalid:
            raise _unauthenticated(service, call, invalid) from invalid

    def _require_permission(self, service: Service, route: Route, call: Call, action: str) -> None:
        if service.scope is None:
            raise TypeError(f"{service.name}: a route with an action needs the service's scope")
        scope = service.scope(call)
        if self._authorize(call.tenant, call.authenticated_caller.object_id, action, scope, data=route.data):
            return
        raise service.forbidden(call, action, scope)

    def _no_route_error(self, target: Target) -> AzureError:
        call = target.call
        if any(route.match(replace(call, method=route.method)) is not None for route in target.service.routes):
            message = f"The requested resource does not support http method '{call.method}'."
            return AzureError(status=405, code="MethodNotAllowed", message=message)
        if target.service.not_found is not None:
            return target.service.not_found(call)
        return AzureError(status=404, code="NotFound", message=f"No such resource: {call.path}")


def _needs_token(target: Target) -> bool:
    return target.service.audiences is not None and (target.route is None or target.route.needs_token)


def error_reply(service: Service, call: Call, error: AzureError) -> Reply:
    """Return the reply for an error, rendered by the service."""
    reply = service.render(call, error)
    return replace(reply, headers={**error.headers, **reply.headers})


def _call(request: Request, path: str, tenant: Tenant, request_id: str) -> Call:
    return Call(
        method=request.method,
        host=request.host,
        path=path,
        query=request.query,
        headers=request.headers,
        body=request.body,
        tenant=tenant,
        request_id=request_id,
    )


def _require_valid_api_version(call: Call) -> None:
    version = call.query.get("api-version", "")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise AzureError(status=400, code="MissingApiVersionParameter", message=message)
    if not _VERSION.fullmatch(version):
        message = f"The api-version '{version}' is invalid: it is no date such as '2022-04-01' or '2022-04-01-preview'."
        raise AzureError(status=400, code="InvalidApiVersionParameter", message=message)


def _unauthenticated(service: Service, call: Call, invalid: InvalidToken) -> AzureError:
    create_error = service.unauthenticated or _arm_unauthenticated
    error = create_error(call, invalid)
    challenge: Mapping[str, str] = service.challenge(call) if service.challenge else {}
    return AzureError(
        status=error.status,
        code=error.code,
        message=error.message,
        headers={**error.headers, **challenge},
        details=error.details,
    )


def _arm_unauthenticated(call: Call, invalid: InvalidToken) -> AzureError:
    """Return Resource Manager's 401 for an invalid token."""
    now, expiry = f"{call.tenant.clock.now():%m/%d/%Y %I:%M:%S %p}", _format_epoch_seconds(invalid.actual)
    wrong = "The access token has been obtained for wrong audience or resource"
    owner = f"'https://sts.windows.net/{TENANT_ID}/' associated with the subscription '{SUBSCRIPTION_ID}'"
    code, message = {
        "missing": ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
        "malformed": ("InvalidAuthenticationToken", "The access token is invalid."),
        "signature": ("InvalidAuthenticationToken", "The access token is invalid: its signature does not verify."),
        "expired": (
            "ExpiredAuthenticationToken",
            f"The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'.",
        ),
        "audience": (
            "InvalidAuthenticationTokenAudience",
            f"{wrong} '{invalid.actual}'. It should exactly match with one of the allowed audiences {_ARM_AUDIENCES}.",
        ),
        "tenant": (
            "InvalidAuthenticationTokenTenant",
            f"The access token is from the wrong issuer '{invalid.actual}'. It must match the tenant {owner}.",
        ),
        "caller": (
            "InvalidAuthenticationToken",
            f"The client with object id '{invalid.actual}' does not exist in the tenant or is disabled.",
        ),
    }[invalid.reason]
    return AzureError(status=401, code=code, message=message, headers=_arm_challenge(invalid, message))


def _arm_challenge(invalid: InvalidToken, message: str) -> dict[str, str]:
    """Return the header that says where the tenant signs in; clients read the tenant from it.

    docker/machine has one of Azure's in drivers/azure/azureutil/tenantid.go, which reads it so.
    """
    description = {
        "missing": "The authentication failed because of missing 'Authorization' header.",
        "tenant": "The access token is from the wrong issuer. It must match the tenant associated with this "
        "subscription. Please use correct authority to get the token.",
    }.get(invalid.reason, message)
    challenge = (
        f'Bearer authorization_uri="https://login.windows.net/{TENANT_ID}", error="invalid_token", '
        f'error_description="{description}"'
    )
    return {"WWW-Authenticate": challenge}


def _format_epoch_seconds(seconds: str) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%m/%d/%Y %I:%M:%S %p}" if seconds.isdigit() else seconds


_hosts: dict[str, re.Pattern[str]] = {}


def _host_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a host pattern, in which `*` stands for one DNS label."""
    if pattern not in _hosts:
        _hosts[pattern] = re.compile(re.escape(pattern.lower()).replace(r"\*", "[a-z0-9-]+"))
    return _hosts[pattern]


def _log_defect(call: Call, error: Exception) -> None:
    """Log the traceback of an unexpected exception, without its text, which may contain what the client sent."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("%s %s%s: %s\n%s", call.method, call.host, call.path, type(error).__name__, frames)
