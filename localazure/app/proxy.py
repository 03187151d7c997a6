"""A CONNECT proxy that answers itself: a tunnel to an allowed name ends here, in TLS and the local Azure's HTTP.

Every other host and port is refused, so nothing can reach the real Azure by accident.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.certificates import Certificates

    HttpFactory = Callable[[str, Callable[[], None]], asyncio.Protocol]

LOG = logging.getLogger("localazure")
_LONGEST_HEAD = 16 * 1024


class Proxy:
    """Makes a Tunnel for each connection and keeps count of them."""

    def __init__(self, serves: Callable[[str], bool], certificates: Certificates, http: HttpFactory) -> None:
        self.serves = serves
        self.certificates = certificates
        self.http = http
        self.upgrades: set[asyncio.Task[None]] = set()

    def protocol(self) -> asyncio.Protocol:
        """For `loop.create_server`."""
        return Tunnel(self)


class Tunnel(asyncio.Protocol):
    """One connection to the proxy, until it becomes TLS."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio sets TCP_NODELAY itself."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect the request's head; a body is never looked at."""
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._asked(bytes(self._head).split(b"\r\n", 1)[0].decode("latin-1"))
        elif len(self._head) > _LONGEST_HEAD:
            self._refuse("431 Request Header Fields Too Large", "The request's head is too long.")

    def _asked(self, line: str) -> None:
        method, _, rest = line.partition(" ")
        target = rest.partition(" ")[0]
        host, _, port = target.rpartition(":")
        if method != "CONNECT" or port != "443" or not self._proxy.serves(host.lower()):
            # "unreachable" tells azure-identity that there is no managed identity endpoint either.
            where = target[:200]
            self._refuse(
                "403 Forbidden",
                f"The local Azure does not answer for {where}: unreachable from here by design, so that nothing "
                "reaches the real Azure or another host by accident.",
            )
            return
        self._open(host.lower())

    def _refuse(self, status: str, text: str) -> None:
        body = (text + "\n").encode("latin-1", "replace")
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        if self._transport is not None:
            self._transport.write(head.encode() + body)
            self._transport.close()

    def _open(self, host: str) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.pause_reading()  # TLS must not arrive before there is something to take it
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        task = asyncio.get_running_loop().create_task(self._upgrade(transport, host))
        self._proxy.upgrades.add(task)
        task.add_done_callback(self._proxy.upgrades.discard)

    async def _upgrade(self, transport: asyncio.Transport, host: str) -> None:
        early = _Early()
        context = self._proxy.certificates.context(host)
        try:
            secure = await asyncio.get_running_loop().start_tls(transport, early, context, server_side=True)
        except (OSError, ssl.SSLError) as error:
            LOG.warning("%s: no TLS: %s", host, error)
            transport.abort()
            return
        if secure is not None:
            http = self._proxy.http(host, secure.abort)
            secure.set_protocol(http)
            http.connection_made(secure)
            early.hand_over(http)


class _Early(asyncio.Protocol):
    """Takes what arrives in the packet that ends the handshake, before HTTP is there."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lost: Exception | None = None
        self._over = False

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self._data += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember it."""
        self._over, self._lost = True, exc

    def hand_over(self, http: asyncio.Protocol) -> None:
        """Give it to the protocol that follows."""
        if self._data:
            http.data_received(bytes(self._data))
        if self._over:
            http.connection_lost(self._lost)
