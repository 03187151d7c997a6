"""One run's way to Azure: who signs in, the pool of connections, what was asked already, and all waiting.

Nothing of a run outlives its session.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from provisioner.cloud.budget import Budget
from provisioner.cloud.faults import limit_reached, refusal, translated
from provisioner.cloud.memory import Memory
from provisioner.cloud.retries import JITTER, THROTTLED_SECONDS, Retry
from provisioner.cloud.sign_in import LocalSettings, SignIn, by_secret, sign_in
from provisioner.cloud.tokens import Tokens, claims_of
from provisioner.cloud.transport import WRITE_SECONDS, Route, SignInTransport, Transport, ticks
from provisioner.cloud.waits import Waits
from provisioner.errors import CloudError, Interrupted, NotYetVisible

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from datetime import datetime

    from azure.core.polling import LROPoller

    from provisioner.cloud.http import Http
    from provisioner.cloud.lease import Lease
    from provisioner.cloud.profile import Profile
    from provisioner.secret import Secret

__all__ = ["LocalSettings", "Patience", "Session", "open_session"]

T = TypeVar("T")
USER_AGENT = "provisioner"
POLL_SECONDS = 2
TELL_SECONDS = 1.0  # between two words about one wait
# A replica that has not forgotten an expired secret yet says this of it:
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
EXPIRED = "AADSTS7000222"


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a run waits for Azure: `waits` in the spec, in seconds.

    operation: for a long-running one to end. visible: for every replica to show what was written. throttled: for a call
    to be taken that a service turns away and says until when.
    """

    operation_seconds: float = 3600.0
    visible_seconds: float = 180.0
    throttled_seconds: float = THROTTLED_SECONDS


PATIENCE = Patience()


