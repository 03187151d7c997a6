"""A program under a keeper, as the local Azure holds it: start, end, how much memory it takes, where it listens."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app import subreaper
from localazure.app.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
_KEEPER = Path(subreaper.__file__)
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
_TAIL_BYTES = 4000


class ChildProcess:
    """One program and all that it starts. `ended` is set when nothing of it runs any more, `code` is then known."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str | Secret]
    ) -> None:
        """Start it in a folder; its output is appended to the log. Of our environment it gets INHERITED only."""
        self.ended = threading.Event()
        self.code: int | None = None
        self._guard = threading.Lock()
        reading, self._pipe = os.pipe()
        words = (sys.executable, "-I", "-S", str(_KEEPER), str(folder / "alive.lock"), str(folder))
        try:
            with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as said:
                self._process = subprocess.Popen(  # noqa: S603  # what the runtime's file says
                    [*words, *command],
                    env=_exactly(environment),
                    stdin=reading,
                    stdout=said,
                    stderr=said,
                    start_new_session=True,
                )
        except BaseException:
            self.end()
            raise
        finally:
            os.close(reading)
        threading.Thread(target=self._wait, name=f"wait-{self._process.pid}", daemon=True).start()

    @property
    def pids(self) -> list[int]:
        """The program's processes, its first one first; the keeper is none of them."""
        return [] if self.ended.is_set() else subreaper.descendants(self._process.pid)

    def end(self) -> None:
        """Ask it to end; `ended` tells when it has."""
        with self._guard:
            pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)

    def _wait(self) -> None:
        self.code = self._process.wait()
        self.end()
        self.ended.set()


def memory_bytes(pids: Sequence[int]) -> int:
    """What the processes hold in memory: a page that several share counts once among them (PSS, proc(5))."""
    return sum(_shared_out(pid) for pid in pids)


def _shared_out(pid: int) -> int:
    """One process's part; 0 when it ended meanwhile or where the kernel does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def listening_addresses(pids: Sequence[int]) -> list[str]:
    """`ADDRESS:PORT` of each TCP socket on which the processes take connections, by port."""
    sockets = {link for pid in pids for link in _links(pid)}
    found: set[tuple[int, str]] = set()
    for table in ("tcp", "tcp6"):
        for line in _lines(Path("/proc/net", table)):
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in sockets:
                address, _, port = fields[1].partition(":")
                found.add((int(port, 16), _address(address)))
    return [f"{address}:{port}" for port, address in sorted(found)]


def tail(log: Path) -> str:
    """The end of what a program said."""
    try:
        return log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""


def _exactly(environment: Mapping[str, str | Secret]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    given = {n: value.reveal() if isinstance(value, Secret) else value for n, value in environment.items()}
    return {**inherited, **given}


def _links(pid: int) -> list[str]:
    found: list[str] = []
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.append(str(entry.readlink()))
    return found


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except OSError:
        return []


def _address(text: str) -> str:
    """The kernel writes each 32 bits of an address in its own order of bytes; an IPv4 one may lie in an IPv6 one."""
    order = -1 if sys.byteorder == "little" else 1
    found = ipaddress.ip_address(b"".join(bytes.fromhex(text[at : at + 8])[::order] for at in range(0, len(text), 8)))
    found = getattr(found, "ipv4_mapped", None) or found
    return f"[{found}]" if found.version == 6 else str(found)
