"""The local Azure is killed while a real Flink runs a job: nothing is left, and what it knew is told as it is."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app import process
from tests import emulator
from tests.ends import ended, watch
from tests.localazure.runtimes.conftest import Flink, ready_with_jars, up
from tests.localazure.runtimes.test_flink import ENDLESS, begun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

SECONDS = 30


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "azure"
    process.stop(tmp_path / "azure")


def kill(state: Path, pids: list[int]) -> None:
    """SIGKILL for the local Azure; Flink's processes end by themselves."""
    watched = watch(pids)
    os.kill(json.loads((state / "endpoint.json").read_text())["pid"], signal.SIGKILL)
    assert ended(watched, SECONDS), "a process of Flink is left"


def test_a_killed_local_azure_leaves_no_flink_and_a_job_goes_on_from_its_savepoint(state: Path, tmp_path: Path) -> None:
    azure = emulator.start(state)
    before = up(azure)
    flink, name, file = ready_with_jars(azure), "endless", tmp_path / "starts"
    flink.new(name, *ENDLESS, str(file))
    begun(flink, name, file)
    saved = flink.act("SAVEPOINT", name)["lastSavePoint"]
    kill(state, before["pids"])

    azure = emulator.start(state)
    assert process.list_runtimes(state) == []
    flink = Flink(azure=azure, lake=flink.lake)
    lost = flink.shown(name)
    assert lost["status"] == "FAILED"
    assert lost["jobOutput"] == "The Flink that ran the job has ended, and the job with it."
    after = up(azure)
    assert (after["url"], after["pids"] != before["pids"]) == (before["url"], True)
    started = flink.act("START", name)
    assert (started["actionResult"], started["lastSavePoint"]) == ("SUCCESS", saved)
    assert begun(flink, name, file, 2)[1] > 1
    ends_at_once_and_is_forgotten(azure, after)


def ends_at_once_and_is_forgotten(azure: LocalAzure, told: dict[str, Any]) -> None:
    """DELETE answers when nothing runs; what Flink wrote stays until the tenant is reset."""
    watched = watch(told["pids"])
    azure.control("DELETE", "/runtimes")
    assert ended(watched, 0)
    folder = Path(told["log"]).parent
    assert list(folder.glob("savepoints/*/savepoints/savepoint-*"))
    process.stop(azure.state)
    process.reset(azure.state)
    assert not folder.exists()
