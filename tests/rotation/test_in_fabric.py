"""The credentials of an environment whose Airflow is in Fabric: a year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rotation.killed import HOUR, provisioned_in_fabric
from tests.rotation.rotating_environment import NAMES, active_keys
from tests.rotation.test_year import assert_nobody_held_a_dead_credential, live

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure


def test_a_year_of_runs_leaves_no_minute_uncovered(azure: LocalAzure, tmp_path: Path) -> None:
    in_fabric = provisioned_in_fabric(azure, tmp_path)

    diary = live(in_fabric, list(range(5, 366, 5)), HOUR)

    assert_nobody_held_a_dead_credential(diary)
    assert [len(diary.switches(name)) for name in NAMES] == [12, 12]
    assert len(list(active_keys(in_fabric))) == 2
