"""An environment in Data Factory whose job has run by its schedule for hours, and another file of it."""

from __future__ import annotations

import pytest

from tests.command_line import Cli, cli
from tests.migration.moving import Moving, in_fabric, ready_to_move

__all__ = ["cli", "moving", "to_fabric"]


@pytest.fixture
def moving(cli: Cli) -> Moving:
    """The new one is an Airflow that somebody runs; its platform has what `render` prints already."""
    return ready_to_move(cli)


@pytest.fixture
def to_fabric(cli: Cli) -> Moving:
    """The new one is a job of Microsoft Fabric."""
    return ready_to_move(cli, in_fabric)
