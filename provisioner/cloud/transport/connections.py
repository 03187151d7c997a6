"""How connections are opened, kept and closed: one pool and one route, for all clients of a run or of several."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError
from urllib3.util import create_urllib3_context
from urllib3.util.retry import Retry as NoRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

CONNECT_SECONDS = 5
POOL = 16


@dataclass(frozen=True, kw_only=True)
class Route:
    """How requests leave this machine: by these proxies and this CA bundle, or if None by those of the environment."""

    proxies: dict[str, str] | None = None
    ca_bundle: str | None = None


class Connections:
    """Connections to any host. session: for azure-core, with one connection per thread of ours and no retries.

    size: hosts, and connections to each of them, that are kept open while nothing uses them.
    """

    def __init__(self, route: Route, size: int = POOL) -> None:
        self._pools = WeakSet[HTTPSConnectionPool]()
        self._opened = WeakSet[HTTPSConnection]()
        self._lock = threading.Lock()
        self._writing = threading.local()
        self.session = _Session()
        self.session.trust_env = route.proxies is None
        retries = NoRetry(total=False, redirect=False, raise_on_status=False)
        for prefix in ("https://", "http://"):
            adapter = _Adapter(self._check, self._note, pool_connections=size, pool_maxsize=size, max_retries=retries)
            self.session.mount(prefix, adapter)

    @contextmanager
    def checking_before_send(self, check: Callable[[], None]) -> Generator[None]:
        """Call `check` just before each part of a request that this thread sends inside, head and body.

        Opening a connection may take seconds, in which the lease may be lost; a server does not carry out a request
        whose end never comes.
        """
        outer, self._writing.check = getattr(self._writing, "check", None), check
        try:
            yield
        finally:
            self._writing.check = outer

    def _check(self) -> None:
        check = getattr(self._writing, "check", None)
        if check is not None:
            check()

    def close(self) -> None:
        """End every connection. A connection in use is only shut down; the thread that uses it closes it.

        Closed from here, it would be opened again without its tunnel, or its last bytes would be sent without TLS.
        """
        self.session.close()
        with self._lock:
            pools, opened = tuple(self._pools), tuple(self._opened)
        for pool in pools:  # urllib3 leaves that to the collector of garbage
            pool.close()
        for connection in opened:
            if connection.sock is not None:
                with suppress(OSError):  # it has ended already
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _note(self, opened: HTTPSConnectionPool | HTTPSConnection) -> None:
        with self._lock:
            if isinstance(opened, HTTPSConnection):
                self._opened.add(opened)
            else:
                self._pools.add(opened)


class _Session(requests.Session):
    """Sends what azure-core asks for as it is: no cookies, no credential of ~/.netrc, no settings of a session.

    To look for those takes longer than all else that is done here for a request: 0.12 of 0.19 ms.
    """

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # pyright: ignore[reportIncompatibleMethodOverride]  # azure-core's own call
        """As in requests, for the arguments with which azure-core calls it."""
        prepared = requests.PreparedRequest()
        prepared.prepare_method(method)
        prepared.prepare_url(url, None)
        prepared.prepare_headers({**self.headers, **options.pop("headers")})
        prepared.prepare_body(options.pop("data"), options.pop("files"))
        prepared.prepare_hooks(None)
        options["proxies"] = options.get("proxies") or {}
        if self.trust_env:
            names = ("proxies", "stream", "verify", "cert")
            options |= self.merge_environment_settings(prepared.url or url, *(options.get(name) for name in names))
        return self.send(prepared, **options)


class _Adapter(HTTPAdapter):
    """Shares one TLS context among all connections: reading the CA bundle takes 15 ms each time."""

    def __init__(self, ask: Callable[[], None], note: Callable[[Any], None], **options: Any) -> None:
        super().__init__(**options)
        self._note, self._connection, self._socket = note, _noting_connection_class(note), _asking_socket_class(ask)
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """As in requests, with our TLS context in place of the CA bundle, which requests would look at each time."""
        host, options = super().build_connection_pool_key_attributes(request, bool(verify), cert)
        if verify:
            options["ssl_context"] = self._context(DEFAULT_CA_BUNDLE_PATH if verify is True else verify)
        return host, options

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context already has the CA bundle."""
        if not verify:
            super().cert_verify(conn, url, verify, cert)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """As in requests, with a pool that notes its connections."""
        pool = super().get_connection_with_tls_context(*args, **options)
        if isinstance(pool, HTTPSConnectionPool):
            pool.ConnectionCls = self._connection
            self._note(pool)
        return pool

    def _context(self, bundle: str) -> ssl.SSLContext:
        with self._lock:
            if bundle not in self._contexts:
                context = create_urllib3_context()
                context.sslsocket_class = self._socket
                location = {"capath": bundle} if Path(bundle).is_dir() else {"cafile": bundle}
                try:
                    context.load_verify_locations(**location)
                except OSError as error:
                    raise requests.exceptions.SSLError(SSLError(f"CA bundle {bundle}: {error}")) from None
                self._contexts[bundle] = context
            return self._contexts[bundle]


def _noting_connection_class(note: Callable[[Any], None]) -> Any:
    """A class of connections that are noted. Any: urllib3 declares the attribute more narrowly than it uses it."""

    class Noted(HTTPSConnection):
        def connect(self) -> None:
            note(self)
            try:
                super().connect()
            except TimeoutError as error:  # urllib3 calls it a timeout of reading, as if something had been sent
                raise ConnectTimeoutError(self, f"no tunnel or TLS after {CONNECT_SECONDS} s") from error
            except (ConnectionError, ssl.SSLEOFError) as error:  # the same: as if an answer had been awaited
                raise NewConnectionError(self, f"it ended before its tunnel and TLS stood: {error}") from None

    return Noted


def _asking_socket_class(ask: Callable[[], None]) -> type[ssl.SSLSocket]:
    """A class of sockets that call `ask` right before they send, with nothing slow in between."""

    class Asking(ssl.SSLSocket):
        def send(self, data: Any, flags: int = 0) -> int:
            ask()
            return super().send(data, flags)

    return Asking
