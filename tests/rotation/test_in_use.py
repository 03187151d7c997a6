"""A real Airflow's workers show which key they have; the one before it goes only then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localazure.app import process
from provisioner.errors import NotInUse
from provisioner.model import Intent, Request, Result
from tests import emulator
from tests.rotation.rotating_environment import ROTATE, RotatingEnvironment, failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.commands import Report
    from provisioner.model import Outcome

ROOT = Path(__file__).parents[2]
HOUR = 3600.0
FORCE = Request(intent=Intent.ROTATE, force=True, names=("airflow",))
REVOKE = Request(intent=Intent.REVOKE, force=True, names=("airflow",))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RotatingEnvironment]:
    """environments/local.yaml on a local Azure of the test's own, with a real Airflow behind its runtime."""
    made = RotatingEnvironment(
        azure=emulator.start(tmp_path / "azure"), spec=ROOT / "environments/local.yaml", journal=tmp_path / "journal"
    )
    try:
        assert failed(made.provision()) == []
        started(made)
        yield made
    finally:
        process.stop(tmp_path / "azure")


def started(rotations: RotatingEnvironment) -> None:
    """Its Airflow is up."""
    *_, programs = process.start_and_watch_runtimes(rotations.azure.state)
    assert [one["failure"] for one in programs if one["state"] != "ready"] == []


def slow(rotations: RotatingEnvironment, seconds: float) -> None:
    """How long this Azure takes from now on until Airflow is restarted with what was written."""
    rotations.azure.control("PUT", "/settings/airflow", {"rollout_seconds": seconds})


def probe(rotations: RotatingEnvironment, path: str = "") -> str:
    """The probe DAG in Airflow's API."""
    return rotations.airflow_url(f"dags/{rotations.environment.probe_id}{path}")


def given_up(rotations: RotatingEnvironment) -> str:
    """A person sets the run that waits for a worker with the key to failed; its id."""
    url = probe(rotations, "/dagRuns")
    listed = rotations.azure.request("GET", f"{url}?state=running&state=queued").json()["dag_runs"]
    (waiting,) = [one["dag_run_id"] for one in listed]
    assert rotations.azure.request("PATCH", f"{url}/{waiting}", {"state": "failed"}).status == 200
    return waiting


def paused(rotations: RotatingEnvironment, *, is_paused: bool) -> None:
    """A person switches the probe DAG off, or on again."""
    assert rotations.azure.request("PATCH", probe(rotations), {"is_paused": is_paused}).status == 200


def cleared(rotations: RotatingEnvironment, run_id: str) -> None:
    """A person lets a run that failed begin anew."""
    url = probe(rotations, f"/dagRuns/{run_id}/clear")
    assert rotations.azure.request("POST", url, {"dry_run": False}).status == 200


def with_waits(rotations: RotatingEnvironment, grant: timedelta) -> RotatingEnvironment:
    """The same where a run waits so long for what it cannot hurry."""
    environment = rotations.environment
    made = RotatingEnvironment(azure=rotations.azure, spec=rotations.spec, journal=rotations.journal)
    made.environment = environment.model_copy(update={"waits": environment.waits.model_copy(update={"grant": grant})})
    return made


def removal(report: Report) -> Outcome:
    """What became of the older key of Airflow's principal."""
    return next(one for one in report.outcomes if str(one.step.address).startswith("client_secret/airflow/"))


def assert_neither_a_pause_nor_failures_free_a_key(rotations: RotatingEnvironment) -> str:
    """The id of the last of three runs that failed."""
    hasty = with_waits(rotations, timedelta(seconds=2))
    paused(rotations, is_paused=True)
    assert "(it is paused there) has not shown" in str(removal(hasty.rotate()).error)
    paused(rotations, is_paused=False)
    failures = [(given_up(rotations), removal(hasty.rotate())) for _ in range(3)]
    assert [type(removed.error) for _, removed in failures] == [NotInUse] * 3, failures
    last, removed = failures[-1]
    assert f"{last} of {rotations.environment.probe_id} (it failed; clear it there to ask again)" in str(removed.error)
    return last


def test_a_key_goes_once_a_worker_shows_that_it_has_the_next(real: RotatingEnvironment) -> None:
    """One life, since a start costs seconds: a leak, long before the spec's hour; a rollout that takes longer."""
    (leaked,) = real.key_ids()["airflow"]

    assert failed(real.rotate(REVOKE)) == []

    (current,) = real.key_ids()["airflow"]
    assert current != leaked
    assert (real.uses()[0].key_id, real.uses()[0].works) == (current, True)

    slow(real, 40 * HOUR)
    assert failed(real.rotate(FORCE)) == []
    real.advance(26 * HOUR)  # past the rollout that the spec says, and the overlap
    kept = removal(with_waits(real, timedelta(seconds=30)).rotate())
    assert isinstance(kept.error, NotInUse), kept.note
    assert "airflow_runtime/airflow is read with its successor" in str(kept.error)
    assert current in real.key_ids()["airflow"]
    assert (real.uses()[0].key_id, real.uses()[0].works) == (current, True)

    last = assert_neither_a_pause_nor_failures_free_a_key(real)
    assert current in real.key_ids()["airflow"]

    real.advance(15 * HOUR)
    started(real)
    cleared(real, last)
    gone = removal(real.rotate(ROTATE))
    assert (gone.result, gone.note) == (Result.DONE, "")
    assert current not in real.key_ids()["airflow"]
    assert real.uses()[0].works
