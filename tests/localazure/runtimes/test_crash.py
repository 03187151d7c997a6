"""The local Azure is killed while a real Flink runs a job: no process is left, and the job is shown as failed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app import process
from tests import emulator
from tests.localazure.runtimes.conftest import Flink, connect_with_jars, start_flink
from tests.localazure.runtimes.test_flink import ENDLESS, wait_for_starts
from tests.process_exit import ended, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

SECONDS = 30


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "azure"
    process.stop(tmp_path / "azure")


def kill(state: Path, pids: list[int]) -> None:
    """Kill the local Azure with SIGKILL and check that Flink's processes end by themselves."""
    watched = watch(pids)
    os.kill(json.loads((state / "endpoint.json").read_text())["pid"], signal.SIGKILL)
    assert ended(watched, SECONDS), "a process of Flink is left"


def test_a_killed_local_azure_leaves_no_flink_and_a_job_can_restart_from_its_savepoint(
    state: Path, tmp_path: Path
) -> None:
    azure = emulator.start(state)
    before = start_flink(azure)
    flink, name, file = connect_with_jars(azure), "endless", tmp_path / "starts"
    flink.new(name, *ENDLESS, str(file))
    wait_for_starts(flink, name, file)
    saved = flink.act("SAVEPOINT", name)["lastSavePoint"]
    kill(state, before["pids"])

    azure = emulator.start(state)
    assert process.list_runtimes(state) == []
    flink = Flink(azure=azure, lake=flink.lake)
    lost = flink.job_properties(name)
    assert lost["status"] == "FAILED"
    assert lost["jobOutput"] == "The Flink that ran the job has ended, and the job with it."
    after = start_flink(azure)
    assert (after["url"], after["pids"] != before["pids"]) == (before["url"], True)
    started = flink.act("START", name)
    assert (started["actionResult"], started["lastSavePoint"]) == ("SUCCESS", saved)
    assert wait_for_starts(flink, name, file, 2)[1] > 1
    stopping_ends_it_at_once_and_a_reset_deletes_its_files(azure, after)


def stopping_ends_it_at_once_and_a_reset_deletes_its_files(azure: LocalAzure, status: dict[str, Any]) -> None:
    """Stop the runtimes, which returns once no process runs; Flink's files stay until the tenant is reset."""
    watched = watch(status["pids"])
    azure.control("DELETE", "/runtimes")
    assert ended(watched, 0)
    folder = Path(status["log"]).parent
    assert list(folder.glob("savepoints/*/savepoints/savepoint-*"))
    process.stop(azure.state)
    process.reset(azure.state)
    assert not folder.exists()
