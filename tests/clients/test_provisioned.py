"""Other people's programs find what `provision` made of environments/local.yaml and self-managed.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.conftest import SECONDS, told
from tests.emulator import ARM

if TYPE_CHECKING:
    from tests.clients.conftest import Az
    from tests.emulator import LocalAzure

TOP = Path(__file__).resolve().parent.parent.parent
FACTORY = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"
OF_SELF_MANAGED = "startswith(displayName, 'self-managed ')"
READ = """
import json
from airflow.hooks.base import BaseHook
from airflow.models import Variable

names = ("api-client-id", "api-secret", "tenant-id", "greeting")
found = {name: Variable.get(name) for name in names}
found["counts"] = BaseHook.get_connection("counts").host
print("FOUND " + json.dumps(found))
"""


@pytest.fixture
def provisioned(azure: LocalAzure, tmp_path: Path) -> LocalAzure:
    """A local Azure in which `provision local` has run, as a process."""
    provision(azure, "local", tmp_path)
    return azure


def provision(azure: LocalAzure, name: str, folder: Path) -> None:
    """As `provisioner provision NAME`."""
    places = {"PROVISIONER_LOCAL_STATE": str(azure.state), "PROVISIONER_JOURNAL": str(folder / "journal")}
    command = [sys.executable, "-m", "provisioner", "provision", name, "--yes"]
    done = subprocess.run(
        command, cwd=TOP, env={**os.environ, **places}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def runtime_settings(azure: LocalAzure) -> dict[str, str]:
    """What Data Factory would start Airflow with."""
    url = f"{ARM}{azure.subscription}{FACTORY}/integrationruntimes/airflow-local?api-version=2018-06-01"
    properties = azure.request("GET", url).json()["properties"]
    return properties["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]


def run_airflow(azure: LocalAzure, python: Path, home: Path) -> dict[str, Any]:
    """What a DAG's code reads in an Airflow with the runtime's settings."""
    variables = told(azure, AIRFLOW_HOME=str(home)) | runtime_settings(azure)
    done = subprocess.run(
        [str(python), "-c", READ], env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.partition("FOUND ")[2])


@pytest.mark.shows_secrets(
    "command line", "files", why="az takes its password as an option and keeps tokens in a folder of its own"
)
def test_az_shows_no_password_of_any_application_of_an_environment_without_a_secret(
    azure: LocalAzure, az: Az, tmp_path: Path
) -> None:
    provision(azure, "self-managed", tmp_path)
    made = {one["displayName"]: one["appId"] for one in az("ad", "app", "list", "--filter", OF_SELF_MANAGED)}
    assert set(made) == {"self-managed airflow", "self-managed flink-api"}
    for client_id in made.values():
        shown = az("ad", "app", "show", "--id", client_id)
        assert (shown["passwordCredentials"], shown["keyCredentials"]) == ([], [])
        assert az("ad", "app", "credential", "list", "--id", client_id) == []
        assert az("ad", "app", "federated-credential", "list", "--id", client_id) != []


@pytest.mark.shows_secrets(
    "command line", "files", why="az takes its password as an option and keeps tokens in a folder of its own"
)
def test_az_lists_what_provision_made(provisioned: LocalAzure, az: Az) -> None:
    assert "provisioner-environment" in az("group", "show", "--name", "flink-local")["tags"]
    made = {one["type"].lower() for one in az("resource", "list", "--resource-group", "flink-local")}
    assert made == {"microsoft.keyvault/vaults", "microsoft.storage/storageaccounts"}
    secrets = az("keyvault", "secret", "list", "--vault-name", "kv-flink-local")
    assert {one["name"] for one in secrets} == {
        "airflow-connections-counts",
        "hdinsight-aks-variables-api-client-id",
        "hdinsight-aks-variables-api-secret",
        "hdinsight-aks-variables-greeting",
        "hdinsight-aks-variables-tenant-id",
    }
    here = ("--file-system", "jobs", "--account-name", "stflinklocal", "--auth-mode", "login")
    assert [one["name"] for one in az("storage", "fs", "file", "list", *here)] == ["wordcount.jar"]
    names = [str(one["uniqueName"]) for one in az("ad", "app", "list", "--all")]
    assert len([name for name in names if name.startswith("provisioner-")]) == 2
    roles = {one["roleDefinitionName"] for one in az("role", "assignment", "list", "--all")}
    assert roles >= {"Key Vault Secrets Officer", "Contributor", "Storage Blob Data Owner"}
    assert provisioned.operator_client_id


@pytest.mark.shows_secrets("output", why="a program that reads its variables prints them here")
def test_airflow_reads_its_variables_with_the_settings_that_provision_wrote(
    provisioned: LocalAzure, airflow_python: Path, tmp_path: Path
) -> None:
    found = run_airflow(provisioned, airflow_python, tmp_path / "airflow")
    assert found["greeting"] == "hello from the vault"
    assert found["counts"] == "counts.example"
    assert found["tenant-id"] == provisioned.tenant_id
    assert found["api-client-id"] != runtime_settings(provisioned)["AZURE_CLIENT_ID"]
    assert found["api-secret"]
