"""The control endpoint: clock, faults, the log of calls, reset and snapshots."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.discovery import find_services
from tests.emulator import ARM, GRAPH, LOGIN
from tests.route_usage import unused

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

ALL_ROUTES = [route.label(service.name) for service in find_services() for route in service.routes]
URL = f"{ARM}/subscriptions?api-version=2022-12-01"


def _applications(azure: LocalAzure) -> list[str]:
    applications = azure.graph("GET", "applications?$filter=startswith(displayName,'probe')").json()["value"]
    return [each["displayName"] for each in applications]


def _create(azure: LocalAzure, name: str = "probe") -> int:
    return azure.graph("POST", "applications", {"displayName": name}).status


def test_the_control_endpoint_requires_its_token(azure: LocalAzure) -> None:
    connection = http.client.HTTPConnection(azure.control_url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/reset", headers={"Authorization": "Bearer wrong"})
    answer = connection.getresponse()
    assert answer.status == 401
    assert "error" in json.loads(answer.read())
    connection.close()


def test_the_control_endpoint_reads_no_body_without_its_token(azure: LocalAzure) -> None:
    connection = http.client.HTTPConnection(azure.control_url.removeprefix("http://"), timeout=10)
    connection.putrequest("PUT", "/clock")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/faults/rules", {"fault": "unknown"}),
        ("POST", "/faults/rules", {"fault": "lost", "unknown": 1}),
        ("POST", "/faults/rules", {"fault": "lost", "path": "("}),
        ("PUT", "/faults", {"unknown": 1}),
        ("PUT", "/clock", {"offset_seconds": "soon"}),
        ("PUT", "/clock", []),
        ("POST", "/snapshots/never-taken", None),
        ("GET", "/unknown", None),
        ("PUT", "/snapshots/..%2f..%2fetc", None),
    ],
)
def test_an_unknown_verb_field_or_value_is_refused(azure: LocalAzure, method: str, path: str, body: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        azure.control(method, path, body)


def test_a_retried_call_has_the_same_checksum_of_its_client_request_id_which_is_not_shown(azure: LocalAzure) -> None:
    for name in ("one", "one", "other"):
        azure.request("GET", URL, headers={"x-ms-client-request-id": name})
    first, retry, other = [call["client_request"] for call in azure.control("GET", "/calls")["calls"][-3:]]
    assert first == retry != other
    assert first not in {"", "one"}


def test_routes_are_counted_over_a_reset(azure: LocalAzure) -> None:
    list_groups = "resource groups: GET /subscriptions/{subscription}/resourcegroups"
    before = azure.control("GET", "/routes")
    azure.request("GET", f"{ARM}{azure.subscription}/resourceGroups?api-version=2024-11-01")
    azure.reset()
    after = azure.control("GET", "/routes")
    assert after[list_groups] == before[list_groups] + 1
    assert before.keys() == after.keys()
    assert unused([json.dumps({list_groups: 1})]) == [label for label in ALL_ROUTES if label != list_groups]


def test_calls_are_counted_without_bodies_headers_or_queries(azure: LocalAzure) -> None:
    azure.token()
    since = azure.control("GET", "/calls")["total"]
    azure.request("GET", URL)
    log = azure.control("GET", f"/calls?since={since}")
    assert log["total"] == since + 1
    assert log["counts"]["GET management.azure.com"] == 1
    (call,) = log["calls"]
    assert len(call.pop("query")) == 8
    assert call.pop("ms") > 0
    assert call.pop("began_ms") > 0
    assert call == {
        "number": since + 1,
        "method": "GET",
        "host": "management.azure.com",
        "path": "/subscriptions",
        "client_request": "",
        "api_version": "2022-12-01",
        "status": 200,
    }
    azure.control("DELETE", "/calls")
    assert azure.control("GET", "/calls") == {"total": 0, "counts": {}, "calls": []}


def test_responses_have_the_date_of_the_moved_clock(azure: LocalAzure) -> None:
    azure.control("PUT", "/clock", {"offset_seconds": 86400 * 400})
    date = azure.request("GET", URL).headers["date"]
    year = int(azure.control("GET", "/clock")["now"][:4])
    assert str(year) in date
    assert year > time.gmtime().tm_year


def test_latency_is_added_to_every_response(azure: LocalAzure) -> None:
    azure.token()
    azure.control("PUT", "/faults", {"latency_ms": 120})
    start = time.perf_counter()
    azure.request("GET", URL)
    assert time.perf_counter() - start > 0.12


def test_a_throttled_call_answers_429_with_retry_after_and_the_next_passes(azure: LocalAzure) -> None:
    azure.token()
    azure.fault(fault="throttle", host="^management", retry_after=2)
    azure.fault(fault="throttle", host="^management")
    first, second, third = (azure.request("GET", URL) for _ in range(3))
    assert (first.status, second.status, third.status) == (429, 200, 200)
    assert first.headers["retry-after"] == "2"


def test_a_throttled_call_may_lack_retry_after(azure: LocalAzure) -> None:
    azure.token()
    azure.fault(fault="throttle", times=2)
    answers = [azure.request("GET", URL) for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 200]
    assert "retry-after" not in answers[0].headers
    error = answers[0].json()["error"]
    assert (error["code"], "exceeded the backend storage limit" in error["message"]) == (
        "SubscriptionRequestsThrottled",
        True,
    )


def test_an_error_is_shown_in_the_service_s_own_shape_and_the_handler_does_not_run(azure: LocalAzure) -> None:
    azure.token(GRAPH)
    azure.fault(fault="error", method="POST", host="graph", status=503, code="serviceNotAvailable")
    answer = azure.graph("POST", "applications", {"displayName": "probe"})
    assert answer.status == 503
    assert answer.json()["error"]["innerError"]["request-id"]
    assert _applications(azure) == []


def test_a_lost_response_leaves_the_write_done(azure: LocalAzure) -> None:
    azure.token(GRAPH)
    azure.fault(fault="lost", method="POST", path="/applications$")
    with pytest.raises((http.client.HTTPException, OSError)):
        _create(azure)
    assert _applications(azure) == ["probe"]
    assert azure.control("GET", "/calls")["calls"][-2]["status"] == 0


def test_a_rule_lets_the_first_calls_pass(azure: LocalAzure) -> None:
    azure.token()
    azure.fault(fault="error", skip=1)
    assert [azure.request("GET", URL).status for _ in range(3)] == [200, 503, 200]


def test_reads_lag_behind_writes_until_time_has_passed(azure: LocalAzure) -> None:
    azure.control("PUT", "/faults", {"lag_seconds": 30})
    assert _create(azure) == 201
    assert _applications(azure) == []
    azure.advance(31)
    assert _applications(azure) == ["probe"]
    (application,) = azure.graph("GET", "applications?$filter=displayName eq 'probe'").json()["value"]
    azure.graph("DELETE", f"applications/{application['id']}")
    assert _applications(azure) == ["probe"]
    azure.control("DELETE", "/faults")
    assert _applications(azure) == []


def test_one_read_can_be_stale(azure: LocalAzure) -> None:
    azure.fault(fault="stale", method="GET", path="/applications", seconds=60)
    _create(azure)
    assert (_applications(azure), _applications(azure)) == ([], ["probe"])


def test_a_new_secret_works_only_after_the_secret_lag(azure: LocalAzure) -> None:
    azure.control("PUT", "/faults", {"secret_lag_seconds": 60})
    client_id, secret = azure.new_client("late")
    assert azure.sign_in(client_id, secret).json()["error_codes"] == [700016]
    azure.advance(61)
    assert azure.sign_in(client_id, secret).status == 200


def test_a_client_is_stopped_at_its_write_until_somebody_lets_it_go_on(azure: LocalAzure) -> None:
    azure.token(GRAPH)
    with (
        subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        azure.fault(fault="hold", pid=client.pid, method="POST", path="/applications$")
        created = pool.submit(_create, azure, "probe-held")
        while not azure.control("GET", "/faults")["rules"][0]["hit"]:
            assert not created.done()
        assert (_create(azure, "probe-beside"), _applications(azure)) == (201, ["probe-beside"])
        assert not created.done()
        state = Path(f"/proc/{client.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]

        azure.control("DELETE", "/faults")
        client.send_signal(signal.SIGCONT)

        assert (state, created.result(), len(_applications(azure))) == ("T", 201, 2)
        client.communicate()


def test_a_client_is_killed_before_its_write(azure: LocalAzure) -> None:
    azure.token(GRAPH)
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as victim:
        azure.fault(fault="kill", pid=victim.pid, method="POST", path="/applications$", skip=1)
        assert _create(azure, "probe-1") == 201
        assert victim.poll() is None
        with pytest.raises((http.client.HTTPException, OSError)):
            _create(azure, "probe-2")
        assert victim.wait(timeout=10) == -signal.SIGKILL
    assert _applications(azure) == ["probe-1"]


def test_a_client_is_killed_after_its_write(azure: LocalAzure) -> None:
    azure.token(GRAPH)
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as victim:
        azure.fault(fault="kill", pid=victim.pid, method="POST", path="/applications$", after=True)
        with pytest.raises((http.client.HTTPException, OSError)):
            _create(azure)
        assert victim.wait(timeout=10) == -signal.SIGKILL
    assert _applications(azure) == ["probe"]
    azure.fault(fault="kill", pid=victim.pid, method="POST", path="/applications$")
    with pytest.raises((http.client.HTTPException, OSError)):  # a client that has ended gets no response either
        _create(azure)


@pytest.mark.parametrize("after", [False, True])
def test_a_client_is_interrupted_at_a_call_that_is_answered(azure: LocalAzure, *, after: bool) -> None:
    azure.token(GRAPH)
    program = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}); print(flush=True)\n"
    program += "raise SystemExit(signal.sigwait({signal.SIGINT}))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        client.stdout.readline()
        azure.fault(fault="interrupt", pid=client.pid, method="POST", path="/applications$", after=after)
        assert _create(azure) == 201
        assert client.wait(timeout=10) == signal.SIGINT


def test_a_reset_returns_to_a_new_tenant(azure: LocalAzure) -> None:
    _create(azure)
    azure.advance(1000)
    azure.fault(fault="error", times=None)
    azure.reset()
    assert azure.control("GET", "/clock")["offset_seconds"] == 0
    assert azure.control("GET", "/faults")["rules"] == []
    assert _applications(azure) == []


def test_a_snapshot_is_restored_within_50_ms(azure: LocalAzure) -> None:
    _create(azure, "probe-kept")
    azure.control("PUT", "/snapshots/before")
    _create(azure, "probe-later")
    start = time.perf_counter()
    azure.control("POST", "/snapshots/before")
    assert time.perf_counter() - start < 0.5  # 50 ms, and room for a busy machine
    assert _applications(azure) == ["probe-kept"]


def test_a_fault_hits_sign_in_too(azure: LocalAzure) -> None:
    azure.fault(fault="error", host="^login", status=500, code="server_error")
    answer = azure.sign_in(azure.operator_client_id, azure.operator_secret)
    assert (answer.status, answer.json()["error"]) == (500, "server_error")
    assert azure.request("GET", f"{LOGIN}/common/discovery/keys", token="").status == 200


def test_a_connection_is_reset_before_the_handler_and_cut_after_it(azure: LocalAzure) -> None:
    group = f"{azure.subscription}/resourceGroups/rg-broken?api-version=2021-04-01"
    url = f"https://management.azure.com{group}"
    azure.fault(fault="reset", method="PUT", path="rg-broken$")
    with pytest.raises((ConnectionError, http.client.HTTPException, ssl.SSLError)):
        azure.request("PUT", url, {"location": "westeurope"})
    assert azure.request("GET", url).status == 404

    azure.fault(fault="cut", method="PUT", path="rg-broken$")
    with pytest.raises((ConnectionError, http.client.IncompleteRead, ssl.SSLError)):
        azure.request("PUT", url, {"location": "westeurope"})
    assert azure.request("GET", url).status == 200
