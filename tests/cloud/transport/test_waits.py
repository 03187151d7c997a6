"""Every wait tells whoever shows it what it is for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.transport.clock import ticks
from provisioner.cloud.transport.waits import WaitLimits
from provisioner.errors import CloudError, Conflict, Interrupted, NotFound, NotYetVisible
from tests.cloud.clouds import GROUPS, group

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.transport.waits import Wait
    from tests.emulator import LocalAzure


@pytest.fixture
def told(cloud: Cloud) -> list[Wait]:
    """All that is told, in order."""
    found: list[Wait] = []
    cloud.session.waits.report = found.append
    return found


def after(looks: int) -> Callable[[], bool]:
    """So at the last of so many looks."""
    left = iter(range(looks - 1, -1, -1))
    return lambda: not next(left)


def test_a_wait_is_told_after_each_look_in_vain_and_when_it_is_over(cloud: Cloud, told: list[Wait]) -> None:
    with cloud.session.waits.for_step("toy/one"):
        cloud.session.waits.until(after(3), deadline_seconds=60, what="rain")

    assert [(wait.step, wait.what, wait.limit_seconds, wait.over) for wait in told] == [
        ("toy/one", "rain", 60, False),
        ("toy/one", "rain", 60, False),
        ("toy/one", "rain", 60, True),
    ]
    assert 0 <= told[0].seconds < told[1].seconds < told[2].seconds < 60


def test_a_long_wait_is_told_also_between_two_looks(cloud: Cloud, told: list[Wait]) -> None:
    looks: list[float] = []

    def look() -> bool:
        looks.append(ticks())
        return looks[-1] - looks[0] > 5

    cloud.session.waits.until(look, deadline_seconds=60, what="rain")

    assert len(told) > len(looks)  # once for each look in vain and once at the end are as many as the looks


def test_what_is_so_at_once_is_no_wait(cloud: Cloud, told: list[Wait]) -> None:
    cloud.session.waits.until(after(1), deadline_seconds=60, what="rain")

    assert told == []


def test_a_wait_in_vain_is_over_at_its_deadline(cloud: Cloud, told: list[Wait]) -> None:
    with pytest.raises(NotYetVisible):
        cloud.session.waits.until(lambda: False, deadline_seconds=0.2, what="rain")

    assert [wait.over for wait in told] == [False] * (len(told) - 1) + [True]


def test_each_thread_waits_for_its_own_step_and_afterwards_for_none(cloud: Cloud, told: list[Wait]) -> None:
    def wait(step: str) -> None:
        with cloud.session.waits.for_step(step):
            cloud.session.waits.until(after(3), deadline_seconds=60, what=f"{step}'s rain")
        cloud.session.waits.until(after(2), deadline_seconds=60, what="sun")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, ("toy/one", "toy/two")))

    pairs = {(wait.step, wait.what) for wait in told}
    assert pairs == {("toy/one", "toy/one's rain"), ("toy/two", "toy/two's rain"), ("", "sun")}


def test_a_service_that_asks_for_a_pause_is_waited_for_by_name(
    cloud: Cloud, azure: LocalAzure, told: list[Wait]
) -> None:
    azure.fault(host="management", fault="throttle", retry_after=2)

    with cloud.session.waits.for_step("toy/one"):
        cloud.arm.find(f"{azure.subscription}/resourceGroups/rg", GROUPS)

    assert {(wait.step, wait.what, wait.limit_seconds) for wait in told} == {("toy/one", "its next call to Azure", 2)}
    assert told[-1].over
    assert told[-1].seconds >= 2


def test_an_operation_of_azure_is_waited_for_by_name(cloud: Cloud, azure: LocalAzure, told: list[Wait]) -> None:
    group = f"{azure.subscription}/resourceGroups/rg"
    cloud.resource_groups.set_group(group, location="westeurope", tags={})
    azure.fault(fault="latency", method="GET", path="operationresults", seconds=0.5)

    with cloud.session.waits.for_step("toy/one"):
        cloud.resource_groups.delete_group(group)

    waits = [wait for wait in told if wait.step]
    assert {wait.what for wait in waits} == {"Azure to finish DELETE resourceGroups/rg"}
    assert {wait.limit_seconds for wait in waits} == {cloud.session.waits.limits.operation_seconds}
    assert [wait.over for wait in waits] == [False] * (len(waits) - 1) + [True]


def test_an_operation_that_fails_late_says_why(cloud: Cloud, azure: LocalAzure) -> None:
    group = f"{azure.subscription}/resourceGroups/rg"
    cloud.resource_groups.set_group(group, location="westeurope", tags={})
    azure.fault(fault="error", method="GET", path="operationresults", status=403, code="AuthorizationFailed")

    with pytest.raises(CloudError, match="AuthorizationFailed"):
        cloud.resource_groups.delete_group(group)


def test_waiting_ends_at_the_deadline_and_by_an_interrupt(cloud: Cloud) -> None:
    with pytest.raises(NotYetVisible, match="the thing"):
        cloud.session.waits.until(lambda: False, deadline_seconds=0.2, what="the thing")
    threading.Timer(0.1, cloud.session.waits.interrupted.set).start()
    with pytest.raises(Interrupted):
        cloud.session.waits.until(lambda: False, deadline_seconds=60, what="the thing")


def test_until_visible_gives_the_last_error_at_the_deadline(cloud: Cloud) -> None:
    answers = iter((NotYetVisible(operation="a"), NotFound(operation="b"), NotYetVisible(operation="c")))

    def fetch() -> None:
        raise next(answers, Conflict(operation="d"))

    with pytest.raises(Conflict):
        cloud.session.waits.until_visible(fetch, what="x", on=(NotYetVisible, NotFound))
    late = NotYetVisible(operation="late")

    def never() -> None:
        raise late

    with pytest.raises(NotYetVisible) as caught:
        cloud.session.waits.until_visible(never, what="x", deadline_seconds=0.1)
    assert caught.value is late


def test_an_operation_that_does_not_end_is_given_up_at_the_deadline(cloud: Cloud, azure: LocalAzure) -> None:
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    azure.fault(fault="latency", method="GET", path="operationresults", seconds=2.0, times=None)
    cloud.session.waits.limits = WaitLimits(operation_seconds=0.5)
    with pytest.raises(NotYetVisible, match="not finished it after 0 s"):
        cloud.resource_groups.delete_group(group(azure))
    azure.control("DELETE", "/faults")
    for thread in threading.enumerate():  # the SDK goes on asking: not beside the next test
        if thread.name.startswith("LROPoller"):
            thread.join(60)
