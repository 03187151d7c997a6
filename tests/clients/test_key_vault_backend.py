"""Airflow's own AzureKeyVaultBackend, unmodified, reads variables and connections out of a vault of the local Azure."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.clients import azure_resources
from tests.clients.conftest import SECONDS, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure

VAULT = "kv-airflow-one"
BACKEND = "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend"
DAG_SIDE = """
import json
from airflow.exceptions import AirflowNotFoundException
from airflow.hooks.base import BaseHook
from airflow.models import Variable

def connection(name):
    try:
        return BaseHook.get_connection(name).host
    except AirflowNotFoundException:
        return None

found = {"variable": Variable.get("api-client-id", None), "connection": connection("warehouse")}
found["absent"] = Variable.get("nobody-wrote-this", None)
print("FOUND " + json.dumps(found))
"""


def read_by_airflow(azure: LocalAzure, python: Path, home: Path, client: dict[str, str]) -> dict[str, Any]:
    """What code in a DAG gets from Airflow with the article's settings, signed in as the client."""
    kwargs = {
        "connections_prefix": "hdinsight-aks-connections",
        "variables_prefix": "hdinsight-aks-variables",
        "vault_url": f"https://{VAULT}.vault.azure.net/",
    }
    airflow = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
    }
    done = subprocess.run(
        [str(python), "-c", DAG_SIDE],
        env=told(azure, **airflow) | client,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0])


def filled_vault(azure: LocalAzure) -> str:
    """The id of a vault with a variable and a connection."""
    vault = azure_resources.vault(azure, VAULT)
    azure_resources.secret(azure, VAULT, "hdinsight-aks-variables-api-client-id", "the-client")
    azure_resources.secret(
        azure, VAULT, "hdinsight-aks-connections-warehouse", "postgres://reader@warehouse.test:5432/sales"
    )
    return vault


def test_the_backend_reads_a_variable_and_a_connection_with_secrets_user(
    azure: LocalAzure, airflow_python: Path, tmp_path: Path
) -> None:
    vault = filled_vault(azure)
    client_id, secret = azure.new_client("airflow")
    azure_resources.grant(azure, vault, azure_resources.SECRETS_USER, client_id)
    client = azure_resources.signed_in(azure, client_id, secret)
    found = read_by_airflow(azure, airflow_python, tmp_path, client)
    assert found == {"variable": "the-client", "connection": "warehouse.test", "absent": None}


def test_the_backend_reads_nothing_without_a_role(azure: LocalAzure, airflow_python: Path, tmp_path: Path) -> None:
    filled_vault(azure)
    client = azure_resources.signed_in(azure, *azure.new_client("airflow"))
    found = read_by_airflow(azure, airflow_python, tmp_path, client)
    assert found == {"variable": None, "connection": None, "absent": None}
