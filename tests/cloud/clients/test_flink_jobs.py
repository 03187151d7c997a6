"""HDInsight on AKS stops a job of a real Flink with a savepoint, once, or says why it does not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import Unexpected
from tests.kinds.azure_setup import cloud_of
from tests.localazure.runtimes.conftest import CLUSTER, flink, flink_azure

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from provisioner.cloud.clients.flink_jobs import FlinkJobs
    from tests.localazure.runtimes.conftest import Flink

__all__ = ["flink", "flink_azure"]

ENDLESS = ("endless.jar", "provisioner.Endless")


@contextmanager
def client(flink: Flink) -> Generator[tuple[FlinkJobs, str]]:
    """The client under test, and the cluster's id."""
    cloud = cloud_of(flink.azure)
    try:
        yield cloud.client("flink_jobs"), f"{flink.azure.subscription}{CLUSTER}"
    finally:
        cloud.session.close()


def test_a_job_is_stopped_once_however_often_that_is_asked(flink: Flink, tmp_path: Path) -> None:
    name = "stopped-1"
    flink.new(name, *ENDLESS, str(tmp_path / "starts"))
    with client(flink) as (jobs, cluster):
        flink.azure.fault(fault="lost", method="POST", path="/runJob$")
        savepoint = jobs.stop_with_savepoint(cluster, name)
        assert jobs.stop_with_savepoint(cluster, name) == savepoint
    found = flink.job_properties(name)
    assert (found["status"], found["lastSavePoint"]) == ("STOPPED", savepoint)
    assert savepoint.startswith(f"{flink.savepoints}/savepoint-{found['jobId'][:6]}-")


def test_a_stop_waits_for_an_action_that_is_under_way(flink: Flink, tmp_path: Path) -> None:
    name = "stopped-2"
    flink.new(name, *ENDLESS, str(tmp_path / "starts"))
    assert flink.post(action="SAVEPOINT", jobName=name).status == 202
    with client(flink) as (jobs, cluster):
        assert jobs.stop_with_savepoint(cluster, name)
    assert flink.job_properties(name)["status"] == "STOPPED"


def test_a_job_that_cannot_be_stopped_runs_on_and_says_why(flink: Flink, tmp_path: Path) -> None:
    name = "stopped-3"
    flink.new(name, *ENDLESS, str(tmp_path / "starts"), **{"savepoint.directory": f"file://{tmp_path}"})
    with client(flink) as (jobs, cluster), pytest.raises(Unexpected, match="is no abfs://"):
        jobs.stop_with_savepoint(cluster, name)
    assert flink.job_properties(name)["status"] == "RUNNING"
    flink.act("CANCEL", name)


def test_a_job_that_was_cancelled_leaves_no_savepoint(flink: Flink, tmp_path: Path) -> None:
    name = "stopped-4"
    flink.new(name, *ENDLESS, str(tmp_path / "starts"))
    flink.act("CANCEL", name)
    with client(flink) as (jobs, cluster), pytest.raises(Unexpected, match=f"STOP of {name}"):
        jobs.stop_with_savepoint(cluster, name)
