"""What is measured: each function tries one thing several times and gives its rows of the table."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from localazure.app import process
from tests.bench.jars import uploading
from tests.bench.jobs import ten_jobs
from tests.bench.late import late
from tests.bench.many import many
from tests.bench.measured_runs import SPEC, TOP
from tests.bench.newcomer import newcomer
from tests.bench.peers import peers
from tests.bench.row import Row
from tests.bench.scale import scale
from tests.foreign_blobs import add_foreign_blobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.measured_runs import Bench, Run

SDKS = ("azure", "msal", "requests", "urllib3")
FOREIGN = 100_000


def starting(world: Bench, times: int) -> Iterator[Row]:
    """The local Azure comes up."""
    found: list[float] = []
    for _ in range(times):
        process.stop(world.state)
        began = time.perf_counter()
        process.start(world.state)
        found.append(time.perf_counter() - began)
    yield Row(what="start of the local Azure", found=found, unit="s", most=1.0, waits=True)


def validating(world: Bench, times: int) -> Iterator[Row]:
    """A spec is checked."""
    runs = world.runs(times, "validate")
    yield from _times("validate", runs, most=0.4)
    yield Row(what="  modules of SDKs that it imports", found=[_sdk_modules()], most=0)


def writing(world: Bench, times: int) -> Iterator[Row]:
    """Everything is made, made sure of, and taken down again."""
    first: list[Run] = []
    second: list[Run] = []
    last: list[Run] = []
    for _ in range(times):
        world.control("POST", "/reset")
        first.append(world.run("provision", "--yes"))
        second.append(world.run("provision", "--yes"))
        last.append(world.run("teardown", "--yes"))
    for what, runs in (("first provision", first), ("second provision", second), ("teardown", last)):
        yield Row(what=what, found=_seconds(runs), unit="s")
        yield Row(what="  calls", found=_calls(runs))


def planning(world: Bench, times: int) -> Iterator[Row]:
    """Nothing has changed."""
    world.control("POST", "/reset")
    world.run("provision", "--yes")
    runs = world.runs(times, "plan")
    yield from _times("plan without changes", runs, most=1.5)
    yield Row(what="  calls", found=_calls(runs))
    yield Row(what="  reads of what was read already", found=[run.repeated for run in runs], most=0)


def foreign(world: Bench, times: int) -> Iterator[Row]:
    """Others have put many blobs into the filesystem."""
    world.control("POST", "/reset")
    world.run("provision", "--yes")
    verbs = (("plan",), ("provision", "--yes"), ("rotate", "--plan-only"))
    without = [len(world.run(*verb).calls) for verb in verbs]
    add_foreign_blobs(world.state, "stflinklocal/jobs", FOREIGN)
    for verb, calls in zip(verbs, without, strict=True):
        runs = [world.run(*verb) for _ in range(times)]
        yield Row(what=f"{verb[0]} beside {FOREIGN:,} foreign blobs", found=_seconds(runs), unit="s")
        yield Row(what="  calls more than without them", found=[len(run.calls) - calls for run in runs], most=0)


FIGURES = (validating, starting, writing, planning, late, peers, uploading, scale, foreign, ten_jobs, many, newcomer)


def _sdk_modules() -> int:
    """How many modules of the SDKs and what they stand on `validate` imports."""
    command = [sys.executable, "-X", "importtime", "-m", "provisioner", "validate", str(SPEC)]
    told = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stderr
    return sum(line.rpartition("|")[2].strip().partition(".")[0] in SDKS for line in told.splitlines())


def _times(what: str, runs: Sequence[Run], *, most: float) -> Iterator[Row]:
    yield Row(what=what, found=_seconds(runs), unit="s", most=most, waits=True)
    yield Row(what="  of which processor time", found=[run.cpu_seconds for run in runs], unit="s", most=most)


def _seconds(runs: Sequence[Run]) -> list[float]:
    return [run.seconds for run in runs]


def _calls(runs: Sequence[Run]) -> list[float]:
    return [len(run.calls) for run in runs]
