"""A real program behind an emulated service: its spec, how it is started, and the workspace where it is prepared."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from localazure.app.secret import Secret


@dataclass(eq=False)
class RuntimeFailure(Exception):
    """A runtime cannot run: what happened, what to do next (`remedy`), and the end of the log."""

    what: str
    remedy: str
    log: str = ""

    def __str__(self) -> str:
        log = f"\n{self.log}\n" if self.log else " "
        return f"{self.what}.{log}{self.remedy}."


@dataclass(frozen=True, kw_only=True)
class WebPage:
    """A program's web pages. key: first path segment at the reverse proxy. tls_context: has the client certificate."""

    key: Secret
    port: int
    tls_context: ssl.SSLContext


@dataclass(frozen=True, kw_only=True)
class ProgramSpec:
    """The program that is to run behind a resource. A change of the spec restarts it.

    name: the resource's, for people. version: the program's. parameters: what `prepare` needs to know of the resource.
    """

    resource_id: str
    name: str
    version: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A prepared program: how to start it, and how to reach it once it runs.

    environment: all its variables but `inherited.PROGRAM_NAMES`. is_ready: polled until it returns True. url: its base
    URL. startup_seconds: how long it may take until it is ready. client: what the emulated service calls it with.
    watch: runs in the runtime's thread from then on, until the event, which is set when the program has ended.
    addresses: what people open, by what it is ("dashboard"), if not the url. page: what the reverse proxy shows.
    """

    command: Sequence[str]
    is_ready: Callable[[], bool]
    url: str
    environment: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"], repr=False)
    startup_seconds: float = 120.0
    client: Any = None
    watch: Callable[[threading.Event], None] | None = None
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    page: WebPage | None = None


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where a runtime is prepared. `folder` is its own, in the state folder, and the program's working folder.

    pages_url: of the reverse proxy. installations: the folder for `NAME-VERSION` installations, shared by all state
    folders, so installing needs a lock. report_progress: shows people what is being done. run: runs a command to its
    end, under a subreaper like the program itself; raises RuntimeFailure with the end of its output if it fails.
    """

    folder: Path
    pages_url: str
    installations: Path
    report_progress: Callable[[str], None]
    run: Callable[[Sequence[str], Mapping[str, str | Secret]], None]

    def choose_port(self, port_name: str) -> int:
        """Return a free port on loopback, last time's if possible, so that a bookmark goes on working.

        Notes it in `NAME.port`. It is not reserved.
        """
        port_file = self.folder / f"{port_name}.port"
        with suppress(OSError, ValueError):
            return _require_free_port(int(port_file.read_text()))
        port = _require_free_port(0)
        port_file.write_text(str(port))
        return port


def _require_free_port(port: int) -> int:
    """Return the port if it is free, for 0 any free one. Raises OSError if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # connections of the previous program may still be closing
        probe.bind(("127.0.0.1", port))
        return probe.getsockname()[1]
