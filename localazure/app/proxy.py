"""A CONNECT proxy whose tunnels end in this process: in TLS for the requested host name, then the local Azure's HTTP.

Every other host and port is refused, so nothing can reach the real Azure by accident.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.certificates import Certificates

    HttpFactory = Callable[[str, Callable[[], None]], asyncio.Protocol]

LOG = logging.getLogger("localazure")
_MAX_HEAD_BYTES = 16 * 1024
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", re.ASCII)  # RFC 1035, section 2.3.4


class Proxy:
    """Creates a Tunnel for each connection. `serves` decides which host names it accepts."""

    def __init__(self, serves: Callable[[str], bool], certificates: Certificates, http: HttpFactory) -> None:
        self.serves = serves
        self.certificates = certificates
        self.http = http
        self.upgrades: set[asyncio.Task[None]] = set()

    def create_tunnel(self) -> asyncio.Protocol:
        """Return the protocol of a new connection, for `loop.create_server`."""
        return Tunnel(self)


class Tunnel(asyncio.Protocol):
    """One connection to the proxy, until TLS takes it over."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio itself has set TCP_NODELAY."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect the head of the request and answer it; a body is ignored."""
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._answer(bytes(self._head).split(b"\r\n", 1)[0].decode("latin-1"))
        elif len(self._head) > _MAX_HEAD_BYTES:
            self._refuse("431 Request Header Fields Too Large", "The request's head is too long.")

    def _answer(self, request_line: str) -> None:
        method, _, rest = request_line.partition(" ")
        target = rest.partition(" ")[0]
        host, _, port = target.rpartition(":")
        if method != "CONNECT" or port != "443" or not self._answers_for(host.lower()):
            # "unreachable" tells azure-identity that there is no managed identity endpoint either.
            self._refuse(
                "403 Forbidden",
                f"The local Azure does not answer for {target[:200]}: unreachable from here by design, so that nothing "
                "reaches the real Azure or another host by accident.",
            )
            return
        self._open_tunnel(host.lower())

    def _answers_for(self, host: str) -> bool:
        return _HOST_NAME.fullmatch(host) is not None and self._proxy.serves(host)

    def _refuse(self, status: str, text: str) -> None:
        body = (text + "\n").encode("latin-1", "replace")
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        if self._transport is not None:
            self._transport.write(head.encode() + body)
            self._transport.close()

    def _open_tunnel(self, host: str) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.pause_reading()  # no TLS bytes may arrive before a protocol is there to take them
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        task = asyncio.get_running_loop().create_task(self._start_tls(transport, host))
        self._proxy.upgrades.add(task)
        task.add_done_callback(self._proxy.upgrades.discard)

    async def _start_tls(self, transport: asyncio.Transport, host: str) -> None:
        buffer = _HandshakeBuffer()
        context = self._proxy.certificates.context(host)
        try:
            secure = await asyncio.get_running_loop().start_tls(transport, buffer, context, server_side=True)
        except (OSError, ssl.SSLError) as error:
            LOG.warning("%s: no TLS: %s", host, error)
            transport.abort()
            return
        if secure is not None:
            http = self._proxy.http(host, secure.abort)
            secure.set_protocol(http)
            http.connection_made(secure)
            buffer.hand_over(http)


class _HandshakeBuffer(asyncio.Protocol):
    """Buffers what arrives with the packet that ends the TLS handshake, until HTTP takes over."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._error: Exception | None = None
        self._closed = False

    def data_received(self, data: bytes) -> None:
        """Buffer the bytes."""
        self._data += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed, and why."""
        self._closed, self._error = True, exc

    def hand_over(self, http: asyncio.Protocol) -> None:
        """Pass what was buffered to the HTTP protocol."""
        if self._data:
            http.data_received(bytes(self._data))
        if self._closed:
            http.connection_lost(self._error)
