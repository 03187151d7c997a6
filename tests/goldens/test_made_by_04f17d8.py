"""Today's tool finds nothing to change in an environment that an earlier one made."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localazure.app import process
from tests import emulator
from tests.reliability.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

KEPT = Path(__file__).parent / "made_by_04f17d8"
SOON_AFTER = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


@pytest.fixture
def earlier(tmp_path: Path) -> Iterator[Ground]:
    """The environment on today's local Azure, ten minutes after it was made."""
    with tarfile.open(KEPT / "azure.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    state = tmp_path / "azure"
    try:
        azure = emulator.start(state)
        _set_clock(azure, SOON_AFTER)
        yield Ground(azure=azure, folder=tmp_path, spec=KEPT / "environments" / "local.yaml")
    finally:
        process.stop(state)


def _set_clock(azure: LocalAzure, moment: datetime) -> None:
    now = datetime.fromisoformat(azure.control("GET", "/clock")["now"])
    azure.advance((moment - now).total_seconds())


def test_the_plan_has_no_change(earlier: Ground) -> None:
    ran = earlier.run("plan", "--detailed-exitcode")
    assert (ran.code, ran.text) == (0, "local: no changes; 30 as they should be\n")
    document = json.loads(earlier.done("plan", "--json").text)
    assert {step["action"] for step in document["steps"]} == {"keep"}
    assert sum(count for action, count in document["summary"].items() if action != "keep") == 0


def test_status_shows_its_credentials(earlier: Ground) -> None:
    document = json.loads(earlier.done("status", "--json").text)
    assert all(one["there"] and one["as_declared"] for one in document["resources"])
    lines = earlier.done("status").text.splitlines()
    assert "local: no changes; 30 as they should be" in lines
    for key in ("client_secret/airflow: key 8c045e1d-", "client_secret/flink-api: key 8cd21544-"):
        assert any(line.startswith(key) and line.endswith("next rotation 2026-12-29") for line in lines), lines


def test_provision_writes_nothing(earlier: Ground) -> None:
    earlier.azure.control("DELETE", "/calls")
    assert earlier.done("provision").text == "local: 30 unchanged\n"
    assert [str(call) for call in earlier.calls() if call.writes] == []
