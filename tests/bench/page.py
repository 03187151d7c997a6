"""docs/performance.md: what the last whole `make bench` measured, on which machine, with which versions."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.bench.measured_runs import TOP
from tests.clients.environment import installed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bench.row import Row

PAGE = TOP / "docs" / "performance.md"
PACKAGES = ("azure-identity", "azure-mgmt-storage", "pydantic")
GIB = 1 << 30
DIGITS = {"s": 2, "x": 2}


def page(rows: Iterable[Row], machine: Iterable[str], verdicts: Iterable[str]) -> str:
    """The page as Markdown."""
    lines = (
        "# Performance",
        "",
        "`make bench` measures this against the local Azure, each process from its start to its end, and writes",
        "this page. It exits with 1 if a median is over its limit. `make bench-peers` installs `az`, the peer in these",
        "rows; they are left out without it. On a busy machine a row that depends on the clock is not judged.",
        "",
        *(f"- {one}" for one in machine),
        "",
        "| what | median | least | greatest | limit | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        *(_line(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)),
        "",
    )
    return "\n".join(lines)


def machine() -> tuple[str, ...]:
    """What was measured with, a line each: date, processors, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // GIB
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    az, kernel = _version_of_az(), platform.release().partition("-")[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}",
        f"{os.cpu_count()} processors ({platform.machine()}), {memory} GiB, {platform.system()} {kernel}",
        f"Python {platform.python_version()}, {packages}",
        *((az,) if az else ()),
    )


def _version_of_az() -> str:
    program = installed("az")
    if program is None:
        return ""
    asked = [program / "bin" / "az", "version", "--query", '"azure-cli"', "--output", "tsv"]
    return f"az {subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()}"


def _line(row: Row, verdict: str) -> str:
    digits = DIGITS.get(row.unit, 0)
    found = (f"{figure:,.{digits}f}" for figure in (row.median, min(row.found), max(row.found)))
    limit = "" if row.most is None else f"{row.most:g}"
    what = row.what.replace("  ", "&emsp;", 1) if row.what.startswith("  ") else row.what
    return f"| {what}{f' ({row.unit})' if row.unit else ''} | {' | '.join((*found, limit, verdict))} |"
