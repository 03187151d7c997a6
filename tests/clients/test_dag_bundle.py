"""Airflow's own WasbDagBundle, unmodified and as `render` configures it, reads the DAG container of the local Azure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.clients import airflows
from tests.clients.conftest import told
from tests.clients.test_dag import provisioner
from tests.clients.test_provisioned import TOP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.airflows import Airflow
    from tests.emulator import LocalAzure

VERSION = "airflow-3-bundle"
VAULT = "https://kv-self-managed.vault.azure.net"
LAKE = "https://stselfmanaged.dfs.core.windows.net/airflow"
STORAGE = "https://storage.azure.com"
READ = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager

(bundle,) = DagBundlesManager().get_all_dag_bundles()
found = {"name": bundle.name, "class": type(bundle).__name__, "url": bundle.view_url_template(), "error": ""}
try:
    bundle.initialize()
except Exception as error:
    found["error"] = type(error).__name__
found["files"] = {str(one.relative_to(bundle.path)): one.read_text() for one in bundle.path.rglob("*") if one.is_file()}
print("FOUND " + json.dumps(found))
"""


@pytest.fixture
def airflow(azure: LocalAzure, tmp_path: Path) -> Airflow:
    """An Airflow with what `render --format env` prints, and the secret to which that refers."""
    spec = yaml.safe_load((TOP / "environments/self-managed.yaml").read_text())
    spec["job"]["jar"] = str(TOP / "templates/jobs/wordcount/wordcount.jar")
    file = tmp_path / "env.yaml"
    file.write_text(yaml.safe_dump({**spec, "principals": {"airflow": {"credential": "secret"}}}))
    provisioner(azure, tmp_path, "provision", str(file), "--yes")
    lines = provisioner(azure, tmp_path, "render", str(file), "--format", "env").splitlines()
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    url = f"{VAULT}/secrets/self-managed-airflow-client-secret?api-version=7.5"
    secret = azure.request("GET", url, token=azure.token("https://vault.azure.net")).json()["value"]
    home = tmp_path / VERSION
    own = {"AZURE_CLIENT_SECRET": secret, "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles")}
    return airflows.made(VERSION, home, told(azure) | variables | own)


def put(azure: LocalAzure, path: str, text: str) -> None:
    """Write a file of the container, and the folders above it."""
    url, token = f"{LAKE}/{path}", azure.token(STORAGE)
    sent = {"x_ms_version": "2023-11-03"}
    created = azure.request("PUT", f"{url}?resource=file", headers={**sent, "Content_Length": "0"}, token=token)
    added = azure.request("PATCH", f"{url}?action=append&position=0", text.encode(), headers=sent, token=token)
    flushed = azure.request("PATCH", f"{url}?action=flush&position={len(text)}", headers=sent, token=token)
    assert (created.status, added.status, flushed.status) == (201, 202, 200)


def bundle(airflow: Airflow) -> dict[str, Any]:
    """What Airflow's one bundle has, or the error with which it ends."""
    done = airflow.call("python", "-c", READ)
    lines = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0])


def test_the_real_bundle_reads_flat_files_and_fails_on_a_folder_below(azure: LocalAzure, airflow: Airflow) -> None:
    flat = bundle(airflow)
    assert (flat["name"], flat["class"], flat["error"]) == ("self-managed-dags", "WasbDagBundle", "")
    assert flat["url"] == "https://stselfmanaged.blob.core.windows.net/airflow/dags"
    assert list(flat["files"]) == ["flink_wordcount.py"]
    assert "self-managed-FlinkWordCountExample" in flat["files"]["flink_wordcount.py"]

    put(azure, "dags/other.py", "# flat, too\n")
    assert bundle(airflow)["files"] == {**flat["files"], "other.py": "# flat, too\n"}

    put(azure, "dags/team/nested.py", "# below a folder\n")
    assert bundle(airflow)["error"] == "NotADirectoryError"
