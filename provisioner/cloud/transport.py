"""The one way out: every request of every client, sign-in included, goes through one pool of connections.

It keeps to the budget, counts, notes the cloud's clock, refuses writes without the lease and logs method, URL, status
and time; never a header or a body.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError
from urllib3.util import create_urllib3_context
from urllib3.util.retry import Retry as NoRetry

from provisioner.cloud.retries import THROTTLED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from azure.core.rest import HttpRequest, HttpResponse

    from provisioner.cloud.budget import Budget

LOG = logging.getLogger("provisioner.http")
DISCOVERY = "/.well-known/openid-configuration"
OK = 200
READS = frozenset({"GET", "HEAD", "OPTIONS"})
CONNECT_SECONDS = 5
READ_SECONDS = 30
WRITE_SECONDS = CONNECT_SECONDS + READ_SECONDS
POOL = 16


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where requests go on this machine.

    proxies and ca_bundle given: these and nothing of the environment. Not given: as the environment says.
    """

    proxies: dict[str, str] | None = None
    ca_bundle: str | None = None


class Transport(HttpTransport[Any, Any]):
    """One pool for all SDK clients; closing it through one of them is without effect (`shut` ends it).

    throttled_seconds: how long `retries` may go on with a call that a service turns away and says until when.
    """

    def __init__(
        self,
        route: Route,
        *,
        pause: Callable[[float], None],
        guard: Callable[[str, str], None],
        budget: Budget | None = None,
        debug: bool = False,
    ) -> None:
        self._open = Opened()
        self._session = _pool(route, self._ask_again, self._open)
        self._wire: Any = RequestsTransport(
            session=self._session,
            session_owner=False,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
        )
        self.throttled_seconds = THROTTLED_SECONDS
        self.counter: Counter[str] = Counter()
        self.first_date: datetime | None = None
        self.first_ticks = 0.0
        self.first_here = 0.0
        self._route = route
        self._pause = pause
        self._guard = guard
        self._budget = budget
        self._debug = debug
        self._lock = threading.Lock()
        self._writing = threading.local()

    def sleep(self, duration: float) -> None:
        """All waiting of all SDKs, so that an interrupt ends it."""
        self._pause(duration)

    def send(self, request: Any, **options: Any) -> Any:
        """One request on the wire, when it is its turn; raises what azure-core raises."""
        if self._budget is None:
            return self._guarded(request, **options)
        turn = self._budget.enter(request.method, request.url)
        response = None
        try:
            response = self._guarded(request, **options)
        finally:
            turn.ended(response)
        return response

    def _guarded(self, request: Any, **options: Any) -> Any:
        if request.method in READS:
            return self.send_unguarded(request, **options)
        self._guard(request.method, request.url)
        outer, self._writing.request = getattr(self._writing, "request", None), request
        try:
            return self.send_unguarded(request, **options)
        finally:
            self._writing.request = outer

    def _ask_again(self) -> None:
        """Whether this thread's write may still be sent, now that its connection stands."""
        request = getattr(self._writing, "request", None)
        if request is not None:
            self._guard(request.method, request.url)

    def send_unguarded(self, request: Any, **options: Any) -> Any:
        """`send` without a look at the lease, and at once."""
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
            self.counter[f"{request.method} {host}"] += 1
            date = response.headers.get("Date")
            if self.first_date is None and date:
                self.first_date, self.first_ticks, self.first_here = parsedate_to_datetime(date), ticks(), time.time()

    def _log(self, request: HttpRequest, started: float, status: str, ident: str) -> None:
        if self._debug:
            took = (time.perf_counter() - started) * 1000
            LOG.info("%s %s %s %.0f ms %s", request.method, _plain(request.url), status, took, ident)

    def open(self) -> None:
        """The pool opens connections as they are needed."""
        self._wire.open()

    def close(self) -> None:
        """A client that is done leaves the pool to the others."""

    def __exit__(self, *_: object) -> None:
        """As `close`."""

    def fresh(self) -> Transport:
        """A pool of its own by the same route, for signing in only; whoever takes it shuts it."""
        return Transport(self._route, pause=self._pause, guard=lambda _method, _url: None, debug=self._debug)

    def shut(self) -> None:
        """End every connection, at the end of the run. One in use ends under whoever uses it, who closes it.

        Closed from here, it would be opened again without its tunnel, or its last bytes would leave without TLS.
        """
        self._session.close()
        self._open.shut()


class SignInTransport(HttpTransport[Any, Any]):
    """The same pool for what fetches tokens: renewing the lease needs one, so that must not wait for the lease."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._discoveries: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def throttled_seconds(self) -> float:
        """As the pool's own."""
        return self._transport.throttled_seconds

    def send(self, request: Any, **options: Any) -> Any:
        """One request on the wire; none for what the authority told already.

        MSAL asks where an authority's endpoints are for each audience anew:
        https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#find-your-apps-openid-configuration-document-uri
        """
        url: str = request.url
        if request.method != "GET" or not url.endswith(DISCOVERY):
            return self._transport.send_unguarded(request, **options)
        with self._lock:  # who asks at the same time waits for the same answer
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


