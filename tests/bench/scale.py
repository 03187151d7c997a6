"""What each verb takes from 10 to 500 variables: calls, seconds, processor time, memory, and what is turned away.

Principals and jars grow along, up to 50 and 20.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from tests.bench.measured_runs import SPEC, TOP
from tests.bench.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.measured_runs import Bench, Run

SIZES = (10, 50, 250, 500)
VERBS = {"provision": ("--yes",), "plan": (), "rotate": ("--force", "--yes"), "teardown": ("--yes",)}
PER_PRINCIPAL, PER_JAR = 10, 25
JAR = TOP / "templates" / "jobs" / "wordcount" / "wordcount.jar"
MIB = 1 << 20
WINDOW_SECONDS, MOST_OF_A_WINDOW = 10.0, 1.2


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a verb took at each size."""

    verb: str
    runs: Mapping[int, Run]

    def growth(self, cost: Mapping[int, float]) -> float:
        """What one more variable costs in the upper half of the sizes, against the lower half: 1 is linear."""
        first, _, middle, last = SIZES
        upper = (cost[last] - cost[middle]) / (last - middle)
        return upper / ((cost[middle] - cost[first]) / (middle - first))


def scale(world: Bench, _times: int) -> Iterator[Row]:
    """Each verb once at each size."""
    runs: dict[str, dict[int, Run]] = {verb: {} for verb in VERBS}
    with TemporaryDirectory(prefix="bench-scale-") as folder:
        for size in SIZES:
            file = Path(folder) / f"{size}/scale.yaml"  # one environment in two files of a folder is refused
            file.parent.mkdir()
            file.write_text(yaml.safe_dump(spec(size)), encoding="utf-8")
            world.control("POST", "/reset")
            for verb, options in VERBS.items():
                runs[verb][size] = run = world.run(verb, *options, spec=file)
                told = f"{verb}, {size} variables: {len(run.calls)} calls, {run.peak_bytes // MIB} MiB"
                yield Row(what=told, found=[run.seconds], unit="s")
        yield _many_variables(world, Path(folder) / f"{SIZES[-1]}/scale.yaml", few=runs["provision"][SIZES[0]].seconds)
    for verb, found in runs.items():
        yield from _judged(Costs(verb=verb, runs=found))


def _many_variables(world: Bench, file: Path, *, few: float) -> Row:
    """A provision in which variables alone are many. A vault takes 300 new secrets in ten seconds."""
    file.write_text(yaml.safe_dump({**spec(SIZES[0]), "variables": spec(SIZES[-1])["variables"]}), encoding="utf-8")
    world.control("POST", "/reset")
    ratio = world.run("provision", *VERBS["provision"], spec=file).seconds / (WINDOW_SECONDS + few)
    what = f"provision, {SIZES[-1]} variables alone: to 10 s and {SIZES[0]}"
    return Row(what=what, found=[ratio], unit="x", most=MOST_OF_A_WINDOW, waits=True)


def spec(size: int) -> dict[str, Any]:
    """The local environment with that many variables, and principals and jars in proportion."""
    made = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    group = f"/subscriptions/{made['subscription']}/resourceGroups/{made['resource_group']}"
    principals = range(size // PER_PRINCIPAL - 2)  # two are there
    return {
        **made,
        "job": str(JAR),
        "jars": [{"jar": str(JAR), "directory": f"jar-{number}"} for number in range(size // PER_JAR - 1)],
        "principals": {f"p{number}": {"role": "Reader", "scope": group} for number in principals},
        "variables": {f"variable_{number}": f"value {number}" for number in range(size)},
    }


def _judged(costs: Costs) -> Iterator[Row]:
    runs = costs.runs
    calls = {size: float(len(run.calls)) for size, run in runs.items()}
    seconds = {size: run.cpu_seconds for size, run in runs.items()}
    yield Row(what=f"{costs.verb}: calls of one more, upper to lower", found=[costs.growth(calls)], unit="x", most=1.1)
    yield Row(what="  processor time of one more, likewise", found=[costs.growth(seconds)], unit="x", most=2.0)
    yield Row(what="  calls turned away", found=_each(runs, "turned_away"))
    yield Row(what="  times that one call was, at most", found=_each(runs, "turned_away_again"), most=1)


def _each(runs: Mapping[int, Run], what: str) -> Sequence[float]:
    return [getattr(run, what) for run in runs.values()]
