"""What reports of the probe DAG show of workers' settings; real ones are in tests/end_to_end/test_self_managed.py."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cloud.cloud import Cloud
from provisioner.commands.reading import platform_checks
from provisioner.key_probe import Probe, Rollout, WrittenFile, read_reported_drift, report_problem, why_not_rolled_out
from provisioner.kind import Verdict
from provisioner.model import AirflowApi, AirflowSignIn, Platform
from provisioner.parsed_dag import ExpectedDag
from provisioner.secret import Secret
from tests.airflow_server import MOMENT, USER, WORD, airflow_server, direct_cloud
from tests.kinds.azure_setup import cloud_of
from tests.kinds.lakes import ACCOUNT, make_account, make_filesystem, write_file
from tests.proxied_airflow import URL, proxied_airflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.airflow_server import AirflowServer
    from tests.emulator import LocalAzure

SIGN_IN = AirflowSignIn(way="token", user=USER, secret=Secret(WORD))
API = AirflowApi(version="3.3.2", right="a role", setting="airflow.api", sign_in=SIGN_IN)
ROLLOUT = Rollout(
    probe=Probe(dag_id="a_key_probe", api=API),
    web_url="",
    rendered="abc",
    secretless=True,
    holders=("secret",),
    sign_in="def",
    files=(),
)
REPORT: dict[str, Any] = {"rendered": "abc", "sign_in": "def", "secrets": [], "refused": ""}


@pytest.fixture
def airflow() -> Iterator[tuple[AirflowServer, Cloud]]:
    with ExitStack() as stack:
        yield stack.enter_context(airflow_server()), stack.enter_context(direct_cloud())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"rendered": "other,abc"}, ""),
        ({"rendered": None}, "workers run with the settings unknown, not abc; deploy what `provisioner render` prints"),
        ({"rendered": "old", "secrets": ["AZURE_CLIENT_SECRET"]}, "workers run with the settings old"),
        ({"secrets": ["AZURE_CLIENT_SECRET", "b"]}, "workers have AZURE_CLIENT_SECRET and b; remove that"),
        ({"sign_in": "other"}, "workers have the DAGs of before; bring them the files of the container"),
        ({"refused": "ci: ClientAuthenticationError: AADSTS700213"}, "workers cannot sign in without a secret: ci: Cl"),
    ],
)
def test_workers_need_no_secret_once_a_report_shows_all_of_it(changed: dict[str, Any], says: str) -> None:
    problem = report_problem({**REPORT, **changed}, ROLLOUT)
    assert (problem.startswith(says), bool(problem)) == (True, bool(says))


def test_workers_with_a_secret_are_only_to_have_the_settings() -> None:
    report = {**REPORT, "secrets": ["AZURE_CLIENT_SECRET"]}
    assert report_problem(report, replace(ROLLOUT, secretless=False)) == ""


def test_the_newest_report_is_read_and_none_is_a_reason(airflow: tuple[AirflowServer, Cloud]) -> None:
    server, cloud = airflow
    rollout = replace(ROLLOUT, web_url=server.url)
    none = "no run of the probe DAG has reported what workers run with; `provisioner verify` starts one"
    assert why_not_rolled_out(cloud, rollout) == none
    server.runs["one"] = {"dag_run_id": "one", "state": "success", "start_date": MOMENT}
    assert why_not_rolled_out(cloud, rollout) == none
    server.report = json.dumps(REPORT)
    assert why_not_rolled_out(cloud, rollout) == ""
    server.report = json.dumps(json.dumps(REPORT))  # as the API of Airflow 2 gives a text
    assert why_not_rolled_out(cloud, rollout) == ""


def test_settings_that_differ_are_drift_and_what_nobody_reports_is_not_known(
    airflow: tuple[AirflowServer, Cloud],
) -> None:
    server, cloud = airflow
    rollout = replace(ROLLOUT, web_url=server.url)
    assert read_reported_drift(cloud, rollout).unknown.startswith("no run of the probe DAG has reported")
    server.runs["one"] = {"dag_run_id": "one", "state": "success", "start_date": MOMENT}
    server.report = json.dumps({**REPORT, "rendered": "old"})
    stale = read_reported_drift(cloud, rollout)
    assert (stale.drift.startswith("workers run with the settings old, not abc"), stale.unknown) == (True, "")
    assert [one.verdict for one in platform_checks(stale)] == [Verdict.NOTE]
    server.report = json.dumps(REPORT)
    assert read_reported_drift(cloud, rollout) == Platform()


def test_an_airflow_that_cannot_be_asked_shows_nothing(airflow: tuple[AirflowServer, Cloud]) -> None:
    server, cloud = airflow
    assert "name nobody to ask" in why_not_rolled_out(cloud, ROLLOUT)
    wrong = replace(SIGN_IN, secret=Secret("other"))
    refused = replace(ROLLOUT, web_url=server.url, probe=Probe(dag_id="a", api=replace(API, sign_in=wrong)))
    assert why_not_rolled_out(cloud, refused).startswith("Airflow did not answer what workers run with: ")


def test_a_report_counts_if_its_run_began_after_the_dags_were_written(azure: LocalAzure) -> None:
    make_account(azure)
    make_filesystem(azure, "dags")
    with proxied_airflow(azure) as (proxied, server):
        server.report = json.dumps(REPORT)
        dag = ExpectedDag(id="a", file="a.py", lines_sha256="")

        def problem(sha256: str, began: datetime) -> str:
            server.runs["one"] = {"dag_run_id": "one", "state": "success", "start_date": began.isoformat()}
            file = WrittenFile(account=ACCOUNT, filesystem="dags", path="a.py", sha256=sha256, dag=dag)
            with closing(cloud_of(proxied).session) as session:
                return why_not_rolled_out(Cloud(session), replace(ROLLOUT, web_url=URL, files=(file,)))

        now = datetime.fromisoformat(azure.control("GET", "/clock")["now"])
        later, before = now + timedelta(minutes=10), now - timedelta(minutes=1)
        assert problem("1", later) == "a.py is still to be written; deploy after that, then `verify`"
        write_file(azure, "dags/a.py", b"1", x_ms_properties=f"provisioner_sha256={b64encode(b'1').decode()}")
        assert problem("0", later) == "a.py is still to be written; deploy after that, then `verify`"
        assert problem("1", later) == ""
        assert problem("1", before).startswith(f"the newest report of the probe DAG is of {before:%Y-%m-%dT%H:%M:%S}Z")
        azure.fault(fault="error", method="HEAD", path="a.py", status=403, code="AuthorizationFailure")
        assert problem("1", later).startswith("when the files of DAGs were written is not known: ")
