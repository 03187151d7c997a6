"""In no minute of a migration is there nobody who can work: the old workers until the new ones may, then those.

The migration is killed at some of its writes, the same each time, and run again an hour later. With the environment
variable EVERY_KILL=1 that is done at every write.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from tests.child import KILLED
from tests.migration.readers import Readers
from tests.migration.test_to_rest import ready
from tests.migration.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli
    from tests.migration.moving import Moving
    from tests.reliability.restorable_environment import Call

SEED, SAMPLE, MINUTES = 20261130, 1, 61
EVERY = "EVERY_KILL"
BETWEEN_LOOKS = 0.2  # seconds; a look reads twice, and a subscription takes 25 reads a second


def run_watched(trial: Trial, readers: Readers) -> None:
    """A migration from beginning to end; somebody looks all the time, as often as Resource Manager admits."""
    child = trial.ground.prepare("migrate", str(trial.new), "--yes").begin()
    while child.process.is_alive():
        readers.look()
        child.process.join(BETWEEN_LOOKS)
    ran = trial.ground.ran(child)
    assert ran.code == 0, ran.text
    readers.pass_minutes(1)


def chosen(trial: Trial) -> list[Call]:
    """Where it is killed: some of its writes, and the first one that pauses or starts a DAG; or all."""
    if os.environ.get(EVERY):
        return trial.writes
    return [*random.Random(SEED).sample(trial.writes, SAMPLE), trial.switches[0]]  # noqa: S311  # the same each time


def test_in_every_minute_of_a_migration_there_is_a_working_credential(moving: Moving, tmp_path: Path) -> None:
    someone_can_work_in_every_minute(moving, tmp_path)


def test_in_every_minute_of_a_migration_to_fabric_there_is_a_working_credential(
    to_fabric: Moving, tmp_path: Path
) -> None:
    someone_can_work_in_every_minute(to_fabric, tmp_path)


def test_in_every_minute_of_a_migration_to_flinks_rest_api_there_is_a_working_credential(
    cli: Cli, tmp_path: Path
) -> None:
    someone_can_work_in_every_minute(ready(cli, upgrade="stateless"), tmp_path)


def someone_can_work_in_every_minute(moving: Moving, tmp_path: Path) -> None:
    trial = Trial(moving, tmp_path)
    assert trial.wanted.counted
    readers = Readers(moving)
    trial.ground.restore("moving")
    run_watched(trial, readers)
    readers.pass_minutes(MINUTES)
    assert (readers.refused, min(readers.looked.values()) > 0) == ([], True)

    for number, call in enumerate(chosen(trial)):
        assert trial.kill(call, after=bool(number % 2)) in {0, KILLED}
        readers.pass_minutes(MINUTES)
        run_watched(trial, readers)
        assert (str(call), readers.refused, moving.lost_or_twice()) == (str(call), [], [])
