"""An environment on a local Azure, provisioned once per local Azure and taken out of a snapshot for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rotation.killed import provisioned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure
    from tests.rotation.rotating_environment import RotatingEnvironment


@pytest.fixture
def rotations(azure: LocalAzure, tmp_path: Path) -> RotatingEnvironment:
    """environments/local.yaml, provisioned just now."""
    return provisioned(azure, tmp_path)
