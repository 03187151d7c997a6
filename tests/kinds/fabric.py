"""Fabric on the local Azure as tests of kinds use it: jobs that others made, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.model import View
from tests.kinds.azure_setup import ENVIRONMENT
from tests.localazure.fabric.workspace import JOBS, POOL, WORKSPACE_ID, Fabric

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from tests.emulator import LocalAzure

__all__ = ["JOBS", "WORKSPACE_ID", "adopted", "changes", "pool", "read", "settings", "view"]


def adopted(azure: LocalAzure, **settings: dict[str, str]) -> str:
    """The path of a job that somebody made and runs, with settings and a file; the same at every call."""
    fabric = Fabric(azure=azure)
    listed = fabric("GET", JOBS).json()["value"]
    found = [f"{JOBS}/{one['id']}" for one in listed if one["displayName"] == "airflow-dev"]
    job = found[0] if found else fabric.started()
    if settings:
        body = {
            name: [{"name": key, "value": value} for key, value in values.items()] for name, values in settings.items()
        }
        assert fabric("POST", f"{job}/environment/updateSettings?beta=true", body).status == 202
    return job.removeprefix("/v1")


def settings(azure: LocalAzure, job: str) -> dict[str, dict[str, str]]:
    """The settings of a job: by list, values by name."""
    shown: dict[str, Any] = Fabric(azure=azure)("GET", f"/v1{job}/environment/settings?beta=true").json()
    lists = ("environmentVariables", "airflowConfigurationOverrides")
    return {name: {one["name"]: one["value"] for one in shown[name]} for name in lists}


def pool(azure: LocalAzure) -> str:
    """The GUID of a pool of the workspace, `own`."""
    created = Fabric(azure=azure)("POST", f"{JOBS}/poolTemplates?beta=true", POOL)
    return str(created.json()["id"])


def view(cloud: Cloud) -> View:
    return View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)


def read(cloud: Cloud, kind: Kind[Any, Any], desired: Any) -> Any:
    """As the next pass finds it."""
    cloud.session.reads.new_pass()
    return kind.read(cloud, desired)


def changes(cloud: Cloud, kind: Kind[Any, Any], desired: Any) -> list[tuple[str, str]]:
    """What a plan would show: field, what it forces."""
    return [(one.field, one.forces.value) for one in kind.diff(desired, read(cloud, kind, desired), view(cloud))]
