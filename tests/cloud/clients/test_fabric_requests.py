"""Fabric's long-running operations, as their answers ask a client to poll them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.cloud.clients.fabric.requests import POLL_SECONDS, Requests
from provisioner.errors import Unexpected

LOCATION = "https://api.fabric.microsoft.com/v1/operations/1"


def answer(status: int, state: str = "", **headers: str) -> Any:
    """An answer of the service. Underscores of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(status_code=status, headers=named, json=lambda: {"status": state})


class Operation(Requests):
    """An operation with these states. pauses: seconds before each poll; polled: the addresses."""

    def __init__(self, *states: Any) -> None:
        self.pauses: list[float] = []
        limits = SimpleNamespace(operation_seconds=3600.0)
        session: Any = SimpleNamespace(waits=SimpleNamespace(limits=limits, pause_before_next_call=self.pauses.append))
        super().__init__(session)
        self.states, self.polled = list(states), list[str]()

    def send(self, method: str, path: str, **_more: Any) -> Any:
        self.polled.append(f"{method} {path}")
        return self.states.pop(0)


def test_it_is_polled_at_its_location_as_often_as_each_answer_asks_for() -> None:
    operation = Operation(answer(200, "Running", Retry_After="7"), answer(200, "Running"), answer(200, "Succeeded"))
    operation.await_operation(answer(202, Location=LOCATION, Retry_After="20"), "the deployment")
    assert operation.pauses == [20.0, 7.0, POLL_SECONDS]
    assert operation.polled == [f"GET {LOCATION}"] * 3


def test_an_answer_that_has_begun_none_is_not_waited_for() -> None:
    operation = Operation()
    for status, headers in ((200, {"Location": LOCATION}), (202, {})):
        operation.await_operation(answer(status, **headers), "the deployment")
    assert operation.polled == []


def test_one_that_failed_is_an_error() -> None:
    with pytest.raises(Unexpected, match="the deployment"):
        Operation(answer(200, "Failed")).await_operation(answer(202, Location=LOCATION), "the deployment")
