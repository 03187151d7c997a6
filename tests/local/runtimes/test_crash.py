"""The local Azure is killed while a real Flink runs a job: nothing is left, and what it knew is told as it is."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.local import process
from tests import emulator
from tests.local.runtimes.conftest import Flink, ready_with_jars, up
from tests.local.runtimes.test_flink import ENDLESS, begun

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 30


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "azure"
    process.stop(tmp_path / "azure")


def test_a_killed_local_azure_leaves_no_flink_and_a_job_goes_on_from_its_savepoint(state: Path, tmp_path: Path) -> None:
    azure = emulator.start(state)
    before = up(azure)
    flink, name, file = ready_with_jars(azure), "endless", tmp_path / "starts"
    flink.new(name, *ENDLESS, str(file))
    begun(flink, name, file)
    saved = flink.act("SAVEPOINT", name)["lastSavePoint"]
    watched = [os.pidfd_open(pid) for pid in before["pids"]]
    assert watched
    os.kill(json.loads((state / "endpoint.json").read_text())["pid"], signal.SIGKILL)
    for pid in watched:
        assert select.select([pid], [], [], SECONDS)[0], "a process of Flink is left"
        os.close(pid)

    azure = emulator.start(state)
    assert process.runtimes(state) == []
    flink = Flink(azure=azure, lake=flink.lake)
    lost = flink.shown(name)
    assert lost["status"] == "FAILED"
    assert lost["jobOutput"] == "The Flink that ran the job has ended, and the job with it."
    assert up(azure)["url"] == before["url"]
    started = flink.act("START", name)
    assert (started["actionResult"], begun(flink, name, file, 2)[1] > 1, started["lastSavePoint"]) == (
        "SUCCESS",
        True,
        saved,
    )
    kept = os.pidfd_open(process.runtimes(state)[0]["pids"][0])
    azure.control("DELETE", "/runtimes")
    assert select.select([kept], [], [], 0)[0], "DELETE answers when nothing runs"
    os.close(kept)
    folder = Path(before["log"]).parent
    assert list(folder.glob("savepoints/*/savepoints/savepoint-*"))
    process.stop(state)
    process.reset(state)
    assert not folder.exists()
