"""The session of one run: its credential, connections, cache of reads, clock and waits.

Nothing of a run outlives its session, but what it shares with other runs of the process (`shared`).
"""

from __future__ import annotations

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from provisioner.cloud.claims import claims_of
from provisioner.cloud.errors import rate_limit_seconds, translated
from provisioner.cloud.transport.budget import Budget
from provisioner.cloud.transport.client_secret import ClientSecretSignIn, is_unknown_secret
from provisioner.cloud.transport.clock import Clock, ticks
from provisioner.cloud.transport.connections import Route
from provisioner.cloud.transport.http_transport import WRITE_SECONDS, SignInTransport, Transport
from provisioner.cloud.transport.read_cache import ReadCache
from provisioner.cloud.transport.retries import Retry
from provisioner.cloud.transport.sign_in import LocalSettings, SignIn, choose_credential
from provisioner.cloud.transport.tokens import Tokens
from provisioner.cloud.transport.waits import WAIT_LIMITS, WaitLimits, Waits
from provisioner.errors import CloudError

if TYPE_CHECKING:
    from collections import Counter

    from provisioner.cloud.profile import Profile
    from provisioner.cloud.transport.http_client import HttpClient
    from provisioner.cloud.transport.shared import Shared
    from provisioner.secret import Secret

USER_AGENT = "provisioner"
POLL_SECONDS = 2


class WriteLease(Protocol):
    """The environment's lease as far as a run asks of it; `cloud/lease.py` has it."""

    def require_seconds(self, seconds: float, *, during: str) -> None:
        """Raise LeaseLost unless the lease lasts that long."""
        ...

    def raise_if_lost(self, *, during: str) -> None:
        """Raise LeaseLost if it is known to be lost."""
        ...

    def is_of_container(self, account_id: str, container: str) -> bool:
        """Whether it is the lease of that container."""
        ...

    def release(self) -> None:
        """Let other runs in."""
        ...


