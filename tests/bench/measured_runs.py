"""A local Azure of the bench's own, and whole processes measured against it by the operating system's account."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.app import process

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

TOP = Path(__file__).resolve().parents[2]
SPEC = TOP / "environments" / "local.yaml"
LOGIN = "login.microsoftonline.com"
READS = ("GET", "HEAD")
LIMITED = 429


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process: seconds of its life and of the processors, its greatest resident memory, the calls it made."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    calls: Sequence[Mapping[str, Any]]

    @property
    def depth(self) -> int:
        """Round trips in sequence after sign-in: as many calls as fit one after the other."""
        count, free_ms = 0, 0.0
        spans = [(call["began_ms"], call["began_ms"] + call["ms"]) for call in self.calls if call["host"] != LOGIN]
        for began_ms, ended_ms in sorted(spans, key=lambda span: span[1]):
            if began_ms >= free_ms:
                count, free_ms = count + 1, ended_ms
        return count

    @property
    def repeated(self) -> int:
        """Reads of the same path and query beyond the first."""
        reads = Counter(
            (call["host"], call["path"], call["query"])
            for call in self.calls
            if call["method"] in READS and call["host"] != LOGIN
        )
        return sum(times - 1 for times in reads.values())

    @property
    def turned_away(self) -> int:
        """Calls that a limit of the service's answered."""
        return sum(self._turned_away.values())

    @property
    def turned_away_again(self) -> int:
        """How often the same call was, at most."""
        return max(self._turned_away.values(), default=0)

    @property
    def _turned_away(self) -> Counter[tuple[str, ...]]:
        limited = (call for call in self.calls if call["status"] == LIMITED)
        return Counter((call["path"], call["client_request"]) for call in limited)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A local Azure in a folder of its own."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "azure"

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control endpoint."""
        return process.send_control_request(self.state, method, path, body)

    def run(self, verb: str, *options: str, spec: Path = SPEC) -> Run:
        """One verb as a process. Raises SystemExit with what it said if it fails."""
        self.control("DELETE", "/calls")
        places = {"PROVISIONER_LOCAL_STATE": self.state, "PROVISIONER_JOURNAL": self.folder / "journal"}
        environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
        command = [sys.executable, "-m", "provisioner", verb, str(spec), *options]
        with tempfile.TemporaryFile() as said:
            began = time.perf_counter()
            child = subprocess.Popen(
                command, cwd=TOP, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                said.seek(0)
                raise SystemExit(f"{' '.join(command)}: exit code {child.returncode}\n{said.read().decode()}")
        return Run(
            seconds=seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_bytes=usage.ru_maxrss * 1024,
            calls=self.control("GET", "/calls")["calls"],
        )

    def runs(self, times: int, verb: str, *options: str) -> list[Run]:
        """The verb several times, after once that does not count."""
        self.run(verb, *options)
        return [self.run(verb, *options) for _ in range(times)]


@contextmanager
def bench() -> Generator[Bench]:
    """A local Azure that runs, and ends with the bench."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = Bench(folder=Path(folder))
        process.start(made.state)
        try:
            yield made
        finally:
            process.stop(made.state)
