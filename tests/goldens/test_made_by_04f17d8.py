"""Of an environment that an earlier tool made, today's changes nothing but the text of the tool's own DAG.

That DAG has learnt to act on jobs since; its file is put there anew, and Airflow is told of it.
"""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app import process
from tests import emulator
from tests.reliability.restorable_environment import RestorableEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

KEPT = Path(__file__).parent / "made_by_04f17d8"
DAG = {"dag_file/airflow/dags/flink_wordcount.py", "dag_import/FlinkWordCountExample"}
SOON_AFTER = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


@pytest.fixture
def earlier(tmp_path: Path) -> Iterator[RestorableEnvironment]:
    """The environment on today's local Azure, ten minutes after it was made."""
    with tarfile.open(KEPT / "azure.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    state = tmp_path / "azure"
    try:
        azure = emulator.start(state)
        _set_clock(azure, SOON_AFTER)
        yield RestorableEnvironment(azure=azure, folder=tmp_path, spec=KEPT / "environments" / "local.yaml")
    finally:
        process.stop(state)


def _set_clock(azure: LocalAzure, moment: datetime) -> None:
    now = datetime.fromisoformat(azure.control("GET", "/clock")["now"])
    azure.advance((moment - now).total_seconds())


def changed(document: dict[str, Any]) -> set[str]:
    """The addresses of the steps that are not `keep`."""
    return {step["address"] for step in document["steps"] if step["action"] != "keep"}


def test_the_plan_changes_the_dag_and_nothing_else(earlier: RestorableEnvironment) -> None:
    ran = earlier.run("plan", "--detailed-exitcode", "--json")
    document = json.loads(ran.text)
    assert (ran.code, changed(document)) == (2, DAG)
    assert document["summary"]["keep"] == 30 - len(DAG)


def test_status_shows_its_credentials(earlier: RestorableEnvironment) -> None:
    document = json.loads(earlier.done("status", "--json").text)
    assert {one["address"] for one in document["resources"] if not (one["there"] and one["as_declared"])} == DAG
    lines = earlier.done("status").text.splitlines()
    for key in ("client_secret/airflow: key 8c045e1d-", "client_secret/flink-api: key 8cd21544-"):
        assert any(line.startswith(key) and line.endswith("next rotation 2026-12-29") for line in lines), lines


def test_provision_writes_the_dag_and_then_nothing(earlier: RestorableEnvironment) -> None:
    ran = earlier.done("provision")
    assert "local: 28 unchanged, 2 updated" in ran.text
    earlier.azure.control("DELETE", "/calls")
    assert earlier.done("provision").text == "local: 30 unchanged\n"
    assert [str(call) for call in earlier.calls() if call.writes] == []
