"""Real Airflow 2.10.5 behind an Apache Airflow job of Fabric."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

from localazure.app import process
from tests import emulator
from tests.emulator import ARM
from tests.localazure.fabric.workspace import Fabric
from tests.localazure.runtimes.airflow_runtime import CLUSTER, AirflowRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import LocalAzure

DATA_FACTORY = "5d13f7d7-0567-429c-9880-320e9555e5fc"
DAG = b"""import os
from airflow import DAG
with DAG(os.environ["COLOUR"], schedule=None):
    pass
"""


@pytest.fixture
def own_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure of the test's own, so that others neither wait for its Airflow nor reset it."""
    state = tmp_path_factory.mktemp("azure")
    try:
        yield emulator.start(state)
    finally:
        process.stop(state)


def test_a_job_runs_its_files_with_its_settings_while_its_environment_runs(own_azure: LocalAzure) -> None:
    cluster = f"{ARM}{own_azure.subscription}{CLUSTER}?api-version=2024-05-01-preview"
    assert own_azure.request("DELETE", cluster).status == 202  # else a Flink would start, too
    fabric = Fabric(azure=own_azure)
    job = fabric.started()
    variables = {"environmentVariables": [{"name": "COLOUR", "value": "green"}]}
    assert fabric("POST", f"{job}/environment/updateSettings?beta=true", variables).status == 202
    assert fabric("PUT", f"{job}/files/dags/one.py?beta=true", DAG).status == 200
    (shown,) = own_azure.control("GET", "/airflow-jobs")
    runtime = AirflowRuntime(azure=own_azure, version="2.10.5", client=("", ""), vault="", web=shown["url"])
    token = own_azure.token(DATA_FACTORY)
    runtime.start()
    assert runtime.request("version", token=token).json()["version"] == "2.10.5"
    dag = runtime.wait_until(lambda: runtime.request("dags/green", token=token), lambda answer: answer.status == 200)
    assert dag.json()["fileloc"].endswith("/dags/one.py")
    assert fabric("POST", f"{job}/environment/stop?beta=true").status == 202
    assert runtime.request("version", token=token).status == http.client.SERVICE_UNAVAILABLE
    runtime.wait_until(
        lambda: [one["kind"] for one in own_azure.control("GET", "/runtimes")["runtimes"]],
        lambda kinds: "airflow" not in kinds,
    )