class Session:
    """Made by `open_session`; used by many threads at once."""

    def __init__(  # what a run consists of
        self,
        profile: Profile,
        *,
        subscription: str,
        tenant: str | None,
        route: Route,
        waits: Waits,
        debug: bool,
        shared: Shared | None = None,
    ) -> None:
        self.profile = profile
        self.subscription_id = subscription
        self.lease: WriteLease | None = None
        self._tenant, self.route, self._debug, self._shared = tenant, route, debug, shared
        self.reads, self.clock, self.waits = ReadCache(), Clock(self._ask_for_time), waits
        budget = Budget(
            profile,
            pause=waits.pause_before_next_call,
            ticks=ticks,
            rate_limit_seconds=rate_limit_seconds,
            longest_seconds=waits.limits.throttled_seconds,
            windows=shared.windows if shared else None,
            tenant=lambda: self.tenant_id,
        )
        self.api_versions: dict[tuple[str, str], str] = {}  # by provider and version that this cloud does not list
        connections = shared.connections if shared else None
        self._transport = Transport(
            route,
            self.clock,
            waits,
            guard=self._require_lease_for_write,
            budget=budget,
            connections=connections,
            reads=shared.reads if shared else None,
            debug=debug,
        )
        self._https: dict[str, HttpClient] = {}
        self._lock = threading.Lock()

    def set_credential(self, tokens: Tokens) -> Session:
        """Set the credential; returns the session."""
        self.credential = tokens
        return self

    def open_for_principal(self, tenant_id: str, client_id: str, secret: Secret) -> Session:
        """A session of another principal, to read with its rights. It signs in on first use; the caller closes it."""
        route, waits, debug = self.route, self.waits, self._debug
        subscription = self.subscription_id
        other = Session(
            self.profile, subscription=subscription, tenant=tenant_id, route=route, waits=waits, debug=debug
        )
        authority, connect = f"{self.profile.authority}/{tenant_id}", self._transport.for_sign_in
        credential = ClientSecretSignIn(authority, client_id, secret, connect=connect)
        signed_in = SignIn(credential=credential, how=f"client secret of {client_id}")
        return other.set_credential(Tokens(signed_in, tenant_id))

    def sign_in(self) -> None:
        """Fetch the tokens of all audiences at once; returns when that of the control plane is there.

        Raises NotAuthorized if there is no token for the control plane. The other audiences raise on their first use.
        """
        scopes = self.profile.scopes
        pool = ThreadPoolExecutor(len(scopes), thread_name_prefix="sign-in")
        futures = [pool.submit(self.credential.get_token_info, scope) for scope in scopes]
        pool.shutdown(wait=False)
        with translated("sign-in"):
            futures[0].result()

    @cached_property
    def claims(self) -> dict[str, Any]:
        """The claims of the caller's token for the control plane."""
        return self.claims_for(self.profile.arm_scope)

    def claims_for(self, scope: str) -> dict[str, Any]:
        """The claims of the caller's token for an audience. Raises NotAuthorized if there is none."""
        with translated("sign-in"):
            return claims_of(self.credential.get_token_info(scope).token)

    @property
    def tenant_id(self) -> str:
        """The tenant in which the caller signed in."""
        return str(self.claims["tid"])

    @property
    def caller_object_id(self) -> str:
        """The object id of the caller."""
        return str(self.claims["oid"])

    @property
    def caller_type(self) -> str:
        """`ServicePrincipal` (a managed identity is one too) or `User`, as role assignments say it."""
        return "ServicePrincipal" if self.claims.get("idtyp") == "app" else "User"

    @property
    def request_counts(self) -> Counter[str]:
        """Requests sent so far, by method and host."""
        return self._transport.request_counts

    @property
    def wrote(self) -> bool:
        """Whether this run has changed something, or may have: a step of it, or what `note_write` was called for."""
        return self._transport.wrote

    def note_write(self) -> None:
        """Count a change outside of any step, such as a job that is cancelled."""
        self._transport.wrote = True

    def http(self, scope: str) -> HttpClient:
        """A raw client for one audience."""
        from provisioner.cloud.transport.http_client import HttpClient

        with self._lock:
            if scope not in self._https:
                self._https[scope] = HttpClient(
                    self.credential, scope, transport=self._transport, user_agent=USER_AGENT
                )
            return self._https[scope]

    def http_without_token(self) -> HttpClient:
        """A raw client for services that know nothing of Entra; the caller adds what they ask for."""
        return self.http("")

    def drop_token(self, scope: str) -> None:
        """Fetch a new token next time: services may cache their decision for the old one."""
        with self._lock:
            self._https.pop(scope, None)
        self.credential.drop(scope)

    def sdk_options(self) -> dict[str, Any]:
        """Keyword arguments that every SDK client takes: our pool, our retries, no log of headers."""
        return {
            "transport": self._transport,
            "retry_policy": Retry(),
            "user_agent": USER_AGENT,
            "logging_enable": False,
            "polling_interval": POLL_SECONDS,
        }

    def sign_in_transport(self) -> SignInTransport:
        """The transport for fetching tokens, over the same connections."""
        return SignInTransport(self._transport)

    def management_options(self) -> dict[str, Any]:
        """`sdk_options` and the control plane's address and audience, for azure-mgmt clients."""
        where = {"base_url": self.profile.arm, "credential_scopes": [self.profile.arm_scope]}
        return {**self.sdk_options(), **where}

    def can_sign_in(self, tenant_id: str, client_id: str, secret: Secret) -> bool:
        """Whether the principal gets a token for the secret now. Raises CloudError for any refusal but "unknown"."""
        with closing(self.open_for_principal(tenant_id, client_id, secret)) as other:
            return other.can_get_token(self.profile.arm_scope)

    def can_get_token(self, scope: str) -> bool:
        """Whether there is a token for the audience. Raises CloudError for any refusal but "unknown secret"."""
        try:
            self.credential.get_token_info(scope)
        except CloudError as error:
            if is_unknown_secret(error):
                return False
            raise
        return True

    def new_id(self) -> str:
        """A new random id."""
        return str(uuid.uuid4())

    def close(self) -> None:
        """End of the run."""
        self._transport.close_connections()

    def raise_if_lease_lost(self) -> None:
        """Raise LeaseLost if the lease is known to be lost: a run without it has nothing left to wait for."""
        if self.lease is not None:
            self.lease.raise_if_lost(during="the next call")

    def _ask_for_time(self) -> None:
        """Sign in, for the `Date` of that answer; after a sign-in without one (az) ask ARM."""
        self.sign_in()
        if not self.clock.known:
            url, params = f"{self.profile.arm}/tenants", {"api-version": "2022-12-01"}
            self.http(self.profile.arm_scope).request("GET", url, operation="GET tenants", params=params)

    def _require_lease_for_write(self, method: str, url: str) -> None:
        """Raise LeaseLost unless the lease outlasts a write; the lease's own calls need none."""
        if self.lease is not None and not urlsplit(url).path.endswith("/lease"):
            self.lease.require_seconds(WRITE_SECONDS, during=f"{method} {urlsplit(url).path}")


def open_session(
    profile: Profile,
    *,
    subscription: str,
    tenant: str | None = None,
    local: LocalSettings | None = None,
    debug: bool = False,
    wait_limits: WaitLimits = WAIT_LIMITS,
    shared: Shared | None = None,
) -> Session:
    """A session of one run. `local`: for the embedded local Azure; then the environment's proxies do not matter.

    shared: what it has in common with other sessions of the same cloud. Raises nothing yet: `sign_in` signs in.
    """
    for noisy in ("azure", "msal", "urllib3"):  # what they log as an error, with a traceback, they raise, too
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    route, tenant = route_to(local), local.tenant_id if local else tenant
    waits = Waits(wait_limits, shared.interrupted if shared else None)
    session = Session(
        profile, subscription=subscription, tenant=tenant, route=route, waits=waits, debug=debug, shared=shared
    )
    waits.before_pause = session.raise_if_lease_lost

    def tokens(transport: SignInTransport) -> Tokens:
        options = {"transport": transport, "user_agent": USER_AGENT}
        return Tokens(choose_credential(profile, tenant, local, retry_policy_class=Retry, **options), tenant)

    return session.set_credential(shared.tokens(tenant, tokens) if shared else tokens(session.sign_in_transport()))


def route_to(local: LocalSettings | None) -> Route:
    """How requests reach the embedded local Azure; without it, as the environment's variables say."""
    if local is None:
        return Route()
    return Route(proxies={"https": local.proxy, "http": local.proxy}, ca_bundle=local.ca_bundle)
