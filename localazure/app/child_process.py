"""A child process under a subreaper: start it, end it, measure its memory, list the addresses on which it listens."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app import inherited, subreaper
from localazure.app.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUBREAPER = Path(subreaper.__file__)
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
_TAIL_BYTES = 4000


class ChildProcess:
    """A program and all its descendants. `ended` is set when none of them runs any more; `exit_code` is then known."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str | Secret]
    ) -> None:
        """Start the command in a folder and append its output to the log.

        It gets `environment` and, of this process's variables, inherited.PROGRAM_NAMES only.
        """
        self.ended = threading.Event()
        self.exit_code: int | None = None
        self._lock = threading.Lock()
        reading, self._pipe = os.pipe()
        subreaper_command = (sys.executable, "-I", "-S", str(_SUBREAPER), str(folder / "alive.lock"), str(folder))
        try:
            with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as output:
                self._process = subprocess.Popen(  # noqa: S603  # the command of a runtime's module
                    [*subreaper_command, *command],
                    env=inherited.program_variables() | _reveal_secrets(environment),
                    stdin=reading,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except BaseException:
            self.request_end()
            raise
        finally:
            os.close(reading)
        threading.Thread(target=self._wait, name=f"wait-{self._process.pid}", daemon=True).start()

    @property
    def pids(self) -> list[int]:
        """The process ids of the program and its descendants, the program first; empty when it has ended."""
        return [] if self.ended.is_set() else subreaper.descendants(self._process.pid)

    def request_end(self) -> None:
        """Ask the subreaper to end the program, and return at once. `ended` is set when it has."""
        with self._lock:
            pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)

    def _wait(self) -> None:
        self.exit_code = self._process.wait()
        self.request_end()
        self.ended.set()


def memory_bytes(pids: Sequence[int]) -> int:
    """Return the memory of the processes in bytes; a page shared by several counts once (PSS, proc(5))."""
    return sum(_proportional_set_bytes(pid) for pid in pids)


def _proportional_set_bytes(pid: int) -> int:
    """Return a process's proportional set size in bytes; 0 if it has ended or the kernel does not report it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def listening_addresses(pids: Sequence[int]) -> list[str]:
    """Return `ADDRESS:PORT` of each TCP socket on which the processes listen, sorted by port."""
    open_files = {link for pid in pids for link in _descriptor_links(pid)}
    listeners: set[tuple[int, str]] = set()
    for table in ("tcp", "tcp6"):
        for line in _read_rows(Path("/proc/net", table)):
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in open_files:
                address, _, port = fields[1].partition(":")
                listeners.add((int(port, 16), _parse_address(address)))
    return [f"{address}:{port}" for port, address in sorted(listeners)]


def tail(log: Path) -> str:
    """Return the last 4000 bytes of a log as text; empty if there is none."""
    try:
        return log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""


def _reveal_secrets(variables: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in variables.items()}


def _descriptor_links(pid: int) -> list[str]:
    """Return what the process's open descriptors refer to, such as `socket:[12345]`."""
    links: list[str] = []
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                links.append(str(entry.readlink()))
    return links


def _read_rows(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except OSError:
        return []


def _parse_address(text: str) -> str:
    """Parse an address of /proc/net/tcp: hexadecimal, each 32 bits in host byte order; IPv4-mapped becomes IPv4."""
    order = -1 if sys.byteorder == "little" else 1
    octets = b"".join(bytes.fromhex(text[at : at + 8])[::order] for at in range(0, len(text), 8))
    address = ipaddress.ip_address(octets)
    address = getattr(address, "ipv4_mapped", None) or address
    return f"[{address}]" if address.version == 6 else str(address)
