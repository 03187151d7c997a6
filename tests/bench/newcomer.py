"""A newcomer's path, each stage in seconds: from `pip install` of the wheel to the end of a Flink job.

In an empty folder and an environment of its own, as on a machine that has none of it: pip fetches the packages, and
`run` the Airflow and the Flink behind the local Azure. Once, since packages that pip and uv have kept would be no first
time; a cache that this user has from before is not used either.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.row import Row
from tests.test_wheel import SETTINGS, built

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measured_runs import Bench

STAGES = (
    ("init", "mine", "--cloud", "local"),
    ("validate", "mine"),
    ("provision", "mine", "--yes"),
    ("run", "mine"),
)


def newcomer(_world: Bench, _times: int) -> Iterator[Row]:
    """Each stage, then all of them."""
    with TemporaryDirectory(prefix="newcomer-") as folder:
        top = Path(folder)
        environment, empty = top / "environment", top / "empty"
        empty.mkdir()
        wheel = built(top)
        pip = (environment / "bin" / "pip", "install", "--quiet", f"{wheel}[local]")
        provisioner = environment / "bin" / "provisioner"
        commands = ((sys.executable, "-m", "venv", environment), pip, *((provisioner, *stage) for stage in STAGES))
        names = ("venv", "pip install", *(stage[0] for stage in STAGES))
        whole = 0.0
        try:
            for name, command in zip(names, commands, strict=True):
                seconds = _seconds(command, empty, top / "cache")
                whole += seconds
                yield Row(what=f"newcomer: {name}", found=[seconds], unit="s")
        finally:
            if provisioner.exists():
                _seconds((provisioner, "local", "down"), empty, top / "cache")
        yield Row(what="newcomer: to the end of the Flink job", found=[whole], unit="s")


def _seconds(command: tuple[str | Path, ...], folder: Path, cache: Path) -> float:
    """How long a program took. Raises SystemExit with what it said if it failed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    caches = {"PIP_CACHE_DIR": str(cache / "pip"), "UV_CACHE_DIR": str(cache / "uv")}
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables | caches,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return time.perf_counter() - began
