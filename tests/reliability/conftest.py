"""A ground for runs that are ended, prepared once per local Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.restorable_environment import RestorableEnvironment, prepared_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure

GROUNDS: dict[Path, RestorableEnvironment] = {}  # by local Azure


@pytest.fixture
def ground(running_azure: LocalAzure, tmp_path_factory: pytest.TempPathFactory) -> RestorableEnvironment:
    """What is in it is whatever the test before left: a test goes back to a moment first."""
    if running_azure.state not in GROUNDS:
        GROUNDS[running_azure.state] = prepared_environment(running_azure, tmp_path_factory.mktemp("ground"))
    return GROUNDS[running_azure.state]
