"""An environment on a local Azure, provisioned once per local Azure and taken out of a snapshot for each test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rotation.rotating_environment import RotatingEnvironment, failed

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[2]
FRESH = "rotation"
SEEN: set[Path] = set()  # folders of local Azures that have the snapshot


@pytest.fixture
def rotations(azure: LocalAzure, tmp_path: Path) -> RotatingEnvironment:
    """environments/local.yaml, provisioned just now."""
    made = RotatingEnvironment(azure=azure, spec=ROOT / "environments/local.yaml", journal=tmp_path / "journal")
    if azure.state in SEEN:
        azure.control("POST", f"/snapshots/{FRESH}")
        return made
    assert failed(made.provision()) == []
    azure.control("PUT", f"/snapshots/{FRESH}")
    SEEN.add(azure.state)
    return made
