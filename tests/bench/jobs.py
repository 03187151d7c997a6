"""What ten jobs in one environment take, against one: calls of each verb, and what one more job costs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from tests.bench.measured_runs import SPEC
from tests.bench.row import Row
from tests.bench.scale import JAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measured_runs import Bench

MANY = 10
# A job has a jar, a DAG's file and its import: a read of each, and to make them their writes and what proves them.
# One call of each lists the job's own folder; a provision notes that folder, too, and asks Airflow for the DAG.
VERBS = {"provision": (("--yes",), 22.0), "plan": ((), 3.0), "status": ((), 4.0), "teardown": (("--yes",), 16.0)}


def ten_jobs(world: Bench, _times: int) -> Iterator[Row]:
    """Each verb with one job and with ten, each with a jar of its own."""
    calls: dict[tuple[str, int], int] = {}
    with TemporaryDirectory(prefix="bench-jobs-") as folder:
        file = Path(folder) / "jobs.yaml"
        for number in (1, MANY):
            file.write_text(yaml.safe_dump(spec(number)), encoding="utf-8")
            world.control("POST", "/reset")
            for verb, (options, _most) in VERBS.items():
                calls[verb, number] = len(world.run(verb, *options, spec=file).calls)
    for verb, (_options, most) in VERBS.items():
        few, many = calls[verb, 1], calls[verb, MANY]
        yield Row(what=f"{verb} with {MANY} jobs: calls", found=[many])
        yield Row(what="  of one more job", found=[round((many - few) / (MANY - 1))], most=most)  # polls come and go


def spec(jobs: int) -> dict[str, Any]:
    """The local environment with that many jobs."""
    made = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    del made["job"]
    made["jobs"] = {f"job{number}": {"jar": str(JAR), "directory": f"job{number}"} for number in range(jobs)}
    return made