class Session:
    """Made by `open_session`; used by many threads at once."""

    def __init__(self, profile: Profile, *, subscription: str, tenant: str | None, route: Route, debug: bool) -> None:
        self.profile = profile
        self.subscription_id = subscription
        self.lease: Lease | None = None
        self.interrupted = threading.Event()
        self.operation_seconds, self.visible_seconds = PATIENCE.operation_seconds, PATIENCE.visible_seconds
        self._tenant, self._route, self._debug = tenant, route, debug
        self.waits = Waits(ticks)
        self.memory = Memory()
        budget = Budget(profile, pause=self._take_turn, ticks=ticks, limit_reached=limit_reached)
        self._transport = Transport(route, pause=self._take_turn, guard=self._guard, budget=budget, debug=debug)
        self._https: dict[str, Http] = {}
        self._lock = threading.Lock()

    def signed_in(self, chosen: SignIn) -> Session:
        """The session, with its credential."""
        self.credential = Tokens(chosen, self._tenant)
        return self

    def acting_as(self, tenant_id: str, client_id: str, secret: Secret) -> Session:
        """A session of another principal, for reading as it does; whoever asks for it closes it. Signs in later."""
        other = Session(
            self.profile, subscription=self.subscription_id, tenant=tenant_id, route=self._route, debug=self._debug
        )
        other.interrupted, other.waits = self.interrupted, self.waits
        options = {"transport": other.sign_in_transport(), "user_agent": USER_AGENT, "retry_policy_class": Retry}
        return other.signed_in(by_secret(self.profile, tenant_id, client_id, secret, **options))

    def warm(self) -> None:
        """Fetch the tokens of all audiences at once; returns with that of the control plane.

        Raises NotAuthorized if there is none for it; for the others whoever needs them.
        """
        scopes = self.profile.scopes
        pool = ThreadPoolExecutor(len(scopes), thread_name_prefix="sign-in")
        futures = [pool.submit(self.credential.get_token_info, scope) for scope in scopes]
        pool.shutdown(wait=False)
        with translated("sign-in"):
            futures[0].result()

    @cached_property
    def claims(self) -> dict[str, Any]:
        """What the caller's token for the control plane says."""
        return self.claims_for(self.profile.arm_scope)

    def claims_for(self, scope: str) -> dict[str, Any]:
        """What the caller's token for an audience says. Raises NotAuthorized if there is none."""
        with translated("sign-in"):
            return claims_of(self.credential.get_token_info(scope).token)

    @property
    def tenant_id(self) -> str:
        """Where the caller signed in."""
        return str(self.claims["tid"])

    @property
    def caller_object_id(self) -> str:
        """The object id of who runs this."""
        return str(self.claims["oid"])

    @property
    def caller_type(self) -> str:
        """`ServicePrincipal` (a managed identity is one too) or `User`, as role assignments say it."""
        return "ServicePrincipal" if self.claims.get("idtyp") == "app" else "User"

    @property
    def throttled_seconds(self) -> float:
        """How long a call is tried that a service turns away and says until when."""
        return self._transport.throttled_seconds

    @throttled_seconds.setter
    def throttled_seconds(self, seconds: float) -> None:
        self._transport.throttled_seconds = seconds

    @property
    def counter(self) -> Counter[str]:
        """Requests sent so far, by method and host."""
        return self._transport.counter

    def now(self) -> datetime:
        """The `Date` of the cloud's first answer in this run."""
        if self._transport.first_date is None:
            self.warm()
        if self._transport.first_date is None:  # a credential that needs no answer (az) gave the tokens
            self.http(self.profile.arm_scope).request(
                "GET", f"{self.profile.arm}/tenants", operation="GET tenants", params={"api-version": "2022-12-01"}
            )
        if self._transport.first_date is None:
            raise NotYetVisible(operation="the cloud's clock", message="no answer had a Date")
        return self._transport.first_date

    def moment(self) -> datetime:
        """The cloud's time as it is by now, for noting when something was written: seconds late, never early.

        It is a whole second, as a Date is.
        """
        began = self.now()
        passed = ticks() - self._transport.first_ticks
        return (began + timedelta(seconds=2.0 + passed)).replace(microsecond=0)

    @property
    def clock_ahead(self) -> timedelta:
        """How much this machine's clock was ahead of the cloud's at the cloud's first answer; nothing without one."""
        told = self._transport.first_date
        return timedelta(seconds=self._transport.first_here - told.timestamp()) if told else timedelta()

    def later(self) -> datetime:
        """The cloud's time now; from here on it is `now`."""
        self._transport.first_date = None
        self.http(self.profile.arm_scope).request(
            "GET", f"{self.profile.arm}/tenants", operation="GET tenants", params={"api-version": "2022-12-01"}
        )
        return self.now()

    def http(self, scope: str) -> Http:
        """A raw client for one audience."""
        from provisioner.cloud.http import Http

        with self._lock:
            if scope not in self._https:
                self._https[scope] = Http(self.credential, scope, transport=self._transport, user_agent=USER_AGENT)
            return self._https[scope]

    def fresh_token(self, scope: str) -> None:
        """Ask for a new token next time: services may keep what they decided for one."""
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
        """Our pool, for what fetches tokens."""
        return SignInTransport(self._transport)

    def management_options(self) -> dict[str, Any]:
        """`sdk_options` and the control plane's address and audience, for azure-mgmt clients."""
        where = {"base_url": self.profile.arm, "credential_scopes": [self.profile.arm_scope]}
        return {**self.sdk_options(), **where}

    def wait_until(self, check: Callable[[], bool], *, deadline_seconds: float, what: str) -> None:
        """Ask until it is so: at once, then at growing, jittered intervals. Raises NotYetVisible at the deadline."""
        end = time.monotonic() + deadline_seconds
        delay = 0.1
        with self.waits.waiting(what, deadline_seconds) as tell:
            while not check():
                left = end - time.monotonic()
                if left <= 0:
                    told = f"not so after {deadline_seconds:.0f} s"
                    raise NotYetVisible(operation=what, message=told)
                self._tell_on(min(left, delay * JITTER(0.5, 1.0)), tell)  # spreads load, guards nothing
                delay = min(delay * 1.6, 10.0)

    def until_visible(
        self,
        fetch: Callable[[], T],
        *,
        what: str,
        deadline_seconds: float | None = None,
        on: tuple[type[CloudError], ...] = (NotYetVisible,),
    ) -> T:
        """`fetch()` again and again while it raises one of `on`; the last such error at the deadline.

        deadline_seconds: `visible_seconds` unless given.
        """
        found: list[T] = []
        last: list[Exception] = []

        def seen() -> bool:
            try:
                found.append(fetch())
            except on as error:
                last[:] = [error]
                return False
            return True

        try:
            seconds = self.visible_seconds if deadline_seconds is None else deadline_seconds
            self.wait_until(seen, deadline_seconds=seconds, what=what)
        except NotYetVisible as late:
            raise (last[0] if last else late) from late
        return found[0]

    def signs_in(self, tenant_id: str, client_id: str, secret: Secret) -> bool:
        """Whether the principal gets a token for the secret now, on a connection of its own.

        Entra's replicas learn of a new secret one after another, and a connection stays with one of them.
        Raises CloudError for another refusal than "not known here" and "expired".
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
                asked = Pipeline[HttpRequest, HttpResponse](transport, [Retry()])
                response = asked.run(request, retry_on_methods=["POST"]).http_response  # to sign in twice is to sign in
        finally:
            transport.shut()
        if response.status_code >= 400:
            error = refusal(response, f"sign-in of {client_id}")
            if isinstance(error, NotYetVisible) or error.code == EXPIRED:
                return False
            raise error
        return True

    def finish(self, operation: LROPoller[Any], *, what: str) -> None:
        """Until a long-running operation of Azure has ended. Raises its error, or NotYetVisible at the deadline."""
        end = ticks() + self.operation_seconds
        with self.waits.waiting(f"Azure to finish {what}", self.operation_seconds) as tell:
            while not operation.done() and (left := end - ticks()) > 0:
                operation.wait(min(left, TELL_SECONDS))
                tell()
        operation.wait(0)  # raises what it ended with
        if not operation.done():
            told = f"Azure has not finished it after {self.operation_seconds:.0f} s (`waits.operation`)"
            raise NotYetVisible(operation=what, message=told)

    def fresh_id(self) -> str:
        """An id that nobody else has."""
        return str(uuid.uuid4())

    def ticks(self) -> float:
        """Seconds from anywhere; they go on while the machine sleeps, as the cloud's do."""
        return ticks()

    def pause(self, seconds: float) -> None:
        """The only sleep; `interrupted` ends it. Nobody waits for what a run without its lease could go on with."""
        if self.lease is not None:
            self.lease.check(during="the next call")
        if self.interrupted.wait(seconds):
            raise Interrupted(during="waiting for Azure")

    def close(self) -> None:
        """End of the run."""
        self._transport.shut()

    def _take_turn(self, seconds: float) -> None:
        """Between two tries, and until a service takes more calls; a long one is told of."""
        with self.waits.waiting("its next call to Azure", seconds) as tell:
            self._tell_on(seconds, tell)

    def _tell_on(self, seconds: float, tell: Callable[[], None]) -> None:
        """A pause in the midst of a wait that is told of, also while it lasts."""
        end = ticks() + seconds
        while (left := end - ticks()) > TELL_SECONDS:
            tell()
            self.pause(TELL_SECONDS)
        tell()
        self.pause(max(left, 0.0))

    def _guard(self, method: str, url: str) -> None:
        """Writes need a lease that outlasts them; the lease's own calls do not."""
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
    session = Session(profile, subscription=subscription, tenant=tenant, route=route, debug=debug)
    session.throttled_seconds = patience.throttled_seconds
    session.operation_seconds, session.visible_seconds = patience.operation_seconds, patience.visible_seconds
    options = {"transport": session.sign_in_transport(), "user_agent": USER_AGENT}
    return session.signed_in(sign_in(profile, tenant, local, retry_policy_class=Retry, **options))
