"""The web server of an Airflow runtime while no real Airflow runs: who may call it, and the DAGs that it lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localazure.app.clock import Clock
from localazure.app.signing import Signer
from localazure.app.store import Store
from localazure.app.tenant import Tenant
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
    """Return the URL of the web server of a runtime with three imported files, one of which Airflow does not read."""
    created = factories.call(azure_env, "PUT", factories.RUNTIME, factories.runtime())
    lake = lakes.create_lake(azure_env)
    with lake.files() as service:
        files = service.create_file_system("airflow")
        text = b'from airflow import DAG\nwith DAG(\n    "FlinkJob", schedule=None):\n    pass\n'
        files.get_file_client("dags/job.py").upload_data(text, overwrite=True)
        files.get_file_client("dags/plain.py").upload_data(b"from airflow.decorators import dag", overwrite=True)
        files.get_file_client("dags/helpers.py").upload_data(b"print()", overwrite=True)
    linked_service = {"properties": {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": lake.blob}}}
    factories.call(azure_env, "PUT", factories.LINKED_SERVICE, linked_service)
    lake.grant(lakes.READER, factories.principal(azure_env))
    assert factories.sync(azure_env, StorageFolderPath="airflow").status == 202
    return str(factories.airflow_of(created)["airflowWebUrl"]).removesuffix("/login/")


@pytest.mark.parametrize("audience", [ARM, DATA_FACTORY])
def test_it_lists_the_dags_that_imported_files_declare(azure_env: LocalAzure, web: str, audience: str) -> None:
    listing = azure_env.request("GET", f"{web}/api/v1/dags", token=azure_env.token(audience)).json()
    assert ([one["dag_id"] for one in listing["dags"]], listing["total_entries"]) == (["FlinkJob", "plain"], 2)
    dag = azure_env.request("GET", f"{web}/api/v1/dags/FlinkJob", token=azure_env.token(audience)).json()
    assert (dag["fileloc"], dag["is_paused"]) == ("/opt/airflow/dags/job.py", False)
    assert azure_env.request("GET", f"{web}/api/v1/dags/none").status == 404
    assert azure_env.request("GET", f"{web}/api/v1/version").json()["version"] == "2.6.3"


def test_the_paths_of_airflow_3_are_served_too(azure_env: LocalAzure, web: str) -> None:
    listing = azure_env.request("GET", f"{web}/api/v2/dags").json()
    assert [one["dag_id"] for one in listing["dags"]] == ["FlinkJob", "plain"]
    assert azure_env.request("GET", f"{web}/api/v2/monitor/health", token="").status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_path_of_a_real_airflow_only_says_how_to_start_one(azure_env: LocalAzure, web: str, method: str) -> None:
    absent = azure_env.request(method, f"{web}/api/v1/dags/FlinkJob/dagRuns", {})
    assert (absent.status, absent.json()["title"]) == (404, "Not Found")
    assert "runtimes up" in absent.json()["detail"]


def test_its_health_is_public(azure_env: LocalAzure, web: str) -> None:
    assert azure_env.request("GET", f"{web}/health", token="").json()["scheduler"]["status"] == "healthy"


def test_it_requires_a_token_and_contributor_on_the_factory(azure_env: LocalAzure, web: str) -> None:
    refused = azure_env.request("GET", f"{web}/api/v1/dags", token="")
    assert (refused.status, refused.json()["title"]) == (401, "Unauthorized")
    client = azure_env.new_client("without-role")
    token = azure_env.token(ARM, *client)
    refused = azure_env.request("GET", f"{web}/api/v1/dags", token=token)
    assert (refused.status, refused.json()["title"]) == (403, "Forbidden")


def test_an_address_without_a_runtime_is_404(azure: LocalAzure) -> None:
    url = "https://0123456789abcdef.westeurope.airflow.svc.datafactory.azure.com/health"
    assert azure.request("GET", url, token="").status == 404


def test_changed_variables_are_active_only_after_the_rollout(tmp_path: Path) -> None:
    tenant = Tenant(store=Store(tmp_path), clock=Clock(), signer=Signer())
    tenant.store.put("settings", "airflow", {"rollout_seconds": 600})
    factory = {"location": "westeurope"}
    first = airflow_runtimes.new_runtime(tenant, factory, factories.runtime()["properties"], None)
    changed = factories.runtime(airflowEnvironmentVariables={"A": "new"})["properties"]
    second = airflow_runtimes.new_runtime(tenant, factory, changed, first)
    assert airflow_runtimes.active_airflow_properties(tenant, second)["airflowEnvironmentVariables"] == {"A": "b"}
    tenant.clock.offset_seconds = 601
    assert airflow_runtimes.active_airflow_properties(tenant, second)["airflowEnvironmentVariables"] == {"A": "new"}
    tenant.store.close()
