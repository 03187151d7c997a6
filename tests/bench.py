"""Measures what the project promises about speed: whole processes against a local Azure of the bench's own.

Prints a table and says what broke its promise; exit code 1 then. `make bench`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.local import process

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

TOP = Path(__file__).resolve().parent.parent
JAR = TOP / "templates" / "jobs" / "wordcount" / "wordcount.jar"
GIB, MIB = 1 << 30, 1 << 20
LOGIN = "login.microsoftonline.com"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process: seconds of its life, its greatest resident memory, the calls it made."""

    seconds: float
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
        """Answered reads of one path beyond the first, without sign-in; lists with other filters count, too."""
        reads = (call for call in self.calls if call["method"] in {"GET", "HEAD"} and call["status"] != 401)
        paths = Counter((call["host"], call["path"]) for call in reads if call["host"] != LOGIN)
        return sum(times - 1 for times in paths.values())


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A local Azure of the bench's own, and the spec that is tried on it."""

    state: Path
    spec: Path

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return process.control(self.state, method, path, body)

    def run(self, verb: str, *options: str, spec: Path | None = None) -> Run:
        """One verb as a process; a failure ends the bench with what it said."""
        self.control("DELETE", "/calls")
        journal = self.state / "journal"
        told = {**os.environ, "PROVISIONER_LOCAL_STATE": str(self.state), "PROVISIONER_JOURNAL": str(journal)}
        command = [sys.executable, "-m", "provisioner", verb, str(spec or self.spec), *options]
        with tempfile.TemporaryFile() as output:
            began = time.perf_counter()
            child = subprocess.Popen(command, cwd=TOP, env=told, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            if child.returncode:
                raise SystemExit(f"{' '.join(command)}: {child.returncode}\n{output.read().decode()}")
        calls = self.control("GET", "/calls")["calls"]
        return Run(seconds=seconds, peak_bytes=usage.ru_maxrss * 1024, calls=calls)

    def fastest(self, verb: str, times: int = 5) -> Run:
        """The best of some runs: what the machine did beside them is no concern."""
        return min((self.run(verb) for _ in range(times)), key=lambda run: run.seconds)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the table; `most` None: nothing is promised."""

    what: str
    found: float
    unit: str
    most: float | None = None

    @property
    def kept(self) -> bool:
        return self.most is None or self.found <= self.most

    def __str__(self) -> str:
        promise = "" if self.most is None else f"  at most {self.most:g}"
        return f"{self.what:58} {self.found:8.2f} {self.unit:12}{promise}{'' if self.kept else '  BROKEN'}"


@contextmanager
def bench() -> Generator[Bench]:
    """A bench whose local Azure ends with it."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        state = Path(folder) / "azure"
        process.start(state)
        try:
            yield Bench(state=state, spec=TOP / "environments" / "local.yaml")
        finally:
            process.stop(state)


def sdk_modules() -> int:
    """How many modules of Azure SDKs `validate` imports."""
    command = [sys.executable, "-X", "importtime", "-m", "provisioner", "validate", "local"]
    shown = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stderr
    return sum(line.rpartition("|")[2].strip().startswith(("azure", "msal")) for line in shown.splitlines())


def verbs(bench: Bench) -> Iterator[Line]:
    """validate, provision, plan, plan with latency."""
    yield Line(what="validate", found=bench.fastest("validate").seconds, unit="s", most=0.4)
    yield Line(what="Azure SDK modules that validate imports", found=sdk_modules(), unit="", most=0)
    first = bench.run("provision", "--yes")
    yield Line(what="first provision", found=first.seconds, unit="s")
    yield Line(what="  its calls", found=len(first.calls), unit="")
    plan = bench.fastest("plan")
    yield Line(what="plan without changes", found=plan.seconds, unit="s", most=1.5)
    yield Line(what="  its calls", found=len(plan.calls), unit="")
    yield Line(what="  paths read more than once", found=plan.repeated, unit="")
    bench.control("PUT", "/faults", {"latency_ms": 100})
    slow = bench.run("plan")
    yield Line(what="plan without changes, each answer 100 ms late", found=slow.seconds, unit="s")
    yield Line(what="  round trips in sequence after sign-in", found=slow.depth, unit="", most=6)
    bench.control("DELETE", "/faults")


def jar(bench: Bench) -> Iterator[Line]:
    """A jar of 1 GiB goes up."""
    with tempfile.TemporaryDirectory(prefix="jar") as folder:
        big = Path(shutil.copy(JAR, Path(folder) / "big.jar"))
        with zipfile.ZipFile(big, "a") as archive, archive.open("ballast", "w", force_zip64=True) as ballast:
            for _ in range(GIB // MIB):
                ballast.write(bytes(MIB))
        spec = Path(folder) / "big.yaml"
        text = bench.spec.read_text(encoding="utf-8")
        spec.write_text(text.replace(f"../{JAR.relative_to(TOP)}", str(big)), encoding="utf-8")
        run = bench.run("provision", "--yes", spec=spec)
    yield Line(what="provision with a new jar of 1 GiB", found=run.seconds, unit="s")
    yield Line(what="  peak memory of the process", found=run.peak_bytes / MIB, unit="MiB", most=150)


def main() -> int:
    """Run everything; 1 if a promise is broken."""
    kept = True
    with bench() as started:
        for measure in (verbs, jar):
            for line in measure(started):
                print(line, flush=True)
                kept = kept and line.kept
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
