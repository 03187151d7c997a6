"""Throttling by the services' limits, on the local Azure's own clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM, GRAPH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator import Answer, LocalAzure


def limit(azure: LocalAzure, **most: int) -> None:
    azure.control("PUT", "/settings/limits", {name.replace("_", "."): number for name, number in most.items()})


def read(azure: LocalAzure) -> Answer:
    return azure.request("GET", f"{ARM}{azure.subscription}/resourceGroups?api-version=2021-04-01")


def write(azure: LocalAzure) -> Answer:
    url = f"{ARM}{azure.subscription}/resourceGroups/rg?api-version=2021-04-01"
    return azure.request("PUT", url, {"location": "westeurope"})


def applications(azure: LocalAzure) -> Answer:
    return azure.graph("GET", "applications")


def new_application(azure: LocalAzure) -> Answer:
    return azure.graph("POST", "applications", {"displayName": "x"})


def statuses(azure: LocalAzure, call: Callable[[LocalAzure], Answer], times: int) -> list[int]:
    return [call(azure).status for _ in range(times)]


@pytest.mark.parametrize(
    ("name", "call", "code", "other"),
    [
        ("arm_reads", read, "SubscriptionRequestsThrottled", write),
        ("arm_writes", write, "SubscriptionRequestsThrottled", read),
        ("graph_writes", new_application, "TooManyRequests", applications),
        ("graph_units", applications, "TooManyRequests", read),
    ],
)
def test_a_call_over_the_limit_is_throttled_and_may_be_retried_after_the_stated_time(
    azure: LocalAzure, name: str, call: Any, code: str, other: Any
) -> None:
    limit(azure, **{name: 3})
    azure.advance(150 - datetime.fromisoformat(azure.control("GET", "/clock")["now"]).timestamp() % 150)
    azure.tokens.clear()
    assert [status < 300 for status in statuses(azure, call, 3)] == [True] * 3

    throttled = call(azure)

    assert (throttled.status, throttled.json()["error"]["code"]) == (429, code)
    assert other(azure).status < 300
    azure.advance(int(throttled.headers["retry-after"]))
    assert call(azure).status < 300


def test_throttled_calls_do_not_count(azure: LocalAzure) -> None:
    limit(azure, arm_writes=20)
    assert statuses(azure, write, 40).count(429) >= 15
    azure.advance(5)  # fills a quarter of the bucket
    retried = statuses(azure, write, 8)
    assert [status < 300 for status in retried[:5]] == [True] * 5


def test_every_caller_has_separate_limits(azure: LocalAzure) -> None:
    client, secret = azure.new_client("another")
    limit(azure, arm_reads=1)
    assert statuses(azure, read, 2)[1] == 429
    url = f"{ARM}/subscriptions?api-version=2022-12-01"
    assert azure.request("GET", url, token=azure.token(ARM, client, secret)).status == 200


def test_a_call_without_a_token_counts_against_no_limit(azure: LocalAzure) -> None:
    limit(azure, arm_reads=1)
    url = f"{ARM}{azure.subscription}/resourceGroups?api-version=2021-04-01"
    assert {azure.request("GET", url, token="").status for _ in range(3)} == {401}
    assert read(azure).status == 200


def test_a_reset_restores_azures_own_limits(azure: LocalAzure) -> None:
    limit(azure, graph_units=0)
    assert azure.request("GET", f"{GRAPH}/v1.0/applications", token=azure.token(GRAPH)).status == 429
    azure.reset()
    assert applications(azure).status == 200
