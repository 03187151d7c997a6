"""Sets up a vault, an Airflow runtime and its DAGs over raw HTTP, and calls the real Airflow behind the runtime."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localazure.app import process
from tests.clients import azure_resources
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
class AirflowRuntime:
    """An Airflow runtime with a real Airflow behind it."""

    azure: LocalAzure
    version: str
    client: tuple[str, Any]
    vault: str
    web: str = ""
    runs: int = 0
    variables: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_airflow_3(self) -> bool:
        """Whether the version is Airflow 3."""
        return self.version.startswith("3")

    @property
    def api(self) -> str:
        """The base URL of its REST API."""
        return f"{self.web}/api/{'v2' if self.is_airflow_3 else 'v1'}"

    @property
    def static_file_url(self) -> str:
        """The URL of a file of its UI."""
        return f"{self.web}/static/pin_32.png"

    def request(self, path: str, method: str = "GET", body: Any = None, **options: Any) -> Answer:
        """Send one request to its REST API, as the operator unless `token` is another."""
        return self.azure.request(method, f"{self.api}/{path}", body, **options)

    def deploy(self, **variables: str) -> None:
        """PUT the runtime with the Key Vault backend's settings and these variables."""
        kwargs = {"variables_prefix": "demo", "vault_url": f"https://{VAULT}.vault.azure.net/"}
        self.variables |= variables
        settings = {
            "AIRFLOW__SECRETS__BACKEND": BACKEND,
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
            **azure_resources.signed_in(self.azure, *self.client),
            **self.variables,
        }
        body = factories.runtime(
            airflowVersion=self.version,
            airflowRequirements=[f"{PROVIDER}=={PROVIDERS[self.version]}"],
            airflowEnvironmentVariables=settings,
        )
        properties = factories.airflow_of(factories.call(self.azure, "PUT", factories.RUNTIME, body))
        self.web = str(properties["airflowWebUrl"]).removesuffix("/login/")

    def run(self) -> tuple[str, str]:
        """Trigger the DAG and wait for its end. Returns the run's state and the task's log."""
        self.runs += 1
        name = f"run-{self.runs}"
        body: dict[str, Any] = {"dag_run_id": name}
        if self.is_airflow_3:
            body["logical_date"] = None
        triggered = self.request("dags/reads/dagRuns", "POST", body)
        assert triggered.status == 200, triggered.body
        path = f"dags/reads/dagRuns/{name}"
        state = self.wait_until(
            lambda: self.request(path).json()["state"], lambda state: state in {"success", "failed"}
        )
        log = self.request(f"{path}/taskInstances/read/logs/1", headers={"Accept": "application/json"})
        assert log.status == 200, log.body
        return state, log.body.decode()

    def wait_until(self, read: Callable[[], Any], condition: Callable[[Any], bool]) -> Any:
        """Read a value again and again until it fulfils the condition. Returns it."""
        deadline = time.monotonic() + SECONDS
        while not condition(value := read()):
            assert time.monotonic() < deadline, value
            change = self.azure.control("GET", "/runtimes")["change"]
            self.azure.control("GET", f"/runtimes?after={change}&seconds=0.3")
        return value

    def start(self) -> dict[str, Any]:
        """Start the Airflow and wait until it is ready. Returns its status."""
        *_, listing = process.start_and_watch_runtimes(self.azure.state)
        (airflow,) = [one for one in listing if one["kind"] == "airflow"]
        assert airflow["state"] == "ready", airflow["failure"]
        return airflow

    def status(self) -> dict[str, Any]:
        """Return the current status of the Airflow."""
        runtimes = process.list_runtimes(self.azure.state)
        return next(one for one in runtimes if one["kind"] == "airflow")


def make(azure: LocalAzure, version: str) -> AirflowRuntime:
    """Create a runtime that may not read its vault yet, with a DAG and a file that is none."""
    cluster = f"{ARM}{azure.subscription}{CLUSTER}?api-version=2024-05-01-preview"
    assert azure.request("DELETE", cluster).status in {200, 202}  # else a Flink would start, too
    vault = azure_resources.vault(azure, VAULT)
    azure_resources.secret(azure, VAULT, "demo-greeting", "a word out of the vault")
    runtime = AirflowRuntime(azure=azure, version=version, client=azure.new_client("airflow"), vault=vault)
    runtime.deploy(COLOUR="green")
    lake = lakes.create_lake(azure)
    blobs = f"{lake.blob}/airflow"
    assert lake.call("PUT", f"{blobs}?restype=container").status == 201
    for name, text in (("reads.py", DAG), ("broken.py", BROKEN)):
        kind = {"x-ms-blob-type": "BlockBlob"}
        assert lake.call("PUT", f"{blobs}/dags/{name}", text.encode(), headers=kind).status == 201
    linked_service = {"properties": {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": lake.blob}}}
    factories.call(azure, "PUT", factories.LINKED_SERVICE, linked_service)
    lake.grant(lakes.READER, factories.principal(azure))
    assert factories.sync(azure, StorageFolderPath="airflow").status == 202
    return runtime
