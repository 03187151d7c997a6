"""A migration that is killed at any of its calls, and its undoing; here a sample of them, the same each time.

`make reliability ARGS=migrations` has all of them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.child import KILLED
from tests.migration.trial import Trial, undoing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.migration.moving import Moving

SEED = 20261130
SAMPLE = 4


def test_a_migration_that_is_killed_at_any_call_is_finished_by_the_next(moving: Moving, tmp_path: Path) -> None:
    trial = Trial(moving, tmp_path)
    assert trial.wanted.counted
    chosen = random.Random(SEED).sample(trial.writes, SAMPLE)  # noqa: S311  # the same each time, and guards nothing
    chosen += trial.switches[:2]
    reported = [call for call in trial.writes if call.path.endswith("_key_probe/dagRuns")]
    reached = 0
    for number, call in enumerate(chosen + reported):
        met, wrong = trial.meet(call, after=bool(number % 2) or call in reported)
        assert wrong == [], str(call)
        reached += met
    assert reached >= SAMPLE / 2


def test_once_the_old_dags_are_being_paused_there_is_only_the_way_on(moving: Moving, tmp_path: Path) -> None:
    trial = Trial(moving, tmp_path)
    assert trial.wanted.counted
    assert trial.kill(trial.switches[0], after=True) == KILLED

    undone = trial.ground.run("migrate", str(trial.new), "--undo", "--yes")

    assert (undone.code, "paused already, so there is only the way on" in undone.text) == (4, True)
    assert trial.ground.run("migrate", str(trial.new), "--yes").code == 0


def test_an_undoing_that_is_killed_at_any_call_is_finished_by_the_next(moving: Moving, tmp_path: Path) -> None:
    trial = undoing(moving, tmp_path)
    assert trial.wanted.counted
    reached = 0
    for number, call in enumerate(random.Random(SEED).sample(trial.writes, SAMPLE)):  # noqa: S311  # as above
        met, wrong = trial.meet(call, after=bool(number % 2))
        assert wrong == [], str(call)
        reached += met
    assert reached >= SAMPLE / 2
