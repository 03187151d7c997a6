"""The switch from client secrets to federations and back: killed at every write, while workers sign in each minute."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app import process
from tests import emulator
from tests.reliability.kills import AFTER, BEFORE, at_once
from tests.reliability.restorable_environment import at_a_time
from tests.rotation.switching import switched, switches

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.reliability.kills import Way
    from tests.reliability.tally import Tally
    from tests.rotation.switching import Step, Switch

Write = tuple["Step", int]  # a run of the switch, and which of its writes


def measure(tally: Tally) -> None:
    """All of them, `at_a_time` beside each other."""
    with tempfile.TemporaryDirectory(prefix="switches-") as folder, ExitStack() as ended:
        trials = [ended.enter_context(_trial(Path(folder) / str(number))) for number in range(at_a_time())]
        _measure(trials, tally)


@contextmanager
def _trial(place: Path) -> Generator[Switch]:
    place.mkdir()
    azure = emulator.start(place / "azure")
    try:
        azure.reset()
        with switches(azure, place) as made:
            yield made
    finally:
        process.stop(place / "azure")


def _measure(trials: list[Switch], tally: Tally) -> None:
    def meet(trial: Switch, write: Write, way: Way) -> tuple[str, Way, bool, list[str]]:
        step, number = write
        try:
            met, wrong = trial.meet(step, number, after=way is AFTER)
        except AssertionError as error:  # a run failed, say: a finding like others, and the next points go on
            met, wrong = True, [str(error)]
        return f"switch, {step.name}: write {number + 1}", way, met, wrong

    writes = [[(step, number) for step, count in switched(trial) for number in range(count)] for trial in trials]
    points = [(write, way) for write in writes[0][:: tally.every] for way in (BEFORE, AFTER)]
    for point, way, met, wrong in at_once(trials, points, meet):
        if met:
            tally.kill_points.add(point)
            tally.ran(way.name, *(f"{point}, {way.name}: {one}" for one in wrong))
