"""The transport under every client, sign-in included: all requests go through one pool of connections.

It keeps within the budget, counts requests, notes the cloud's time, refuses writes without the lease, and logs method,
URL, status and duration; never a header or a body.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from provisioner.cloud.answers import request_id
from provisioner.cloud.transport.clock import Clock
from provisioner.cloud.transport.connections import CONNECT_SECONDS, Connections
from provisioner.cloud.transport.retries import may_have_been_sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.rest import HttpRequest, HttpResponse

    from provisioner.cloud.transport.budget import Budget
    from provisioner.cloud.transport.connections import Route
    from provisioner.cloud.transport.shared_reads import SharedReads
    from provisioner.cloud.transport.waits import Waits

LOG = logging.getLogger("provisioner.http")
DISCOVERY = "/.well-known/openid-configuration"
OK = 200
ERROR = 400
READS = frozenset({"GET", "HEAD", "OPTIONS"})
READ_SECONDS = 30
WRITE_SECONDS = CONNECT_SECONDS + READ_SECONDS


class Transport(HttpTransport[Any, Any]):
    """One pool for all SDK clients. A client that closes it closes nothing; `close_connections` does.

    wrote: whether a step, or whoever says so, has sent a write that was carried out, or may have been.
    throttled_seconds: for how long `retries` may repeat a call that a service throttles with a Retry-After.
    visible_seconds: likewise, a poll of an operation that no replica shows yet.
    connections: those that several runs share; by default its own. reads: likewise, what they have read.
    """

    def __init__(  # noqa: PLR0913  # what a run consists of
        self,
        route: Route,
        clock: Clock,
        waits: Waits,
        *,
        guard: Callable[[str, str], None],
        budget: Budget | None = None,
        connections: Connections | None = None,
        reads: SharedReads | None = None,
        debug: bool = False,
    ) -> None:
        self._connections = connections or Connections(route)
        self._owns_connections = connections is None
        self._wire: Any = RequestsTransport(
            session=self._connections.session,
            session_owner=False,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
        )
        self.throttled_seconds, self.visible_seconds = waits.limits.throttled_seconds, waits.limits.visible_seconds
        self.request_counts: Counter[str] = Counter()
        self.wrote = False
        self._clock = clock
        self._route = route
        self._waits = waits
        self._guard = guard
        self._budget, self._reads = budget, reads
        self._asked: set[str] = set()
        self._debug = debug
        self._lock = threading.Lock()

    def sleep(self, duration: float) -> None:
        """Where all SDKs wait, so that an interrupt ends it."""
        self._waits.pause_before_next_call(duration)

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request as soon as the budget admits it. Raises what azure-core raises."""
        if self._reads is not None and request.method == "GET":
            return self._reads.get_or_send(
                request.url, self._asked, partial(self._send_within_budget, request, **options)
            )
        return self._send_within_budget(request, **options)

    def _send_within_budget(self, request: Any, **options: Any) -> Any:
        if self._budget is None:
            return self._send_guarded(request, **options)
        turn = self._budget.wait_for_turn(request.method, request.url)
        response = None
        try:
            response = self._send_guarded(request, **options)
        finally:
            turn.note_answer(response)
        return response

    def _send_guarded(self, request: Any, **options: Any) -> Any:
        if request.method in READS:
            return self.send_unguarded(request, **options)
        self._guard(request.method, request.url)
        with self._connections.checking_before_send(partial(self._guard, request.method, request.url)):
            return self._send_write(request, **options)

    def _send_write(self, request: Any, **options: Any) -> Any:
        try:
            response = self.send_unguarded(request, **options)
        except Exception as error:
            self._note_write(carried_out=may_have_been_sent(error))
            raise
        self._note_write(carried_out=response.status_code < ERROR)
        return response

    def _note_write(self, *, carried_out: bool) -> None:
        """Note that the run has changed something, if this was carried out within a step.

        Calls outside of steps are the lease's own, and questions.
        """
        self.wrote = self.wrote or (carried_out and bool(self._waits.step))

    def send_unguarded(self, request: Any, **options: Any) -> Any:
        """Send at once, without regard to budget or lease."""
        if self._route.proxies is not None:
            options["proxies"] = dict(self._route.proxies)
            options["connection_verify"] = self._route.ca_bundle or True
        started = time.perf_counter()
        try:
            response: Any = self._wire.send(request, **options)
        except Exception as error:
            self._log(request, started, type(error).__name__, "")
            raise
        self._note(request, response)
        self._log(request, started, str(response.status_code), request_id(response))
        return response

    def _note(self, request: HttpRequest, response: HttpResponse) -> None:
        host = urlsplit(request.url).hostname or ""
        with self._lock:
            self.request_counts[f"{request.method} {host}"] += 1
        self._clock.note(response.headers.get("Date"))

    def _log(self, request: HttpRequest, started: float, status: str, ident: str) -> None:
        if self._debug:
            took = (time.perf_counter() - started) * 1000
            LOG.info("%s %s %s %.0f ms %s", request.method, _plain(request.url), status, took, ident)

    def open(self) -> None:
        """The pool opens connections as they are needed."""
        self._wire.open()

    def close(self) -> None:
        """Does nothing: other clients still use the pool."""

    def __exit__(self, *_: object) -> None:
        """As `close`."""

    def for_sign_in(self) -> Transport:
        """A new transport with connections of its own, for signing in only.

        The caller ends it with `close_connections`.
        """
        return Transport(self._route, Clock(), self._waits, guard=lambda _method, _url: None, debug=self._debug)

    def close_connections(self) -> None:
        """End every connection, at the end of the run; those that several runs share end with the last of them."""
        if self._owns_connections:
            self._connections.close()


class SignInTransport(HttpTransport[Any, Any]):
    """The same pool, for fetching tokens. Renewing the lease needs a token, so this does not look at the lease."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._discoveries: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def throttled_seconds(self) -> float:
        """As the pool's own."""
        return self._transport.throttled_seconds

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request, or answer it from an earlier discovery of the authority.

        MSAL asks for an authority's endpoints again for each audience:
        https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#find-your-apps-openid-configuration-document-uri
        """
        url: str = request.url
        if request.method != "GET" or not url.endswith(DISCOVERY):
            return self._transport.send_unguarded(request, **options)
        with self._lock:  # threads that ask at the same time wait for one answer
            if url not in self._discoveries:
                answer = self._transport.send_unguarded(request, **options)
                if answer.status_code != OK:
                    return answer
                self._discoveries[url] = answer
            return self._discoveries[url]

    def sleep(self, duration: float) -> None:
        """As the pool's own."""
        self._transport.sleep(duration)

    def open(self) -> None:
        """The pool opens connections as they are needed."""

    def close(self) -> None:
        """The pool stays open."""

    def __exit__(self, *_: object) -> None:
        """As `close`."""


def _plain(url: str) -> str:
    """The URL; a signature in it (SAS) is hidden."""
    path, _, query = url.partition("?")
    kept = ["sig=(secret)" if part.lower().startswith("sig=") else part for part in query.split("&") if part]
    return "?".join((path, "&".join(kept))) if kept else path
