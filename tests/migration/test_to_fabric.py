from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.migration.moving import HOUR
from tests.migration.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.migration.moving import Moving

SEED, SAMPLE = 20261130, 4
FABRIC = "api.fabric.microsoft.com"


def test_an_environment_moves_from_data_factory_to_fabric(to_fabric: Moving) -> None:
    said = to_fabric.migrate()

    assert said.code == 0, said.out + said.err
    to_fabric.advance(HOUR)
    assert to_fabric.new.done("verify")
    assert to_fabric.lost_or_twice() == []
    assert len(to_fabric.worked()) > 20
    assert to_fabric.new.done("plan", "--json").actions() == {}
    assert to_fabric.old.run("teardown", str(to_fabric.old.file), "--plan-only", "--json").actions() == {}


def test_a_migration_to_fabric_that_is_killed_at_any_call_is_finished_by_the_next(
    to_fabric: Moving, tmp_path: Path
) -> None:
    """A sample, the same each time; `make reliability ARGS=migrations` has all of them."""
    trial = Trial(to_fabric, tmp_path)
    assert trial.wanted.counted
    chosen = random.Random(SEED).sample(trial.writes, SAMPLE)  # noqa: S311  # the same each time, and guards nothing
    chosen += [call for call in trial.writes if call.host == FABRIC][-2:] + trial.switches[:1]
    reached = 0
    for number, call in enumerate(chosen):
        met, wrong = trial.meet(call, after=bool(number % 2))
        assert wrong == [], str(call)
        reached += met
    assert reached >= SAMPLE / 2
