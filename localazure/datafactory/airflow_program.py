"""The real Airflow behind an Airflow runtime, with the version, requirements and settings that are active in it.

Settings restart it once they are rolled out, as the service rebuilds a runtime; imported files are copied at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app import contents
from localazure.app.program import ProgramSpec
from localazure.app.resource_manager import resources
from localazure.app.runtime import Runtime
from localazure.datafactory import airflow_runtimes
from localazure.runtimes import airflow
from localazure.runtimes.airflow import home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant


def _specs(tenant: Tenant) -> Iterator[ProgramSpec]:
    """Yield the spec of a program for every Airflow runtime of the tenant."""
    for runtime in resources.list_of_type(tenant, airflow_runtimes.TYPE):
        if runtime["properties"]["type"] == "Airflow":
            yield program_spec(tenant, runtime)


def program_spec(tenant: Tenant, runtime: dict[str, Any]) -> ProgramSpec:
    """Return the spec for one runtime. Its parameters are the active airflowProperties, and the web server's id."""
    properties = airflow_runtimes.active_airflow_properties(tenant, runtime)
    return ProgramSpec(
        resource_id=runtime["id"],
        name=runtime["name"],
        version=properties["airflowVersion"],
        parameters={"airflow": properties, "web_id": runtime["_web_id"]},
    )


def _sync_files(tenant: Tenant, spec: ProgramSpec, folder: Path) -> None:
    """Bring the files in the program's home up to date with those imported into its runtime."""
    runtime = resources.find(tenant, spec.resource_id)
    if runtime is not None:
        _sync_home(tenant, runtime, home.home_folder(folder, spec.parameters["web_id"]))


def _sync_home(tenant: Tenant, runtime: Document, airflow_home: Path) -> None:
    files = {str(file["path"]): file for file in airflow_runtimes.list_imported_files(tenant, runtime)}
    versions = {path: str(file["content"]) for path, file in files.items() if home.is_importable(path)}

    def content(path: str) -> bytes:
        return contents.read_all(tenant, versions[path], int(files[path]["size"]))

    home.synchronize_files(airflow_home, versions, content)


RUNTIME = Runtime(kind=airflow.KIND, specs=_specs, prepare=airflow.prepare, sync_files=_sync_files)
