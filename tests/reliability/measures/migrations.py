"""A migration to another target, and the way back: killed before and after every write, and run again."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from localazure.app import process
from tests import emulator
from tests.command_line import ROOT, Cli
from tests.migration.moving import in_fabric, ready_to_move
from tests.migration.test_to_rest import first_runs, stops, with_stream
from tests.migration.trial import Trial, undoing
from tests.reliability.kills import AFTER, BEFORE, at_once
from tests.reliability.restorable_environment import at_a_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.migration.moving import Moving
    from tests.reliability.kills import Way
    from tests.reliability.restorable_environment import Call
    from tests.reliability.tally import Tally


def measure(tally: Tally) -> None:
    """All of them, `at_a_time` beside each other."""
    with tempfile.TemporaryDirectory(prefix="migrations-") as folder:
        places = [Path(folder) / str(number) for number in range(at_a_time())]
        try:
            trials = [_trial(place, ready_to_move) for place in places]
            _measure("migrate", trials, tally)
            _measure("migrate --undo", [_undone(trial) for trial in trials], tally)
            to_fabric = partial(ready_to_move, form=in_fabric)
            _measure("migrate to Fabric", [_trial(place, to_fabric) for place in places], tally)
            _measure("migrate a stream", [_trial(place, with_stream) for place in places], tally, _stream_problems)
        finally:
            for place in places:
                process.stop(place / "azure")


def _trial(place: Path, prepare: Callable[[Cli], Moving]) -> Trial:
    """The migration of an environment in Data Factory, on the local Azure of this place."""
    place.mkdir(exist_ok=True)
    azure = emulator.start(place / "azure")
    azure.reset()
    spec = yaml.safe_load((ROOT / "environments/local.yaml").read_text())
    spec["job"] = shutil.copy(ROOT / "templates/jobs/wordcount/wordcount.jar", place)
    env = {"PROVISIONER_LOCAL_STATE": str(azure.state), "PROVISIONER_JOURNAL": str(place / "journal")}
    trial = Trial(prepare(Cli(azure=azure, file=place / "env.yaml", spec=spec, env=env)), place)
    assert trial.wanted.counted
    return trial


def _undone(trial: Trial) -> Trial:
    trial.ground.restore("moving")
    back = undoing(trial.moving, trial.ground.folder)
    assert back.wanted.counted
    return back


def _stream_problems(moving: Moving) -> list[str]:
    """What is wrong with the job without end: not stopped with a savepoint, or not started once."""
    found = (stops(moving.old), first_runs(moving))
    return [] if found == (["STOPPED STOP"], [True]) else [f"the stream: {found}"]


def _none(_moving: Moving) -> list[str]:
    return []


def _measure(name: str, trials: list[Trial], tally: Tally, problems: Callable[[Moving], list[str]] = _none) -> None:
    def meet(trial: Trial, call: Call, way: Way) -> tuple[str, Way, bool, list[str]]:
        try:
            met, wrong = trial.meet(call, after=way is AFTER)
            wrong += problems(trial.moving)
        except AssertionError as error:  # it hung, say: a finding like others, and the next points go on
            met, wrong = True, [str(error)]
        return f"{name}: {call}", way, met, wrong

    points = [(call, way) for call in trials[0].writes[:: tally.every] for way in (BEFORE, AFTER)]
    for point, way, met, wrong in at_once(trials, points, meet):
        if met:
            tally.kill_points.add(point)
            tally.ran(way.name, *(f"{point}, {way.name}: {one}" for one in wrong))
