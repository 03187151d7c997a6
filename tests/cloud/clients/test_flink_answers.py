"""What Flink's client makes of answers that a healthy cluster of its own does not give."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import PROFILES
from provisioner.cloud.transport.session import open_session
from provisioner.errors import Unexpected, Unreachable
from provisioner.model import FlinkAccess
from tests.render.guarded_flink import LOST, NOT_FOUND, PREFIX, RUNNING, SAVED, guarded_flink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.flink_rest import FlinkRest
    from tests.render.guarded_flink import GuardedFlink

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def flink() -> Iterator[GuardedFlink]:
    with guarded_flink() as made:
        yield made


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlinkRest]:
    """On a route of the machine's own."""
    monkeypatch.setenv("NO_PROXY", "localhost")
    with closing(open_session(PROFILES["public"], subscription=SUBSCRIPTION)) as session:
        yield Cloud(session).client("flink_rest")


def access(flink: GuardedFlink) -> FlinkAccess:
    return FlinkAccess(url=flink.url, ca=flink.ca)


def changes(flink: GuardedFlink) -> list[str]:
    """What it was asked to do."""
    return [call.replace(PREFIX, "") for call in flink.calls if not call.startswith("GET")]


def test_the_largest_request_is_the_one_that_the_cluster_is_set_to(flink: GuardedFlink, client: FlinkRest) -> None:
    flink.answers["GET /jobmanager/config"] = [
        (200, [{"key": "rest.port", "value": "8081"}, {"key": "rest.server.max-content-length", "value": "5242880"}])
    ]
    assert client.cluster(access(flink)).upload_bytes == 5_242_880


def test_a_cancellation_whose_answer_was_lost_is_looked_for(flink: GuardedFlink, client: FlinkRest) -> None:
    flink.answers |= {
        "PATCH /jobs/a?mode=cancel": [LOST],
        "GET /jobs/a": [(200, {"state": "CANCELLING"}), NOT_FOUND, RUNNING, (200, {"state": "FAILING"})],
    }
    client.cancel(access(flink), "a")
    client.cancel(access(flink), "a")
    for _ in range(2):  # it never arrived; a job that is failing may start anew
        with pytest.raises(Unreachable):
            client.cancel(access(flink), "a")
    assert changes(flink) == ["PATCH /jobs/a?mode=cancel"] * 4


def test_a_savepoint_whose_answer_was_lost_is_looked_for(flink: GuardedFlink, client: FlinkRest) -> None:
    flink.answers |= {
        "GET /jobs/a": [RUNNING],
        "POST /jobs/a/savepoints": [LOST],
        "GET /jobs/a/savepoints/*": [SAVED, SAVED, NOT_FOUND],
    }
    assert client.take_savepoint(access(flink), "a", "file:/states") == "file:/states/a"
    assert changes(flink) == ["POST /jobs/a/savepoints"]
    with pytest.raises(Unreachable):  # it never arrived
        client.take_savepoint(access(flink), "a", "file:/states")


def test_a_stop_whose_answer_was_lost_is_looked_for(flink: GuardedFlink, client: FlinkRest) -> None:
    flink.answers |= {
        "GET /jobs/a": [RUNNING],
        "POST /jobs/a/stop": [LOST],
        "GET /jobs/a/savepoints/*": [NOT_FOUND, SAVED],
    }
    assert client.stop_with_savepoint(access(flink), "a", "file:/states") == "file:/states/a"
    assert changes(flink) == ["POST /jobs/a/stop"]


def test_a_savepoint_that_flink_has_forgotten_is_no_mistake_of_the_address(
    flink: GuardedFlink, client: FlinkRest
) -> None:
    flink.answers |= {"GET /jobs/a": [RUNNING], "POST /jobs/a/savepoints": [(202, {})]}
    with pytest.raises(Unexpected, match="Flink has forgotten it"):
        client.take_savepoint(access(flink), "a", "file:/states")


def test_a_savepoint_that_failed_says_why(flink: GuardedFlink, client: FlinkRest) -> None:
    failed = {
        "status": {"id": "COMPLETED"},
        "operation": {"failure-cause": {"stack-trace": "IOException: full\n at x"}},
    }
    flink.answers["GET /jobs/a/savepoints/*"] = [(200, failed)]
    with pytest.raises(Unexpected, match="IOException: full"):
        client.stop_with_savepoint(access(flink), "a", "file:/states")
