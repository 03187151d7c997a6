"""An environment in Data Factory whose job has run by its schedule for hours, and another file of it."""

from __future__ import annotations

import pytest

from tests.command_line import Cli, cli
from tests.migration.moving import HOUR, RUN_SECONDS, Moving, self_managed, with_schedule

__all__ = ["cli", "moving"]


@pytest.fixture
def moving(cli: Cli) -> Moving:
    """The new one is an Airflow that somebody runs; its platform has what `render` prints already."""
    with_schedule(cli.spec)
    cli.azure.control("PUT", "/settings/airflow-model", {"run_seconds": RUN_SECONDS})
    cli.azure.control("PUT", "/settings/airflow", {"tells_sources": True})
    moving = Moving(cli, self_managed(cli))
    moving.deploy()
    cli.done("provision", "--wait-dag")
    cli.azure.advance(3 * HOUR)
    return moving
