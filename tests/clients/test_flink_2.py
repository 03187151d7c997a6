"""Flink 2 behind the same front: the DAG hands it arguments, and replaces a jar with its state."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.test_dag import DAG, TASKS
from tests.clients.test_rest_dag import deployed as word_count
from tests.clients.test_rest_dag import flink, jobs
from tests.clients.test_upgrade import JAR, await_number, awaited, cancelled, deployed, kept, submitted, totals
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
def test_another_jar_of_a_job_goes_on_with_the_state(flink_2: LocalAzure, tmp_path: Path, upgrade: str) -> None:
    output, jar = tmp_path / "total", tmp_path / "total.jar"
    jar.write_bytes(JAR.read_bytes())
    assert flink(flink_2, "GET", "/config")["flink-version"].startswith("2.")
    job = {"jar": str(jar), "args": f"--output {output} --pause 2", **kept(tmp_path / "states", upgrade)}
    first = submitted(deployed(flink_2, tmp_path, upgrade, **job))
    await_number(flink_2, output)
    while upgrade == "last-state" and not flink(flink_2, "GET", f"/jobs/{first}/checkpoints")["counts"]["completed"]:
        assert jobs(flink_2)
    with zipfile.ZipFile(jar, "a") as changed:
        changed.writestr("META-INF/version", "2")
    (tmp_path / "changed").mkdir()
    airflow = deployed(flink_2, tmp_path / "changed", upgrade, **job)
    second = submitted(airflow)
    awaited(flink_2, second, "RUNNING")
    assert submitted(airflow) == second
    cancelled(flink_2)

    added = totals(output)
    assert first != second
    assert added == [(number, number * (number + 1) // 2) for number, _ in added]
    assert added.count((1, 1)) == 1


def test_the_word_count_runs_on_it(flink_2: LocalAzure, tmp_path: Path) -> None:
    airflow = word_count(flink_2, tmp_path, "airflow-3", args=f"--output {tmp_path}/{{job}}")
    said = airflow.test(DAG)
    assert {task: airflow.states().get(task) for task in TASKS} == dict.fromkeys(TASKS, "success"), said
    assert list(tmp_path.glob("wordcount*/*/part-*"))
