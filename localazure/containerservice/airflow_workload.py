"""A real Airflow as somebody has deployed it on a cluster: `PUT /settings/airflow-NAME` at the control endpoint.

The setting is `{"issuer", "subject", "version", "requirements", "variables", "dags"}`: the issuer's address or the
cluster's id; whose token it has (`system:serviceaccount:NAMESPACE:NAME`); Airflow's version and the packages of its
image; its environment, a line NAME=value each; ACCOUNT/CONTAINER whose `dags/` are brought to it, empty if it reads
its DAGs itself. What workload identity's webhook adds to a pod is added here: a token in a file, which is renewed while
Airflow runs.
https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt

from localazure.app import contents
from localazure.app.call import AzureError
from localazure.app.program import ProgramSpec
from localazure.app.resource_manager import resources
from localazure.app.runtime import Runtime
from localazure.app.state_files import write_private
from localazure.containerservice import service_accounts
from localazure.containerservice.managed_clusters import TYPE
from localazure.entra import directory
from localazure.runtimes import airflow
from localazure.runtimes.airflow import home
from localazure.storage.data import paths
from localazure.storage.data.paths import PathAddress
from localazure.storage.data.storage_access import require_readable_container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localazure.app.program import Program, Workspace
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

DOMAIN = "airflow.example"
TOKEN_FILE = "azure-identity-token"  # noqa: S105  # a file's name
_SETTINGS, _PREFIX = "settings", "airflow-"
_SECONDS = 3600  # a token's lifetime, which is renewed at its half


def resource_id(name: str) -> str:
    """Return what stands for a workload among the resources that have programs; it is none of Azure's."""
    return f"/workloads/{_PREFIX}{name.lower()}"


def find_workload(tenant: Tenant, name: str) -> Document | None:
    """Return the settings of a workload, or None if nobody has deployed it."""
    return tenant.store.get(_SETTINGS, f"{_PREFIX}{name.lower()}")


def dag_texts(tenant: Tenant, workload: Document) -> Iterator[tuple[str, str]]:
    """Yield path and text of each DAG's file in the container that is brought to it. The workload must have `dags`."""
    account, container = str(workload["dags"]).split("/")
    for file in paths.list_below(tenant, PathAddress(account=account, container=container, path="dags")):
        if str(file["name"]).endswith(".py"):
            text = contents.read_all(tenant, str(file["content"]), int(file["size"]))
            yield str(file["name"]), text.decode("utf-8", "replace")


def _specs(tenant: Tenant) -> Iterator[ProgramSpec]:
    """Yield the spec of a program for each workload whose cluster exists."""
    for key, workload in tenant.store.rows(_SETTINGS, _PREFIX):
        if _find_cluster(tenant, workload) is not None:
            name = key.removeprefix(_PREFIX)
            yield ProgramSpec(
                resource_id=resource_id(name),
                name=name,
                version=str(workload["version"]),
                parameters={"workload": workload, "airflow": _airflow_properties(name, workload), "web_id": name},
            )


def _airflow_properties(name: str, workload: Document) -> Document:
    """Return the workload as the properties from which an Airflow is started."""
    lines = (line for line in str(workload["variables"]).splitlines() if line and not line.startswith("#"))
    return {
        "airflowVersion": workload["version"],
        "airflowRequirements": workload["requirements"],
        "airflowEnvironmentVariables": dict(line.split("=", 1) for line in lines),
        "airflowWebUrl": f"https://{name}.{DOMAIN}/login/",
        "enableTriggerers": False,
    }


def _prepare(spec: ProgramSpec, workspace: Workspace) -> Program:
    """Prepare Airflow with what the webhook adds to its variables."""
    token = home.home_folder(workspace.folder, spec.parameters["web_id"]) / TOKEN_FILE
    added = {"AZURE_FEDERATED_TOKEN_FILE": str(token), "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/"}
    properties: dict[str, Any] = spec.parameters["airflow"]
    variables = {**added, **properties["airflowEnvironmentVariables"]}
    injected = {**spec.parameters, "airflow": {**properties, "airflowEnvironmentVariables": variables}}
    return airflow.prepare(replace(spec, parameters=injected), workspace)


def _sync_files(tenant: Tenant, spec: ProgramSpec, folder: Path) -> None:
    """Renew the token, and bring the DAGs up to date with the container."""
    workload: Document = spec.parameters["workload"]
    cluster = _find_cluster(tenant, workload)
    if cluster is None or tenant.store.reads_past:
        return
    airflow_home = home.home_folder(folder, spec.parameters["web_id"])
    _renew_token_if_due(tenant, cluster, workload, airflow_home / TOKEN_FILE)
    client_id = str(spec.parameters["airflow"]["airflowEnvironmentVariables"].get("AZURE_CLIENT_ID", ""))
    if workload["dags"]:
        _sync_dags_if_readable(tenant, workload, client_id, airflow_home)


def _find_cluster(tenant: Tenant, workload: Document) -> Document | None:
    """Return the cluster whose issuer's address or own id the workload names."""
    name = str(workload["issuer"])
    for cluster in resources.list_of_type(tenant, TYPE):
        if service_accounts.issuer_of(cluster) == name or str(cluster["id"]).lower() == name.lower():
            return cluster
    return None


def _renew_token_if_due(tenant: Tenant, cluster: Document, workload: Document, token_file: Path) -> None:
    """Write a new token unless the one in the file has more than half of its lifetime left."""
    now = tenant.clock.timestamp()
    if token_file.exists():
        claims = jwt.decode(token_file.read_text(), options={"verify_signature": False})
        if claims["iat"] <= now < claims["exp"] - _SECONDS / 2:
            return
    namespace, name = str(workload["subject"]).split(":")[2:4]
    audiences = (service_accounts.AUDIENCE,)
    token = service_accounts.create_token(tenant, cluster, namespace, name, audiences=audiences, seconds=_SECONDS)
    write_private(token_file, token.encode())


def _sync_dags_if_readable(tenant: Tenant, workload: Document, client_id: str, airflow_home: Path) -> None:
    """Copy the files of `dags/` if Airflow's identity may read the container; else what was copied stays."""
    account, container = str(workload["dags"]).split("/")
    principal = directory.find_principal_by_app_id(tenant, client_id)
    try:
        require_readable_container(tenant, principal["id"] if principal else "", account, container)
    except AzureError:
        return
    top = PathAddress(account=account, container=container, path="dags")
    files = {str(file["name"]): file for file in paths.list_below(tenant, top) if not file["directory"]}
    versions = {path: f"{file['content']} {file['etag']}" for path, file in files.items() if home.is_importable(path)}

    def content(path: str) -> bytes:
        return contents.read_all(tenant, str(files[path]["content"]), int(files[path]["size"]))

    home.synchronize_files(airflow_home, versions, content)


RUNTIME = Runtime(kind=airflow.KIND, specs=_specs, prepare=_prepare, sync_files=_sync_files)
