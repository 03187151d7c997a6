"""The web server of an Airflow runtime: who may ask, and which DAGs it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localazure.app.clock import Clock
from localazure.app.store import Store
from localazure.app.world import World
from localazure.datafactory import airflow_runtimes
from tests.emulator import ARM
from tests.localazure import lake as lakes
from tests.localazure.datafactory import test_factories as factories

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure

DATA_FACTORY = "5d13f7d7-0567-429c-9880-320e9555e5fc"


@pytest.fixture
def web(azure_env: LocalAzure) -> str:
    """The address of a runtime that has one DAG."""
    made = factories.call(azure_env, "PUT", factories.RUNTIME, factories.runtime())
    lake = lakes.create_lake(azure_env)
    with lake.files() as service:
        files = service.create_file_system("airflow")
        text = b'from airflow import DAG\nwith DAG(\n    "FlinkJob", schedule=None):\n    pass\n'
        files.get_file_client("dags/job.py").upload_data(text, overwrite=True)
        files.get_file_client("dags/plain.py").upload_data(b"print()", overwrite=True)
    linked = {"properties": {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": lake.blob}}}
    factories.call(azure_env, "PUT", factories.LINKED, linked)
    lake.grant(lakes.READER, factories.principal(azure_env))
    assert factories.sync(azure_env, StorageFolderPath="airflow").status == 202
    return str(factories.airflow_of(made)["airflowWebUrl"]).removesuffix("/login/")


@pytest.mark.parametrize("audience", [ARM, DATA_FACTORY])
def test_it_lists_what_was_imported(azure_env: LocalAzure, web: str, audience: str) -> None:
    found = azure_env.request("GET", f"{web}/api/v1/dags", token=azure_env.token(audience)).json()
    assert ([dag["dag_id"] for dag in found["dags"]], found["total_entries"]) == (["FlinkJob", "plain"], 2)
    one = azure_env.request("GET", f"{web}/api/v1/dags/FlinkJob", token=azure_env.token(audience)).json()
    assert (one["fileloc"], one["is_paused"]) == ("/opt/airflow/dags/job.py", False)
    assert azure_env.request("GET", f"{web}/api/v1/dags/none").status == 404
    assert azure_env.request("GET", f"{web}/api/v1/version").json()["version"] == "2.6.3"


def test_airflow_3_has_another_path(azure_env: LocalAzure, web: str) -> None:
    found = azure_env.request("GET", f"{web}/api/v2/dags").json()
    assert [dag["dag_id"] for dag in found["dags"]] == ["FlinkJob", "plain"]
    assert azure_env.request("GET", f"{web}/api/v2/monitor/health", token="").status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_what_only_a_real_airflow_has_says_how_to_get_one(azure_env: LocalAzure, web: str, method: str) -> None:
    absent = azure_env.request(method, f"{web}/api/v1/dags/FlinkJob/dagRuns", {})
    assert (absent.status, absent.json()["title"]) == (404, "Not Found")
    assert "runtimes up" in absent.json()["detail"]


def test_its_health_is_public(azure_env: LocalAzure, web: str) -> None:
    assert azure_env.request("GET", f"{web}/health", token="").json()["scheduler"]["status"] == "healthy"


def test_it_wants_a_token_and_contributor_on_the_factory(azure_env: LocalAzure, web: str) -> None:
    refused = azure_env.request("GET", f"{web}/api/v1/dags", token="")
    assert (refused.status, refused.json()["title"]) == (401, "Unauthorized")
    client = azure_env.new_client("stranger")
    token = azure_env.token(ARM, *client)
    refused = azure_env.request("GET", f"{web}/api/v1/dags", token=token)
    assert (refused.status, refused.json()["title"]) == (403, "Forbidden")


def test_an_address_without_a_runtime_is_404(azure: LocalAzure) -> None:
    url = "https://0123456789abcdef.westeurope.airflow.svc.datafactory.azure.com/health"
    assert azure.request("GET", url, token="").status == 404


def test_changed_values_are_in_use_only_after_the_roll_out(tmp_path: Path) -> None:
    world = World(store=Store(tmp_path), clock=Clock())
    world.store.put("settings", "airflow", {"rollout_seconds": 600})
    factory = {"location": "westeurope"}
    first = airflow_runtimes.new_runtime(world, factory, factories.runtime()["properties"], None)
    changed = factories.runtime(airflowEnvironmentVariables={"A": "new"})["properties"]
    second = airflow_runtimes.new_runtime(world, factory, changed, first)
    assert airflow_runtimes.active_airflow_properties(world, second)["airflowEnvironmentVariables"] == {"A": "b"}
    world.clock.offset_seconds = 601
    assert airflow_runtimes.active_airflow_properties(world, second)["airflowEnvironmentVariables"] == {"A": "new"}
    world.store.close()
