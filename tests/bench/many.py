"""What a plan of 20 environments takes in one process, against a plan of one, with every answer late."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from tests.bench.measured_runs import SPEC
from tests.bench.row import Row
from tests.bench.scale import JAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measured_runs import Bench, Run

MANY, LATENCY_MS = 20, 100
REFILLED_SECONDS = 60  # after which Resource Manager takes as many calls as ever
MOST = 3.0


def many(world: Bench, times: int) -> Iterator[Row]:
    """All are provisioned, in one subscription."""
    with TemporaryDirectory(prefix="bench-many-") as folder:
        write(Path(folder), MANY)
        world.control("POST", "/reset")
        yield Row(what=f"first provision of {MANY}", found=[world.run("provision", "--yes", spec=_all(folder)).seconds])
        world.control("PUT", "/faults", {"latency_ms": LATENCY_MS})
        alone = [_refilled(world, Path(folder) / "env0.yaml") for _ in range(times)]
        together = [_refilled(world, _all(folder)) for _ in range(times)]
        world.control("DELETE", "/faults")
    late = f"answers {LATENCY_MS} ms late"
    yield Row(what=f"plan of one without changes, {late}", found=[run.seconds for run in alone], unit="s")
    yield Row(what=f"plan of {MANY}, likewise", found=[run.seconds for run in together], unit="s")
    one = median(run.seconds for run in alone)
    yield Row(what="  against one", found=[run.seconds / one for run in together], unit="x", most=MOST, waits=True)
    yield Row(what="  processor time", found=[run.cpu_seconds for run in together], unit="s")
    yield Row(what="  calls", found=[len(run.calls) for run in together])
    yield Row(what="  calls turned away", found=[run.turned_away for run in together], most=0)


def write(folder: Path, count: int) -> None:
    """That many local environments, each with a group, a vault, an account and an Airflow of its own."""
    local: dict[str, Any] = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    for number in range(count):
        name = f"env{number}"
        own = {"name": name, "resource_group": f"rg-{name}", "vault": f"kv-bench-{name}"}
        airflow = {**local["airflow"], "runtime": name}
        spec = {**local, **own, "storage_account": f"stbench{name}", "airflow": airflow, "job": str(JAR)}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


def _all(folder: str) -> Path:
    """The glob of all."""
    return Path(folder) / "*.yaml"


def _refilled(world: Bench, spec: Path) -> Run:
    world.control("PUT", "/clock", {"advance_seconds": REFILLED_SECONDS})
    return world.run("plan", spec=spec)
