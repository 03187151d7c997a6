"""Airflow's own WasbDagBundle, unmodified and as `render` configures it, reads the DAG container of the local Azure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
LIST = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
READ = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager

every = {}
for bundle in DagBundlesManager().get_all_dag_bundles():
    found = {"class": type(bundle).__name__, "url": bundle.view_url_template(), "error": ""}
    try:
        bundle.initialize()
    except Exception as error:
        found["error"] = type(error).__name__
    files = (one for one in bundle.path.rglob("*") if one.is_file())
    every[bundle.name] = {**found, "files": {str(one.relative_to(bundle.path)): one.read_text() for one in files}}
print("FOUND " + json.dumps(every))
"""


def provisioned(azure: LocalAzure, place: Path, name: str, **changed: Any) -> dict[str, str]:
    """environments/self-managed.yaml with changes and with a secret, provisioned; what `render` prints for it."""
    spec = yaml.safe_load((TOP / "environments/self-managed.yaml").read_text())
    spec["job"]["jar"] = str(TOP / "templates/jobs/wordcount/wordcount.jar")
    spec |= {"principals": {"airflow": {"credential": "secret"}}, **changed}
    file = place / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**spec, "name": name}))
    provisioner(azure, place, "provision", str(file), "--yes")
    lines = provisioner(azure, place, "render", str(file), "--format", "env").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def started(azure: LocalAzure, place: Path, variables: dict[str, str]) -> Airflow:
    """An Airflow with these variables, and the secret to which they refer."""
    url = f"{VAULT}/secrets/self-managed-airflow-client-secret?api-version=7.5"
    secret = azure.request("GET", url, token=azure.token("https://vault.azure.net")).json()["value"]
    home = place / VERSION
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


def bundles(airflow: Airflow) -> dict[str, Any]:
    """What each of Airflow's bundles has, or the error with which it ends."""
    done = airflow.call("python", "-c", READ)
    lines = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0])


def test_the_real_bundle_reads_flat_files_and_fails_on_a_folder_below(azure: LocalAzure, tmp_path: Path) -> None:
    airflow = started(azure, tmp_path, provisioned(azure, tmp_path, "self-managed"))
    ((name, flat),) = bundles(airflow).items()
    assert (name, flat["class"], flat["error"]) == ("self-managed-dags", "WasbDagBundle", "")
    assert flat["url"] == "https://stselfmanaged.blob.core.windows.net/airflow/dags"
    assert list(flat["files"]) == ["flink_wordcount.py"]
    assert "self-managed-FlinkWordCountExample" in flat["files"]["flink_wordcount.py"]

    put(azure, "dags/other.py", "# flat, too\n")
    assert bundles(airflow)[name]["files"] == {**flat["files"], "other.py": "# flat, too\n"}

    put(azure, "dags/team/nested.py", "# below a folder\n")
    assert bundles(airflow)[name]["error"] == "NotADirectoryError"


def test_one_airflow_reads_the_dags_of_two_environments(azure: LocalAzure, tmp_path: Path) -> None:
    one = provisioned(azure, tmp_path, "self-managed")
    group = f"{azure.subscription}/resourceGroups/self-managed"
    shared = {
        "resource_group": "second",
        "storage_account": "stsecond",
        "vault": f"{group}/providers/Microsoft.KeyVault/vaults/kv-self-managed",
        "principals": {"airflow": {"application": {"client_id": one["AZURE_CLIENT_ID"]}}},
    }
    two = provisioned(azure, tmp_path, "second", **shared)
    different = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
    connections = {"AIRFLOW_CONN_SELF_MANAGED_DAG_BUNDLE", "AIRFLOW_CONN_SECOND_DAG_BUNDLE"}
    assert different == {LIST, "PROVISIONER_RENDERED", *connections}

    both = {**one, **two, LIST: json.dumps([*json.loads(one[LIST]), *json.loads(two[LIST])])}
    found = bundles(started(azure, tmp_path, both))

    assert {name: bundle["error"] for name, bundle in found.items()} == {"self-managed-dags": "", "second-dags": ""}
    texts = {name: bundle["files"]["flink_wordcount.py"] for name, bundle in found.items()}
    assert all(f"{name.removesuffix('dags')}FlinkWordCountExample" in text for name, text in texts.items())
