"""One run's way to Azure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import LOCAL, PROFILES
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings
from provisioner.cloud.transport.waits import Patience
from provisioner.errors import (
    Conflict,
    Interrupted,
    LeaseLost,
    NotAuthorized,
    NotFound,
    NotYetVisible,
    Throttled,
    Unreachable,
)
from provisioner.secret import Secret
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from provisioner.cloud.lease import Lease
    from tests.emulator import LocalAzure

GROUPS = "2021-04-01"


def group(azure: LocalAzure, name: str = "rg-dev") -> str:
    return f"{azure.subscription}/resourceGroups/{name}"


def opened(azure: LocalAzure, secret: Secret, *, debug: bool = False, bundle: str = "") -> Cloud:
    local = LocalSettings(
        proxy=azure.proxy,
        ca_bundle=bundle or azure.ca_bundle,
        tenant_id=azure.tenant_id,
        client_id=azure.operator_client_id,
        client_secret=secret,
    )
    return Cloud(open_session(LOCAL, subscription=azure.subscription_id, local=local, debug=debug))


def test_hostile_variables_do_not_matter_to_the_local_azure(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, ".azure.net,.azure.com,.microsoftonline.com")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nonexistent.pem")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://elsewhere.example.com")
    cloud = opened(azure, tool_secret(azure.operator_secret))
    cloud.session.warm()
    assert cloud.arm.find(group(azure), GROUPS) is None
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    assert cloud.arm.find(group(azure), GROUPS) is not None


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        (DEFAULT_CA_BUNDLE_PATH, "CERTIFICATE_VERIFY_FAILED"),
        ("/nonexistent.pem", "No such file"),
        (__file__, "/test_session.py"),
    ],
    ids=["another authority", "absent", "no certificates"],
)
def test_only_the_authorities_of_the_bundle_are_trusted(azure: LocalAzure, bundle: str, said: str) -> None:
    with pytest.raises(Unreachable, match=said):
        opened(azure, tool_secret(azure.operator_secret), bundle=bundle).session.warm()


def test_it_knows_who_signed_in_and_where(cloud: Cloud, azure: LocalAzure) -> None:
    session = cloud.session
    assert (session.tenant_id, session.caller_type) == (azure.tenant_id, "ServicePrincipal")
    assert session.caller_object_id == session.claims["oid"]
    assert "local Azure" in session.credential.how


def test_every_audience_is_asked_for_once_however_many_threads_ask(cloud: Cloud) -> None:
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(cloud.session.warm) for _ in range(8)]:
            future.result()
    for scope in LOCAL.scopes:
        cloud.session.credential.get_token_info(scope)
    assert cloud.session.counter["POST login.microsoftonline.com"] == len(LOCAL.scopes)


def test_a_wrong_secret_says_how_to_sign_in(azure: LocalAzure) -> None:
    cloud = opened(azure, Secret("not-it"))
    with pytest.raises((NotAuthorized, NotYetVisible), match="az login") as caught:
        cloud.session.warm()
    assert caught.value.code == "AADSTS7000215"


def test_now_is_the_clouds_clock(cloud: Cloud, azure: LocalAzure) -> None:
    azure.advance(timedelta(days=3).total_seconds())
    later = opened(azure, tool_secret(azure.operator_secret)).session.clock.now() - cloud.session.clock.now()
    assert later < timedelta(minutes=1)
    azure.advance(timedelta(days=1).total_seconds())
    tomorrow = opened(azure, tool_secret(azure.operator_secret)).session.clock.now()
    assert tomorrow - cloud.session.clock.now() > timedelta(hours=23)


def test_a_pass_reads_a_thing_once_and_the_next_pass_anew(cloud: Cloud, azure: LocalAzure) -> None:
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(cloud.arm.find, group(azure), GROUPS) for _ in range(8)]
        assert [future.result() for future in futures] == [None] * 8
    assert cloud.session.counter["GET management.azure.com"] == 1
    cloud.session.memory.new_pass()
    cloud.arm.find(group(azure), GROUPS)
    assert cloud.session.counter["GET management.azure.com"] == 2


def test_what_was_written_is_read_anew_each_time(cloud: Cloud, azure: LocalAzure) -> None:
    cloud.arm.find(group(azure), GROUPS)
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    before = cloud.session.counter["GET management.azure.com"]
    for _ in range(2):
        assert cloud.arm.find(group(azure), GROUPS) is not None
    assert cloud.session.counter["GET management.azure.com"] == before + 2


def test_an_error_in_a_memo_is_not_kept(cloud: Cloud) -> None:
    answers = iter((ValueError("first"), 7))

    def fetch() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="first"):
        cloud.session.memory.of("k", fetch)
    assert cloud.session.memory.of("k", fetch) == 7


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


def test_a_host_that_cannot_be_reached_is_told_at_once(cloud: Cloud) -> None:
    with pytest.raises(Unreachable, match="no answer"):
        cloud.session.http(LOCAL.arm_scope).request("GET", "https://nowhere.example.com/", operation="GET nowhere")


def test_a_missing_subscription_and_a_bad_name_are_told_apart(cloud: Cloud, azure: LocalAzure) -> None:
    with pytest.raises(NotFound, match="SubscriptionNotFound"):
        cloud.arm.request("GET", f"/subscriptions/{azure.tenant_id}/resourceGroups/x", GROUPS)


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


def test_debug_shows_requests_and_no_secret(azure: LocalAzure, caplog: pytest.LogCaptureFixture) -> None:
    cloud = opened(azure, tool_secret(azure.operator_secret), debug=True)
    with caplog.at_level("INFO", logger="provisioner.http"):
        cloud.arm.find(group(azure), GROUPS)
        cloud.resource_groups.set_group(group(azure), location="westeurope", tags={"a": "hidden-body"})
    assert f"GET https://management.azure.com{group(azure)}" in caplog.text
    token = cloud.session.credential.get_token_info(LOCAL.arm_scope).token
    for secret in (tool_secret(azure.operator_secret).reveal(), token, "hidden-body", "Bearer"):
        assert secret not in caplog.text


def test_every_cloud_has_https_endpoints_without_a_slash_at_the_end() -> None:
    for profile in PROFILES.values():
        for url in (profile.authority, profile.graph, profile.arm, profile.portal):
            assert url.startswith("https://")
            assert not url.endswith("/")
        assert all(scope.endswith("/.default") for scope in profile.scopes)


def test_an_operation_that_does_not_end_is_given_up_at_the_deadline(cloud: Cloud, azure: LocalAzure) -> None:
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    azure.fault(fault="latency", method="GET", path="operationresults", seconds=2.0, times=None)
    cloud.session.waits.patience = Patience(operation_seconds=0.5)
    with pytest.raises(NotYetVisible, match="not finished it after 0 s"):
        cloud.resource_groups.delete_group(group(azure))


def test_it_tells_how_far_this_machines_clock_is_from_the_clouds(cloud: Cloud, azure: LocalAzure) -> None:
    assert cloud.session.clock.ahead == timedelta()
    azure.advance(720)
    cloud.session.warm()
    assert timedelta(minutes=-13) < cloud.session.clock.ahead < timedelta(minutes=-11)


def test_a_secret_that_has_expired_signs_nobody_in(cloud: Cloud, azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("app")
    azure.advance(3 * 365 * 86400)  # two years is what a secret lives unless told otherwise
    assert not cloud.session.signs_in(azure.tenant_id, client_id, tool_secret(secret))


class Waking:
    """Stands for a lease that is lost while a connection is made."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def require(self, _seconds: float, *, during: str) -> None:
        self.asked.append(during)
        if len(self.asked) == 2:
            raise LeaseLost(operation=during)

    def check(self, *, during: str) -> None:
        self.asked.append(during)


def test_a_write_is_not_sent_when_the_lease_is_lost_while_its_connection_is_made(azure: LocalAzure) -> None:
    cloud, lease = opened(azure, tool_secret(azure.operator_secret)), Waking()
    cloud.session.warm()
    cloud.session.lease = cast("Lease", lease)

    with pytest.raises(LeaseLost, match="the environment's lease was lost"):
        cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})

    assert len(lease.asked) == 2
    assert cloud.arm.find(group(azure), GROUPS) is None
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    assert cloud.arm.find_now(group(azure), GROUPS) is not None
