"""What the runs of one process share on one cloud: connections, tokens, what is left of each limit, the signal.

Made by whoever starts several runs, and closed after the last of them. Each run keeps its reads, clock and lease.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from provisioner.cloud.transport.budget import Windows
from provisioner.cloud.transport.clock import Clock
from provisioner.cloud.transport.connections import Connections
from provisioner.cloud.transport.http_transport import SignInTransport, Transport
from provisioner.cloud.transport.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.transport.connections import Route
    from provisioner.cloud.transport.shared_reads import SharedReads
    from provisioner.cloud.transport.tokens import Tokens


class Shared:
    """interrupted: ends the waits of all runs. size: hosts, and connections to each, that are kept open.

    reads: the answers of Resource Manager and Graph that several runs need, as of a factory; None for runs that write.
    """

    def __init__(
        self, route: Route, *, interrupted: threading.Event, size: int, reads: SharedReads | None, debug: bool
    ) -> None:
        self.reads = reads
        self.windows, self.interrupted = Windows(), interrupted
        self.connections = Connections(route, size)
        waits = Waits(interrupted=interrupted)
        self._transport = SignInTransport(
            Transport(
                route, Clock(), waits, guard=lambda _method, _url: None, connections=self.connections, debug=debug
            )
        )
        self._tokens: dict[str | None, Tokens] = {}
        self._lock = threading.Lock()

    def tokens(self, tenant: str | None, sign_in: Callable[[SignInTransport], Tokens]) -> Tokens:
        """The tokens of a tenant. sign_in: makes them, the first time; raises NotAuthorized."""
        with self._lock:
            if tenant not in self._tokens:
                self._tokens[tenant] = sign_in(self._transport)
            return self._tokens[tenant]

    def close(self) -> None:
        """End every connection, after the last run."""
        self.connections.close()
