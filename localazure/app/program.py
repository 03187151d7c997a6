"""A real program behind an emulated service: what shall run, how it is started, where it is made ready."""

from __future__ import annotations

import os
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


_INDEX_NAMES = {
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
}


@dataclass(eq=False)
class RuntimeFailure(Exception):
    """A runtime cannot be had: why, what to do next, and the end of the log that says more."""

    what: str
    remedy: str
    log: str = ""

    def __str__(self) -> str:
        said = f"\n{self.log}\n" if self.log else " "
        return f"{self.what}.{said}{self.remedy}."


@dataclass(frozen=True, kw_only=True)
class WebPage:
    """A program's web pages. key: the first segment of their path here; context: with the client certificate."""

    key: Secret
    port: int
    context: ssl.SSLContext


@dataclass(frozen=True, kw_only=True)
class ProgramSpec:
    """One program that shall run behind a resource. `given`: what it is started with; another value restarts it.

    name: the resource's own, for people. version: the program's.
    """

    resource_id: str
    name: str
    version: str
    given: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start: the environment is exact (see `child_process.INHERITED`); `ready` is asked until it says so.

    url: where it answers. seconds: how long it may take until it is ready. behind: what the emulated service speaks
    to it through. watch: runs in the runtime's thread from ready on, until the event that says that it ended. shown:
    addresses for people, by what is there ("dashboard"), when they are not the url. page: what the reverse proxy
    shows them.
    """

    command: Sequence[str]
    ready: Callable[[], bool]
    url: str
    environment: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"], repr=False)
    seconds: float = 120.0
    behind: Any = None
    watch: Callable[[threading.Event], None] | None = None
    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    page: WebPage | None = None


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where a runtime is made ready. `folder` is its own, in the state folder, and the program's working folder.

    pages: the URL of the reverse proxy. installations: `.local` of this machine's user, for `NAME-VERSION` (shared by
    all state folders: hold a lock while making one). say: tells people what is under way. run: runs a command to its
    end, under a keeper as the program itself; RuntimeFailure when it fails, with the end of its output.
    """

    folder: Path
    pages: str
    installations: Path
    say: Callable[[str], None]
    run: Callable[[Sequence[str], Mapping[str, str | Secret]], None]

    def port(self, name: str) -> int:
        """A free port on loopback: that of last time if it is free, so that a bookmark goes on working."""
        kept = self.folder / f"{name}.port"
        with suppress(OSError, ValueError):
            return _free(int(kept.read_text()))
        port = _free(0)
        kept.write_text(str(port))
        return port


def package_index_variables() -> dict[str, str]:
    """What this process's environment tells pip and uv: to be given to whatever installs packages."""
    return {n: v for n, v in os.environ.items() if n.startswith(("PIP_", "UV_")) or n.upper() in _INDEX_NAMES}


def _free(port: int) -> int:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the program before may be closing
        trial.bind(("127.0.0.1", port))
        return trial.getsockname()[1]
