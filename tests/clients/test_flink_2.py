"""Flink 2 behind the same front: the DAG hands it arguments, and replaces a version with its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.test_rest_dag import flink, jobs
from tests.clients.test_upgrade import await_number, awaited, cancelled, deployed, kept, submitted, totals
from tests.localazure.runtimes.conftest import flink_azure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulator import LocalAzure

__all__ = ["flink_azure"]


@pytest.fixture(scope="module")
def flink_2(flink_azure: LocalAzure) -> Iterator[LocalAzure]:
    """The local Azure whose Flink is of version 2 meanwhile."""
    become(flink_azure, "2")
    yield flink_azure
    become(flink_azure, "1")


def become(azure: LocalAzure, version: str) -> None:
    """Wait until the Flink that runs is of this version."""
    azure.control("PUT", "/settings/flink", {"version": version})
    listing = azure.control("GET", "/runtimes")
    while not any(one["version"].startswith(version) and one["state"] == "ready" for one in flinks(listing)):
        listing = azure.control("GET", f"/runtimes?after={listing['change']}&seconds=5")


def flinks(listing: dict[str, Any]) -> list[dict[str, Any]]:
    """The Flink among the programs, which must not have failed."""
    found = [one for one in listing["runtimes"] if one["kind"] == "flink"]
    assert [one["failure"] for one in found if one["state"] == "failed"] == []
    return found


@pytest.mark.parametrize("upgrade", ["savepoint", "last-state"])
def test_another_version_of_a_job_goes_on_with_the_state(flink_2: LocalAzure, tmp_path: Path, upgrade: str) -> None:
    output = tmp_path / "total"
    assert flink(flink_2, "GET", "/config")["flink-version"].startswith("2.")
    args = f"--output {output} --pause"
    airflow = deployed(flink_2, tmp_path, upgrade, args=f"{args} 2", **kept(tmp_path / "states", upgrade))
    first = submitted(airflow)
    await_number(flink_2, output)
    while upgrade == "last-state" and not flink(flink_2, "GET", f"/jobs/{first}/checkpoints")["counts"]["completed"]:
        assert jobs(flink_2)
    dag = airflow.dags / "total.py"
    dag.write_text(dag.read_text().replace(f"{args} 2", f"{args} 3"))
    second = submitted(airflow)
    awaited(flink_2, second, "RUNNING")
    cancelled(flink_2)

    added = totals(output)
    assert first != second
    assert added == [(number, number * (number + 1) // 2) for number, _ in added]
    assert added.count((1, 1)) == 1
