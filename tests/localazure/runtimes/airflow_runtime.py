"""A local Azure with a vault, a runtime and its DAGs, made over raw HTTP; and the Airflow behind the runtime."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localazure.app import process
from tests.clients import world
from tests.emulator import ARM
from tests.localazure import lake as lakes
from tests.localazure.datafactory import test_factories as factories

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator import Answer, LocalAzure

PROVIDER = "apache-airflow-providers-microsoft-azure"
PROVIDERS = {"2.6.3": "10.0.0", "2.10.5": "12.8.1", "3.3.2": "15.2.1"}
BACKEND = "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend"
CLUSTER = "/resourceGroups/flink-platform/providers/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
VAULT = "kv-runtime-one"
SECONDS = 300
# Parses on each of the versions: 2.6 wants a start date.
DAG = """
import os
from datetime import datetime

from airflow import DAG
try:
    from airflow.sdk import Variable
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.models import Variable
    from airflow.operators.python import PythonOperator


def read():
    print("VARIABLE", Variable.get("greeting"))
    print("COLOUR", os.environ["COLOUR"])


with DAG("reads", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="read", python_callable=read)
"""
BROKEN = "from airflow import DAG\nimport a_module_that_nobody_wrote\n"  # Airflow parses files that name both


@dataclass(kw_only=True)
class Behind:
    """One runtime with an Airflow behind it."""

    azure: LocalAzure
    version: str
    client: tuple[str, Any]
    vault: str
    web: str = ""
    runs: int = 0
    variables: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def modern(self) -> bool:
        """Whether it is Airflow 3."""
        return self.version.startswith("3")

    @property
    def api(self) -> str:
        """Where its REST API is."""
        return f"{self.web}/api/{'v2' if self.modern else 'v1'}"

    @property
    def static(self) -> str:
        """A file of its UI."""
        return f"{self.web}/static/pin_32.png"

    def ask(self, path: str, method: str = "GET", body: Any = None, **more: Any) -> Answer:
        """One request to its REST API, as the operator for ARM unless `token` says otherwise."""
        return self.azure.request(method, f"{self.api}/{path}", body, **more)

    def deploy(self, **variables: str) -> None:
        """PUT the runtime with the backend's settings and these variables."""
        kwargs = {"variables_prefix": "demo", "vault_url": f"https://{VAULT}.vault.azure.net/"}
        self.variables |= variables
        settings = {
            "AIRFLOW__SECRETS__BACKEND": BACKEND,
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
            **world.signed_in(self.azure, *self.client),
            **self.variables,
        }
        wanted = factories.runtime(
            airflowVersion=self.version,
            airflowRequirements=[f"{PROVIDER}=={PROVIDERS[self.version]}"],
            airflowEnvironmentVariables=settings,
        )
        made = factories.airflow_of(factories.call(self.azure, "PUT", factories.RUNTIME, wanted))
        self.web = str(made["airflowWebUrl"]).removesuffix("/login/")

    def run(self) -> tuple[str, str]:
        """Trigger the DAG; its state at the end and the task's log."""
        self.runs += 1
        name = f"run-{self.runs}"
        wanted: dict[str, Any] = {"dag_run_id": name}
        if self.modern:
            wanted["logical_date"] = None
        begun = self.ask("dags/reads/dagRuns", "POST", wanted)
        assert begun.status == 200, begun.body
        path = f"dags/reads/dagRuns/{name}"
        state = self.until(lambda: self.ask(path).json()["state"], lambda found: found in {"success", "failed"})
        log = self.ask(f"{path}/taskInstances/read/logs/1", headers={"Accept": "application/json"})
        assert log.status == 200, log.body
        return state, log.body.decode()

    def until(self, ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        """What is answered once it is as wanted; between two questions the local Azure is asked for news."""
        deadline = time.monotonic() + SECONDS
        while not wanted(found := ask()):
            assert time.monotonic() < deadline, found
            change = self.azure.control("GET", "/runtimes")["change"]
            self.azure.control("GET", f"/runtimes?after={change}&seconds=0.3")
        return found

    def up(self) -> dict[str, Any]:
        """Start it; what is told of it once it is ready."""
        *_, told = process.start_runtimes(self.azure.state)
        (airflow,) = [one for one in told if one["kind"] == "airflow"]
        assert airflow["state"] == "ready", airflow["failure"]
        return airflow

    def told(self) -> dict[str, Any]:
        """What is told of it now."""
        found = process.list_runtimes(self.azure.state)
        return next(one for one in found if one["kind"] == "airflow")


def make(azure: LocalAzure, version: str) -> Behind:
    """A runtime that may not read its vault yet, with a DAG and a file that is none."""
    cluster = f"{ARM}{azure.subscription}{CLUSTER}?api-version=2024-05-01-preview"
    assert azure.request("DELETE", cluster).status in {200, 202}  # else a Flink would start, too
    vault = world.vault(azure, VAULT)
    world.secret(azure, VAULT, "demo-greeting", "a word out of the vault")
    made = Behind(azure=azure, version=version, client=azure.new_client("airflow"), vault=vault)
    made.deploy(COLOUR="green")
    lake = lakes.create_lake(azure)
    blobs = f"{lake.blob}/airflow"
    assert lake.call("PUT", f"{blobs}?restype=container").status == 201
    for name, text in (("reads.py", DAG), ("broken.py", BROKEN)):
        kind = {"x-ms-blob-type": "BlockBlob"}
        assert lake.call("PUT", f"{blobs}/dags/{name}", text.encode(), headers=kind).status == 201
    linked = {"properties": {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": lake.blob}}}
    factories.call(azure, "PUT", factories.LINKED, linked)
    lake.grant(lakes.READER, factories.principal(azure))
    assert factories.sync(azure, StorageFolderPath="airflow").status == 202
    return made
