"""The cloud's time, and how far this machine is from it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.cloud.clouds import open_cloud
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def test_now_is_the_clouds_clock(cloud: Cloud, azure: LocalAzure) -> None:
    azure.advance(timedelta(days=3).total_seconds())
    later = (
        open_cloud(azure, tool_secret(azure.operator_secret)).session.clock.decision_time()
        - cloud.session.clock.decision_time()
    )
    assert later < timedelta(minutes=1)
    azure.advance(timedelta(days=1).total_seconds())
    tomorrow = open_cloud(azure, tool_secret(azure.operator_secret)).session.clock.decision_time()
    assert tomorrow - cloud.session.clock.decision_time() > timedelta(hours=23)


def test_it_tells_how_far_this_machines_clock_is_from_the_clouds(cloud: Cloud, azure: LocalAzure) -> None:
    assert cloud.session.clock.machine_ahead == timedelta()
    azure.advance(720)
    cloud.session.sign_in()
    assert timedelta(minutes=-13) < cloud.session.clock.machine_ahead < timedelta(minutes=-11)
