"""The session of one run: its credential, connections, cache of reads, clock and waits.

Nothing of a run outlives its session.
"""

from __future__ import annotations

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from provisioner.cloud.claims import claims_of
from provisioner.cloud.errors import limit_reached, refusal, translated
from provisioner.cloud.transport.budget import Budget
from provisioner.cloud.transport.clock import Clock, ticks
from provisioner.cloud.transport.connections import Route
from provisioner.cloud.transport.http_transport import WRITE_SECONDS, SignInTransport, Transport
from provisioner.cloud.transport.memory import Memory
from provisioner.cloud.transport.retries import Retry
from provisioner.cloud.transport.sign_in import LocalSettings, SignIn, by_secret, sign_in
from provisioner.cloud.transport.tokens import Tokens
from provisioner.cloud.transport.waits import PATIENCE, Patience, Waits
from provisioner.errors import NotYetVisible

if TYPE_CHECKING:
    from collections import Counter

    from provisioner.cloud.profile import Profile
    from provisioner.cloud.transport.http_client import HttpClient
    from provisioner.secret import Secret

USER_AGENT = "provisioner"
POLL_SECONDS = 2
# A replica that has not forgotten an expired secret yet says this of it:
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
EXPIRED = "AADSTS7000222"


class WriteLease(Protocol):
    """The environment's lease as far as a run asks of it; `cloud/lease.py` has it."""

    def require(self, seconds: float, *, during: str) -> None:
        """Raise LeaseLost unless the lease lasts that long."""
        ...

    def check(self, *, during: str) -> None:
        """Raise LeaseLost if it is known to be lost."""
        ...

    def holds(self, account_id: str, container: str) -> bool:
        """Whether it is the lease of that container."""
        ...

    def release(self) -> None:
        """Let other runs in."""
        ...


class Session:
    """Made by `open_session`; used by many threads at once."""

    def __init__(
        self, profile: Profile, *, subscription: str, tenant: str | None, route: Route, waits: Waits, debug: bool
    ) -> None:
        self.profile = profile
        self.subscription_id = subscription
        self.lease: WriteLease | None = None
        self._tenant, self._route, self._debug = tenant, route, debug
        self.memory, self.clock, self.waits = Memory(), Clock(self._ask_the_time), waits
        budget = Budget(profile, pause=waits.take_turn, ticks=ticks, limit_reached=limit_reached)
        self._transport = Transport(route, self.clock, waits, guard=self._guard, budget=budget, debug=debug)
        self._https: dict[str, HttpClient] = {}
        self._lock = threading.Lock()

    def signed_in(self, chosen: SignIn) -> Session:
        """Set the credential; returns the session."""
        self.credential = Tokens(chosen, self._tenant)
        return self

    def acting_as(self, tenant_id: str, client_id: str, secret: Secret) -> Session:
        """A session of another principal, to read with its rights. It signs in on first use; the caller closes it."""
        route, waits, debug = self._route, self.waits, self._debug
        subscription = self.subscription_id
        other = Session(
            self.profile, subscription=subscription, tenant=tenant_id, route=route, waits=waits, debug=debug
        )
        options = {"transport": other.sign_in_transport(), "user_agent": USER_AGENT, "retry_policy_class": Retry}
        return other.signed_in(by_secret(self.profile, tenant_id, client_id, secret, **options))

    def warm(self) -> None:
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
    def counter(self) -> Counter[str]:
        """Requests sent so far, by method and host."""
        return self._transport.counter

    def http(self, scope: str) -> HttpClient:
        """A raw client for one audience."""
        from provisioner.cloud.transport.http_client import HttpClient

        with self._lock:
            if scope not in self._https:
                self._https[scope] = HttpClient(
                    self.credential, scope, transport=self._transport, user_agent=USER_AGENT
                )
            return self._https[scope]

    def fresh_token(self, scope: str) -> None:
        """Fetch a new token next time: services may cache their decision for the old one."""
        with self._lock:
            self._https.pop(scope, None)
        self.credential.fresh(scope)

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

    def signs_in(self, tenant_id: str, client_id: str, secret: Secret) -> bool:
        """Whether the principal gets a token for the secret now. Asks on a connection of its own.

        Entra's replicas learn of a new secret one after another, and a connection stays with one of them.
        Raises CloudError for any refusal but "not known here yet" and "expired".
        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
        """
        from azure.core.pipeline import Pipeline
        from azure.core.rest import HttpRequest, HttpResponse

        url = f"{self.profile.authority}/{tenant_id}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "scope": self.profile.arm_scope, "client_id": client_id}
        request = HttpRequest("POST", url, data={**form, "client_secret": secret.reveal()})
        transport = self._transport.fresh()
        try:
            with translated(f"sign-in of {client_id}"):
                pipeline = Pipeline[HttpRequest, HttpResponse](transport, [Retry()])
                # a second sign-in does no harm
                response = pipeline.run(request, retry_on_methods=["POST"]).http_response
        finally:
            transport.shut()
        if response.status_code >= 400:
            error = refusal(response, f"sign-in of {client_id}")
            if isinstance(error, NotYetVisible) or error.code == EXPIRED:
                return False
            raise error
        return True

    def fresh_id(self) -> str:
        """A new random id."""
        return str(uuid.uuid4())

    def close(self) -> None:
        """End of the run."""
        self._transport.shut()

    def still_ours(self) -> None:
        """Raise LeaseLost if the lease is known to be lost: a run without it has nothing left to wait for."""
        if self.lease is not None:
            self.lease.check(during="the next call")

    def _ask_the_time(self) -> None:
        """Sign in, for the `Date` of that answer; after a sign-in without one (az) ask ARM."""
        self.warm()
        if not self.clock.known:
            url, params = f"{self.profile.arm}/tenants", {"api-version": "2022-12-01"}
            self.http(self.profile.arm_scope).request("GET", url, operation="GET tenants", params=params)

    def _guard(self, method: str, url: str) -> None:
        """Raise LeaseLost unless the lease outlasts a write; the lease's own calls need none."""
        if self.lease is not None and not urlsplit(url).path.endswith("/lease"):
            self.lease.require(WRITE_SECONDS, during=f"{method} {urlsplit(url).path}")


def open_session(
    profile: Profile,
    *,
    subscription: str,
    tenant: str | None = None,
    local: LocalSettings | None = None,
    debug: bool = False,
    patience: Patience = PATIENCE,
) -> Session:
    """A session of one run. `local`: for the embedded local Azure; then the environment's proxies do not matter.

    Raises nothing yet: `warm` signs in.
    """
    for noisy in ("azure", "msal", "urllib3"):  # what they log as an error, with a traceback, they raise, too
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    route = Route()
    if local is not None:
        route = Route(proxies={"https": local.proxy, "http": local.proxy}, ca_bundle=local.ca_bundle)
        tenant = local.tenant_id
    waits = Waits(patience)
    session = Session(profile, subscription=subscription, tenant=tenant, route=route, waits=waits, debug=debug)
    waits.may_go_on = session.still_ours
    options = {"transport": session.sign_in_transport(), "user_agent": USER_AGENT}
    return session.signed_in(sign_in(profile, tenant, local, retry_policy_class=Retry, **options))
