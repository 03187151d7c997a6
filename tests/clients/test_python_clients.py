"""Python clients of data lakes, Graph, HDInsight on AKS and Fabric work on the local Azure as the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.environment import environment
from tests.clients.test_async_sdks import run
from tests.emulator import TENANT, LocalAzure
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def lake_python() -> Path:
    return environment("lake-clients") / "bin" / "python"


@pytest.fixture(scope="session")
def graph_python() -> Path:
    return environment("graph-clients") / "bin" / "python"


def test_adlfs_pyarrow_and_deltalake_read_and_write_a_data_lake(azure: LocalAzure, lake_python: Path) -> None:
    lake = lakes.create_lake(azure)
    token = azure.token(lakes.STORAGE)
    assert lake.call("PUT", f"{lake.dfs}/data?resource=filesystem", token=token).status == 201
    found = run(azure, lake_python, "lake_clients.py", lake.name)
    assert found["adlfs"] == {
        "size": 900_000,
        "found": ["data/in/more/small.txt", "data/in/words.txt"],
        "listed": ["data/in/more", "data/in/words.txt"],
        "begin": "to be",
        "moved": [False, "small"],
        "left": ["data/out/small.txt"],
    }
    assert found["pyarrow"] == {
        "rows": 3,
        "listed": [["data/tables/words", "Directory"], ["data/tables/words/part-0.parquet", "File"]],
    }
    assert found["deltalake"] == {"version": 1, "rows": 6, "after delete": 4, "removed": 2}


def test_msgraph_sdk_makes_an_application(azure: LocalAzure, graph_python: Path) -> None:
    assert run(azure, graph_python, "graph_client.py") == {
        "tenant": TENANT,
        "hint": True,
        "listed": ["from the SDK"],
        "renamed": "renamed",
        "owners": 1,
        "principal after delete": "Request_ResourceNotFound",
    }


def test_the_sdk_of_hdinsight_on_aks_runs_pools_and_clusters(azure: LocalAzure, graph_python: Path) -> None:
    assert run(azure, graph_python, "flink_cluster.py", azure.subscription_id) == {
        "offered": True,
        "types": ["Flink"],
        "pool": "Succeeded",
        "tags": {"a": "b"},
        "pools": ["flink-pool", "pool-two"],
        "type": "Flink",
        "mode": "Session",
        "workers": [4],
        "refused": 404,
        "jobs": [],
        "upgrades": [],
        "libraries": [],
        "configured": [],
        "views": ["default"],
    }


def test_the_sdk_of_fabric_runs_an_airflow_job(azure: LocalAzure, graph_python: Path) -> None:
    assert run(azure, graph_python, "fabric_job.py", "flink-workspace") == {
        "type": "ApacheAirflowJob",
        "jobs": ["airflow-dev"],
        "parts": [".platform", "apacheairflowjob-content.json"],
        "status": "Started",
        "before": [["A", "from the definition"]],
        "after": ["A", "B", "AIRFLOW__SECRETS__BACKEND"],
        "reserved": 400,
        "libraries": [["two", "2"]],
        "files": [["dags/one.py", 7]],
        "file": "print()",
        "pool": "own",
        "default pool is the starter's": True,
        "deleted": "ItemNotFound",
    }
