"""What an Airflow that you run has of a DAG, beside the file in the data lake."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from provisioner.model import AirflowApi, AirflowSignIn, Platform
from provisioner.parsed_dag import ExpectedDag, dag_drift, lines_sha256
from provisioner.secret import Secret
from tests.airflow_server import USER, WORD, airflow_server, direct_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.airflow import Airflow
    from tests.airflow_server import AirflowServer

TEXT = "dag = DAG('flink')\n"
DAG = ExpectedDag(id="flink", file="flink.py", lines_sha256=lines_sha256(TEXT), bundle="dev-dags")
API = AirflowApi(
    version="3.3.2", right="", setting="", sign_in=AirflowSignIn(way="token", user=USER, secret=Secret(WORD))
)
WRITTEN, WITHIN, SECOND = datetime(2026, 11, 29, 12, tzinfo=UTC), timedelta(minutes=10), timedelta(seconds=1)
FAILURE = {"filename": "dags/flink.py", "stack_trace": "Traceback:\nModuleNotFoundError: No module named 'nobody'\n"}
CANNOT = "Airflow cannot import dags/flink.py: ModuleNotFoundError: No module named 'nobody'; correct the DAG"


@pytest.fixture
def asked() -> Iterator[tuple[AirflowServer, Airflow]]:
    with ExitStack() as stack:
        server, cloud = stack.enter_context(airflow_server()), stack.enter_context(direct_cloud())
        yield server, cloud.airflow(server.url, API)


def drift(airflow: Airflow, after: timedelta = SECOND, written: datetime | None = WRITTEN) -> Platform:
    return dag_drift(airflow, DAG, lambda: written, WRITTEN + after, WITHIN)


def test_the_current_text_is_no_drift(asked: tuple[AirflowServer, Airflow]) -> None:
    server, airflow = asked
    server.source = TEXT.replace("\n", "\r\n")
    assert drift(airflow, after=WITHIN, written=None) == Platform()


@pytest.mark.parametrize("there", ["another text of flink", "no flink"])
def test_another_text_is_drift_once_airflow_had_time_to_read_the_new_one(
    asked: tuple[AirflowServer, Airflow], there: str
) -> None:
    server, airflow = asked
    server.parsed = there != "no flink"
    since = "dags/flink.py was written at 2026-11-29T12:00:00Z"
    assert drift(airflow, WITHIN - SECOND) == Platform(unknown=f"Airflow has {there} yet; {since}")
    remedy = "bring it that file, or look at its DAG processor's log"
    assert drift(airflow, WITHIN) == Platform(drift=f"Airflow has {there}, and {since}; {remedy}")


def test_an_import_error_is_drift_if_it_is_one_of_the_text_that_is_there(asked: tuple[AirflowServer, Airflow]) -> None:
    server, airflow = asked
    server.import_errors = [{**FAILURE, "timestamp": (WRITTEN - SECOND).isoformat()}]
    assert drift(airflow).drift == ""

    for at in (WRITTEN.isoformat(), "", "2020-01-01T00:00:00"):  # a time without a zone says nothing
        server.import_errors = [{**FAILURE, "timestamp": at}]
        assert drift(airflow) == Platform(drift=CANNOT)


def test_an_import_error_of_another_bundles_file_is_somebody_elses(asked: tuple[AirflowServer, Airflow]) -> None:
    server, airflow = asked
    for bundle, expected in (("other-dags", ""), ("dev-dags", CANNOT), (None, CANNOT)):
        server.import_errors = [{**FAILURE, "timestamp": "", "bundle_name": bundle}]
        assert drift(airflow).drift == expected


def test_a_text_that_airflow_does_not_tell_is_not_known(asked: tuple[AirflowServer, Airflow]) -> None:
    server, airflow = asked
    server.source = None
    for server.import_errors in ([], [{**FAILURE, "timestamp": (WRITTEN - SECOND).isoformat()}]):
        assert drift(airflow, after=WITHIN) == Platform(unknown="Airflow has flink and does not tell its text")
    server.import_errors = [{**FAILURE, "timestamp": WRITTEN.isoformat()}]
    assert drift(airflow) == Platform(drift=CANNOT)


def test_a_file_that_is_not_there_as_declared_leaves_nothing_to_compare(asked: tuple[AirflowServer, Airflow]) -> None:
    server, airflow = asked
    server.parsed = False
    assert drift(airflow, after=WITHIN, written=None) == Platform()
