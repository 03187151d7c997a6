"""The real Airflow behind an Airflow runtime: the version, requirements and settings that are in use in it.

Changed settings that are rolled out restart it, as the service rebuilds a runtime; imported files arrive as they are.
"""

from __future__ import annotations

from pathlib import PurePosixPath
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
    from localazure.app.world import World


def _wanted(world: World) -> Iterator[ProgramSpec]:
    """Every Airflow runtime, with what is in use in it now."""
    for runtime in resources.list_of_type(world, airflow_runtimes.TYPE):
        if runtime["properties"]["type"] == "Airflow":
            yield program_spec(world, runtime)


def program_spec(world: World, runtime: dict[str, Any]) -> ProgramSpec:
    """One runtime. `given`: its airflowProperties in use and the id in its web server's name."""
    airflow = airflow_runtimes.active_airflow_properties(world, runtime)
    return ProgramSpec(
        resource_id=runtime["id"],
        name=runtime["name"],
        version=airflow["airflowVersion"],
        given={"airflow": airflow, "web_id": runtime["_web_id"]},
    )


def _follow(world: World, wanted: ProgramSpec, folder: Path) -> None:
    """The imported files, as they are now."""
    runtime = resources.find(world, wanted.resource_id)
    if runtime is not None:
        _keep_files(world, runtime, home.home_folder(folder, wanted.given["web_id"]))


def _keep_files(world: World, runtime: Document, airflow_home: Path) -> None:
    files = {str(file["path"]): file for file in airflow_runtimes.list_imported_files(world, runtime)}
    versions = {path: str(file["content"]) for path, file in files.items() if _inside(path)}

    def content(path: str) -> bytes:
        return contents.read_all(world, versions[path], int(files[path]["size"]))

    home.synchronize_files(airflow_home, versions, content)


def _inside(path: str) -> bool:
    """Whether it names a file below one of the two folders; a blob may be called `dags/../x`."""
    parts = PurePosixPath(path).parts
    return len(parts) > 1 and parts[0] in {"dags", "plugins"} and not {"..", "\0"} & {*parts} and "\0" not in path


RUNTIME = Runtime(kind=airflow.KIND, wanted=_wanted, prepare=airflow.prepare, follow=_follow)
