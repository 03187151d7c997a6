"""A migration that is killed at any of its calls; here a sample of them, the same each time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.child import KILLED
from tests.migration.moving import HOUR
from tests.reliability.restorable_environment import Call, RestorableEnvironment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.migration.moving import Moving

SEED = 20261130
SAMPLE = 6
HOSTS = ("airflow.example", "airflow.svc")  # what is written there has no other copy


class Trial:
    """A migration from one moment on, as often as needed."""

    def __init__(self, moving: Moving, folder: Path) -> None:
        self.moving = moving
        old, self.new = moving.write()
        self.ground = RestorableEnvironment(azure=moving.azure, folder=folder, spec=old)
        self.ground.save("moving")

    def run(self) -> int:
        """A whole migration. Returns its exit code."""
        self.ground.restore("moving")
        ran = self.ground.run("migrate", str(self.new), "--yes")
        assert ran.code == 0, ran.text
        return ran.code

    def killed(self, call: Call, *, after: bool) -> bool:
        """A migration that is killed at this call; whether it came to that."""
        self.ground.restore("moving")
        child = self.ground.prepare("migrate", str(self.new), "--yes")
        where = {"method": call.method, "host": f"^{call.host}$", "path": f"^{call.path}$", "skip": call.nth}
        self.moving.azure.fault(fault="kill", pid=child.pid, after=after, **where)
        code = self.ground.ran(child.begin()).code
        self.moving.azure.control("DELETE", "/faults")
        self.ground.wait_out_lease()
        assert code in {0, KILLED}
        assert self.works(), f"no working credential after {call}"
        return code == KILLED

    def works(self) -> bool:
        """Whether what the old workers sign in with does, unless the new ones have begun, who have no secret."""
        begun = any(run["airflow"].startswith("/workloads/") for run in self.moving.runs())
        return begun or all(one["signs_in"] for one in self.moving.azure.control("GET", "/sign-ins"))


@pytest.fixture
def trial(moving: Moving, tmp_path: Path) -> Trial:
    return Trial(moving, tmp_path)


def has_moved(trial: Trial) -> None:
    """Nothing is lost, nothing ran twice, nothing is left of the old environment."""
    moving = trial.moving
    moving.advance(HOUR)
    assert trial.moving.new.done("verify")
    assert moving.lost_or_twice() == []
    assert moving.new.done("plan", "--json").actions() == {}
    assert moving.old.run("teardown", str(moving.old.file), "--plan-only", "--json").actions() == {}


def test_a_migration_that_is_killed_at_any_call_is_finished_by_the_next(trial: Trial) -> None:
    trial.run()
    wanted = trial.ground.census()
    writes = [call for call in trial.ground.calls() if call.writes]
    chosen = random.Random(SEED).sample(writes, SAMPLE)  # noqa: S311  # the same each time, and guards nothing
    chosen += [call for call in writes if call.host.endswith(HOSTS) and call.method == "PATCH"][:2]
    reached = 0
    for number, call in enumerate(chosen):
        reached += trial.killed(call, after=bool(number % 2))
        again = trial.ground.run("migrate", str(trial.new), "--yes")
        assert again.code == 0, f"killed at {call}: {again.text}"
        found = trial.ground.census()
        assert (found.twice(wanted), found.lacking(wanted), found.orphans) == ([], [], wanted.orphans), str(call)
        has_moved(trial)
    assert reached >= SAMPLE / 2
