"""The credentials of an environment whose Airflow is in Fabric: a year, and runs that are killed on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kinds.fabric import settings
from tests.localazure.fabric.workspace import JOBS, Fabric
from tests.rotation.rotating_environment import DAY, NAMES, ROTATE, RotatingEnvironment, active_keys, failed
from tests.rotation.test_killed import HOUR, Stage, kill_everywhere, lose_every_answer
from tests.rotation.test_year import assert_nobody_held_a_dead_credential, live

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[2]


class RotatingInFabric(RotatingEnvironment):
    """One whose workers have what is in use in a job of Fabric."""

    def workers(self) -> dict[str, Any]:
        (workers,) = self.azure.control("GET", "/airflow-jobs")
        return workers

    def runtime(self) -> dict[str, str]:
        (job,) = Fabric(azure=self.azure)("GET", JOBS).json()["value"]
        return settings(self.azure, f"{JOBS}/{job['id']}".removeprefix("/v1"))["environmentVariables"]


@pytest.fixture
def in_fabric(azure: LocalAzure, tmp_path: Path) -> RotatingInFabric:
    """environments/fabric.yaml, provisioned just now; its workers have a change an hour later than Fabric says."""
    made = RotatingInFabric(azure=azure, spec=ROOT / "environments/fabric.yaml", journal=tmp_path / "journal")
    assert failed(made.provision()) == []
    Fabric(azure=azure).settings(workers_lag_seconds=HOUR)
    return made


def test_a_year_of_runs_leaves_no_minute_uncovered(in_fabric: RotatingInFabric) -> None:
    diary = live(in_fabric, list(range(5, 366, 5)), HOUR)

    assert_nobody_held_a_dead_credential(diary)
    assert [len(diary.switches(name)) for name in NAMES] == [12, 12]
    assert len(list(active_keys(in_fabric))) == 2


@pytest.fixture
def due(in_fabric: RotatingInFabric) -> Stage:
    """Both credentials are due."""
    in_fabric.advance(30 * DAY + HOUR)
    return Stage(in_fabric, "due-in-fabric")


def test_a_run_that_is_killed_after_any_write_is_finished_by_the_next_ones(due: Stage) -> None:
    assert kill_everywhere(due, ROTATE) >= 7


def test_a_run_whose_answers_get_lost_loses_no_credential(due: Stage) -> None:
    assert lose_every_answer(due) >= 7