class Opened:
    """What stands between here and the services: urllib3 leaves it to the collector of garbage to close a pool."""

    def __init__(self) -> None:
        self._pools = WeakSet[HTTPSConnectionPool]()
        self._connections = WeakSet[HTTPSConnection]()
        self._lock = threading.Lock()

    def add(self, opened: HTTPSConnectionPool | HTTPSConnection) -> None:
        """Keep it in mind, weakly."""
        with self._lock:
            if isinstance(opened, HTTPSConnection):
                self._connections.add(opened)
            else:
                self._pools.add(opened)

    def shut(self) -> None:
        """Close what nobody uses; what is in use ends under whoever uses it."""
        with self._lock:
            pools, connections = tuple(self._pools), tuple(self._connections)
        for pool in pools:
            pool.close()
        for connection in connections:
            if connection.sock is not None:
                with suppress(OSError):  # it has ended already
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


class Adapter(HTTPAdapter):
    """One TLS context for all connections: each of its own would read the whole CA bundle, which takes 15 ms.

    ask: called last before each part of a request goes out, head and body. Until a connection stands seconds may pass,
    and who slept meanwhile may have lost the lease; nobody carries out what came without its end. opened: gets every
    pool and connection.
    """

    def __init__(self, ask: Callable[[], None], opened: Opened, **options: Any) -> None:
        super().__init__(**options)
        self._opened, self._connection, self._socket = opened, _noted(opened), _asking(ask)
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """As requests says, with the context in place of the bundle that it is made of."""
        host, options = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify:
            kept = {name: value for name, value in options.items() if name not in {"ca_certs", "ca_cert_dir"}}
            options = {**kept, "ssl_context": self._context(DEFAULT_CA_BUNDLE_PATH if verify is True else verify)}
        return host, options

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Whom to trust stands in the context already."""
        if not verify:
            super().cert_verify(conn, url, verify, cert)

    def get_connection_with_tls_context(self, *given: Any, **options: Any) -> Any:
        """As requests says, of a pool whose connections are noted."""
        pool = super().get_connection_with_tls_context(*given, **options)
        if isinstance(pool, HTTPSConnectionPool):
            pool.ConnectionCls = self._connection
            self._opened.add(pool)
        return pool

    def _context(self, bundle: str) -> ssl.SSLContext:
        with self._lock:
            if bundle not in self._contexts:
                made = create_urllib3_context()
                made.sslsocket_class = self._socket
                place = {"capath": bundle} if Path(bundle).is_dir() else {"cafile": bundle}
                try:
                    made.load_verify_locations(**place)
                except OSError as error:
                    raise requests.exceptions.SSLError(SSLError(f"CA bundle {bundle}: {error}")) from None
                self._contexts[bundle] = made
            return self._contexts[bundle]


def _noted(opened: Opened) -> Any:
    """A class of connections; Any, for urllib3 declares its own more narrowly than it uses it."""

    class Noted(HTTPSConnection):
        def connect(self) -> None:
            opened.add(self)
            try:
                super().connect()
            except TimeoutError as error:  # urllib3 calls it a timeout of reading, as if something had been sent
                raise ConnectTimeoutError(self, f"no tunnel or TLS after {CONNECT_SECONDS} s") from error
            except (ConnectionError, ssl.SSLEOFError) as error:  # the same: as if an answer had been awaited
                raise NewConnectionError(self, f"it ended before its tunnel and TLS stood: {error}") from None

    return Noted


def _asking(ask: Callable[[], None]) -> type[ssl.SSLSocket]:
    """A class of sockets: nothing of Python's or ours that takes long lies between the question and the bytes."""

    class Asking(ssl.SSLSocket):
        def send(self, data: Any, flags: int = 0) -> int:
            ask()
            return super().send(data, flags)

    return Asking


def ticks() -> float:
    """Seconds from anywhere; they go on while the machine sleeps, as the cloud's do."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def request_id(response: HttpResponse) -> str:
    """What Azure's support asks for; each service has its own header."""
    for header in ("x-ms-request-id", "request-id", "x-ms-correlation-request-id"):
        if found := response.headers.get(header):
            return found
    return ""


def _plain(url: str) -> str:
    """The URL; a signature in it (SAS) is hidden."""
    path, _, query = url.partition("?")
    kept = ["sig=(secret)" if part.lower().startswith("sig=") else part for part in query.split("&") if part]
    return "?".join((path, "&".join(kept))) if kept else path


def _pool(route: Route, ask: Callable[[], None], opened: Opened) -> requests.Session:
    """A session whose pool is thread-safe and as wide as our concurrency; retries are the policy's business."""
    session = requests.Session()
    session.trust_env = route.proxies is None
    retries = NoRetry(total=False, redirect=False, raise_on_status=False)
    for prefix in ("https://", "http://"):
        session.mount(prefix, Adapter(ask, opened, pool_connections=POOL, pool_maxsize=POOL, max_retries=retries))
    return session
