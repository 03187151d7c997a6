"""How long a call that a service turns away is tried: on a wire that answers as told, where time passes at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.pipeline import Pipeline
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest

from provisioner.cloud.profile import LOCAL
from provisioner.cloud.transport.retries import ATTEMPTS, Retry
from provisioner.errors import Throttled, Unreachable
from tests.cloud.clouds import GROUPS, group

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


@dataclass
class Wire(HttpTransport[Any, Any]):
    """Turns the first calls away, with the headers given; takes the others."""

    turned_away: int
    headers: dict[str, str]
    status: int = 429
    throttled_seconds: float = 600.0
    sent: int = 0
    slept: list[float] = field(default_factory=list[float])

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ARG002  # as azure-core names them
        self.sent += 1
        taken = self.sent > self.turned_away
        return SimpleNamespace(status_code=200 if taken else self.status, headers={} if taken else self.headers)

    def sleep(self, duration: float) -> None:
        self.slept.append(duration)

    def open(self) -> None: ...

    def close(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def asked(wire: Wire, **options: Any) -> int:
    """The status of the last answer."""
    request = HttpRequest("GET", "https://management.azure.com/")
    return Pipeline[Any, Any](wire, [Retry()]).run(request, **options).http_response.status_code


def test_a_service_that_says_when_is_asked_again_then_however_often_it_says_so() -> None:
    wire = Wire(3 * ATTEMPTS, {"Retry-After": "7"})

    assert asked(wire) == 200
    assert wire.slept[0] == 7
    assert all(7 <= pause <= 12 for pause in wire.slept)
    assert len(set(wire.slept[1:])) > 1  # others ask then, too


def test_it_is_asked_for_as_long_as_the_spec_says() -> None:
    wire = Wire(1000, {"Retry-After": "7"}, throttled_seconds=60.0)

    assert asked(wire) == 429
    assert 5 <= len(wire.slept) <= 8
    assert sum(wire.slept) <= 60


@pytest.mark.parametrize(("status", "headers"), [(429, {}), (429, {"Retry-After": "0"}), (503, {"Retry-After": "7"})])
def test_one_that_does_not_say_or_fails_is_tried_a_few_times(status: int, headers: dict[str, str]) -> None:
    wire = Wire(1000, headers, status=status)

    assert (asked(wire), wire.sent) == (status, ATTEMPTS)


def test_a_call_without_patience_is_sent_once() -> None:
    wire = Wire(1000, {"Retry-After": "7"})

    assert (asked(wire, retry_enabled=False), wire.sent, wire.slept) == (429, 1, [])


@pytest.mark.parametrize("fault", [{"fault": "throttle", "retry_after": 0}, {"fault": "error"}, {"fault": "lost"}])
def test_a_read_is_tried_again(cloud: Cloud, azure: LocalAzure, fault: dict[str, object]) -> None:
    azure.fault(host="management", **fault, times=2)
    assert cloud.arm.find(group(azure), GROUPS) is None


def test_a_put_whose_answer_got_lost_is_sent_again(cloud: Cloud, azure: LocalAzure) -> None:
    azure.fault(host="management", method="PUT", fault="lost")
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={"a": "b"})
    found = cloud.resource_groups.find_group(group(azure))
    assert found is not None
    assert found.tags == {"a": "b"}


def test_a_post_whose_answer_got_lost_is_not_sent_again(cloud: Cloud, azure: LocalAzure) -> None:
    azure.fault(host="graph", method="POST", fault="lost")
    http = cloud.session.http(LOCAL.graph_scope)
    with pytest.raises(Unreachable):
        http.request(
            "POST", f"{LOCAL.graph}/v1.0/applications", operation="POST application", json={"displayName": "x"}
        )
    listed = http.request("GET", f"{LOCAL.graph}/v1.0/applications", operation="GET applications").json()["value"]
    assert sum(app["displayName"] == "x" for app in listed) == 1


def test_a_throttle_that_does_not_end_is_throttled(cloud: Cloud, azure: LocalAzure) -> None:
    azure.fault(host="management", fault="throttle", retry_after=0, times=None)
    with pytest.raises(Throttled, match="429"):
        cloud.arm.find(group(azure), GROUPS)
