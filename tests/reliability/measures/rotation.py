"""Rotations of credentials that are due, over, revoked: killed after every write, or left without its answer."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app import process
from tests import emulator
from tests.reliability.kills import at_once
from tests.reliability.restorable_environment import at_a_time
from tests.rotation.killed import MOST, RUNS

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.emulator import LocalAzure
    from tests.reliability.kills import Way
    from tests.reliability.tally import Tally
    from tests.rotation.killed import Scenario, Stage


def measure(tally: Tally) -> None:
    """All of them, `at_a_time` beside each other."""
    with tempfile.TemporaryDirectory(prefix="rotations-") as folder, ExitStack() as ended:
        places = [Path(folder) / str(number) for number in range(at_a_time())]
        trials = [(place, ended.enter_context(_azure(place))) for place in places]
        for scenario in {scenario.name: scenario for scenario, _ in RUNS}.values():
            ways = tuple(way for each, way in RUNS if each is scenario)
            stages = [_stage(scenario, azure, place) for place, azure in trials]
            _measure(scenario, ways, stages, tally)


@contextmanager
def _azure(place: Path) -> Generator[LocalAzure]:
    place.mkdir()
    try:
        yield emulator.start(place / "azure")
    finally:
        process.stop(place / "azure")


def _stage(scenario: Scenario, azure: LocalAzure, place: Path) -> Stage:
    azure.reset()
    return scenario.stage(azure, place)


def _measure(scenario: Scenario, ways: tuple[Way, ...], stages: list[Stage], tally: Tally) -> None:
    def meet(stage: Stage, number: int, way: Way) -> tuple[str, Way, bool, list[str]]:
        try:
            met, wrong = scenario.meet(stage, number, way)
        except AssertionError as error:  # a run failed, say: a finding like others, and the next points go on
            met, wrong = True, [str(error)]
        return f"rotate, {scenario.name}: write {number + 1}", way, met, wrong

    points = [(number, way) for number in range(0, MOST, tally.every) for way in ways]
    for point, way, met, wrong in at_once(stages, points, meet):
        if met:
            tally.kill_points.add(point)
            tally.ran(way.name, *(f"{point}, {way.name}: {one}" for one in wrong))
