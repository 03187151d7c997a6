"""A session cluster behind its REST API: a real Flink, reached with every sort of credential."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from localazure.runtimes.flink import front
from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import PROFILES
from provisioner.cloud.transport.session import open_session
from provisioner.kind import Verdict
from provisioner.kinds.flink_session import KIND, FlinkSession, ObservedFlinkSession, Outputs
from provisioner.model import FlinkAccess
from provisioner.secret import Secret
from tests.kinds.azure_setup import cloud_of, view_at
from tests.kinds.lifecycle import Example
from tests.localazure.runtimes.conftest import flink_azure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure

__all__ = ["flink_azure"]

URL = f"https://{front.HOST}{front.PREFIX}"
ENTRA = FlinkAccess(url=URL, scope=f"api://{front.HOST}/.default")
EXAMPLE = Example(declare=lambda _azure: FlinkSession(access=ENTRA, jars=()))
OBSERVED = ObservedFlinkSession(owned=False, url=URL, flink="1.20.1", upload_bytes=10_000)


def read(azure: LocalAzure, access: FlinkAccess) -> ObservedFlinkSession:
    cloud = cloud_of(azure)
    with closing(cloud.session):
        observed = KIND.read(cloud, FlinkSession(access=access, jars=()))
    assert observed is not None
    return observed


def folder(azure: LocalAzure) -> Path:
    (status,) = (one for one in azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    return (
        azure.state
        / "runtimes"
        / next(
            path.name
            for path in (azure.state / "runtimes").iterdir()
            if path.name.startswith(f"flink-{status['name']}")
        )
    )


def verdicts(observed: ObservedFlinkSession | None, *jars: tuple[str, int]) -> list[tuple[str, str]]:
    assert KIND.preflight.ready is not None
    any_cloud: Any = None
    found = KIND.preflight.ready(any_cloud, FlinkSession(access=ENTRA, jars=jars), observed)
    return [(one.verdict.value, one.what) for one in found]


def test_it_is_read_with_a_token_of_entra(flink_azure: LocalAzure) -> None:
    observed = read(flink_azure, ENTRA)
    assert (observed.unreachable, observed.denied) == ("", "")
    assert observed.flink.startswith("1.20.")
    assert (observed.upload_bytes, observed.takes_jars) == (104_857_600, True)
    assert KIND.publish(observed, None) == Outputs(url=URL, flink_version=observed.flink)


def test_it_is_read_with_a_password_or_a_token_that_stays_the_same(flink_azure: LocalAzure) -> None:
    password = Secret(front.read_or_create_password(folder(flink_azure)))
    basic = FlinkAccess(url=URL, user=front.USER, password=password)
    for access in (basic, FlinkAccess(url=URL, bearer=password)):
        assert read(flink_azure, access).flink.startswith("1.20.")
    for access in (replace(basic, user="other"), replace(basic, password=Secret("x")), FlinkAccess(url=URL)):
        assert "answered 401" in read(flink_azure, access).denied


def test_it_is_read_with_a_client_certificate_and_a_ca_of_its_own(flink_azure: LocalAzure) -> None:
    pem = (folder(flink_azure) / "tls" / "flink.pem").read_text()
    certificate = pem[pem.index("-----BEGIN CERTIFICATE") :]
    (status,) = (one for one in flink_azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    access = FlinkAccess(url=status["url"], certificate=Secret(pem), ca=certificate)
    session = open_session(PROFILES["public"], subscription=flink_azure.subscription_id)
    with closing(session):
        found = KIND.read(Cloud(session), FlinkSession(access=access, jars=()))
        without = KIND.read(Cloud(session), FlinkSession(access=replace(access, certificate=None), jars=()))
    assert found is not None
    assert found.flink.startswith("1.20.")
    assert without is not None
    assert "got no answer" in without.unreachable


def test_an_address_that_nobody_reaches_from_here_says_nothing(azure: LocalAzure) -> None:
    offline = read(azure, ENTRA)
    assert "answered 503" in offline.unreachable
    assert verdicts(offline) == [("not known", f"Flink at {URL}: {offline.unreachable}")]
    assert "got no answer" in read(azure, FlinkAccess(url="https://nowhere.example")).unreachable
    assert KIND.diff(FlinkSession(access=ENTRA, jars=()), offline, view_at(offline_moment(azure))) == ()
    assert KIND.publish(offline, None) == Outputs(url=URL)


def offline_moment(azure: LocalAzure) -> Any:
    cloud = cloud_of(azure)
    with closing(cloud.session):
        return cloud.session.clock.decision_time()


def test_a_caller_that_is_not_let_in_knows_nothing_of_a_cluster_that_takes_tokens(flink_azure: LocalAzure) -> None:
    other = replace(ENTRA, scope="https://management.azure.com/.default")
    assert "answered 401" in read(flink_azure, other).unreachable


def test_a_path_that_is_not_flinks_is_told(flink_azure: LocalAzure) -> None:
    assert "answered 404" in read(flink_azure, replace(ENTRA, url=f"{URL}/elsewhere")).unreachable


@pytest.mark.parametrize(
    ("observed", "jars", "expected"),
    [
        (None, (), []),
        (OBSERVED, (), ["holds"]),
        (OBSERVED, (("job.jar", 1000),), ["holds", "holds"]),
        (OBSERVED, (("job.jar", 9_500),), ["holds", "stops"]),
        (replace(OBSERVED, flink="1.16.3"), (), ["stops"]),
        (replace(OBSERVED, flink="2.1.0"), (), ["holds"]),
        (replace(OBSERVED, flink=""), (), ["not known"]),
        (replace(OBSERVED, takes_jars=False), (), ["holds", "stops"]),
        (replace(OBSERVED, denied="GET x answered 401"), (), ["stops"]),
    ],
)
def test_what_would_stop_a_job_stops_provision_before_anything_is_made(
    observed: ObservedFlinkSession | None, jars: tuple[tuple[str, int], ...], expected: list[str]
) -> None:
    assert [verdict for verdict, _ in verdicts(observed, *jars)] == expected
    assert {verdict for verdict, _ in verdicts(observed, *jars)} <= {one.value for one in Verdict}
