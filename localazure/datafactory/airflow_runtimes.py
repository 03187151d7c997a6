"""Airflow runtimes of data factories (Workflow Orchestration Manager): what stands in one, what of it is in use.

Settings (table `settings`, key `airflow`, PUT /settings/airflow at the control endpoint): `start_seconds` until a new
runtime is Started, `rollout_seconds` until what a PUT changes is in use, `mask_variables` hides them from GET (all, or
those of a list). The service makes runtimes of Airflow 2.6.3 and older, with Python 3.8; here 2.10.x, 2.11.x and 3.x.y
are taken, too, so that DAGs can be tried on what follows it.
https://learn.microsoft.com/azure/data-factory/rest-apis-for-airflow-integrated-runtime
"""

from __future__ import annotations

import platform
import re
from copy import deepcopy
from typing import TYPE_CHECKING, cast

from localazure.app import contents
from localazure.app.call import AzureError
from localazure.app.json_body import object_at
from localazure.app.resource_manager import resources
from localazure.app.resource_manager.regions import short_location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.store import Document
    from localazure.app.world import World

TYPE = "Microsoft.DataFactory/factories/integrationruntimes"
FILES = "airflow_files"
MASK = "**********"
HOST_SUFFIX = "airflow.svc.datafactory.azure.com"
_SETTINGS = {"start_seconds": 0.0, "rollout_seconds": 0.0, "mask_variables": False}
_PYTHON = {"2.2.2": "3.8", "2.2.4": "3.8", "2.4.3": "3.8", "2.6.3": "3.8"}
_NEWEST = "2.6.3"
_HERE_TOO = re.compile(r"2\.1[01]\.\d{1,3}|3\.\d{1,3}\.\d{1,3}")
_DEFAULTS: Document = {
    "airflowRequirements": [],
    "airflowEnvironmentVariables": {},
    "airflowEntityReferences": [],
    "packageProviderPath": "plugins",
    "enableAADIntegration": True,
    "enableTriggerers": False,
}


def test_settings(world: World) -> Document:
    """What tests set, and defaults for the rest."""
    return {**_SETTINGS, **(world.store.get("settings", "airflow") or {})}


def new_runtime(world: World, factory: Document, properties: Document, old: Document | None) -> Document:
    """The runtime's document that a PUT asks for; 400 for what the service refuses."""
    sent = deepcopy(object_at(properties, "typeProperties"))
    airflow, compute = object_at(sent, "airflowProperties"), object_at(sent, "computeProperties")
    object_at(airflow, "gitSyncProperties")
    before: Document = old["properties"]["typeProperties"]["airflowProperties"] if old else {}
    version = str(airflow.get("airflowVersion") or before.get("airflowVersion") or _NEWEST)
    _check(airflow, version, before)
    compute = {"location": factory["location"], "computeSize": "Small", "extraNodes": 0, **compute}
    _check_compute(compute, factory)
    web_id = str(old["_web_id"]) if old else world.clock.new_id().replace("-", "")
    airflow = {**_DEFAULTS, **airflow, "airflowVersion": version, "pythonVersion": python_version(version)}
    airflow["airflowWebUrl"] = f"https://{web_id}.{short_location(factory['location'])}.{HOST_SUFFIX}/login/"
    now = world.clock.timestamp()
    kept = {**properties, "typeProperties": {**sent, "computeProperties": compute, "airflowProperties": airflow}}
    return {
        "properties": kept,
        "_web_id": web_id,
        "_created": old["_created"] if old else now,
        "_rolled_out": now + test_settings(world)["rollout_seconds"],
        "_before": active_airflow_properties(world, old) if old else None,
    }


def active_airflow_properties(world: World, runtime: Document) -> Document:
    """The airflowProperties that workers run with: those of before until a change is rolled out."""
    before: Document | None = runtime.get("_before")
    waits = before and world.clock.timestamp() < runtime.get("_rolled_out", 0.0)  # none: written by an older version
    return before if before and waits else runtime["properties"]["typeProperties"]["airflowProperties"]


def state(world: World, runtime: Document) -> str:
    """Starting, then Started."""
    up = world.clock.timestamp() >= runtime["_created"] + test_settings(world)["start_seconds"]
    return "Started" if up else "Starting"


def response_body(world: World, runtime: Document, *, state_shown: str = "") -> Document:
    """The runtime as an answer shows it. Passwords and git credentials are masked, variables where that is set."""
    result = resources.response_body(deepcopy(runtime))
    properties: Document = result["properties"]
    if properties["type"] != "Airflow":
        return result
    airflow: Document = properties["typeProperties"]["airflowProperties"]
    git: Document = airflow.get("gitSyncProperties") or {}
    for holder, name in ((airflow, "password"), (git, "credential")):
        if holder.get(name):
            holder[name] = MASK
    variables, masked = airflow["airflowEnvironmentVariables"], test_settings(world)["mask_variables"]
    for name in variables.keys() if masked is True else variables.keys() & set(masked or ()):
        variables[name] = MASK
    properties["state"] = state_shown or state(world, runtime)
    return result


def find_by_web_id(world: World, web_id: str) -> Document | None:
    """The runtime whose web server has this id in its name."""
    return next((d for d in resources.list_of_type(world, TYPE) if d.get("_web_id") == web_id.lower()), None)


def list_imported_files(world: World, runtime: Document) -> Iterator[Document]:
    """What was imported: `{"path", "content", "size", "etag", "source", "imported"}`, by path."""
    return (document for _, document in world.store.rows(FILES, f"{runtime['id'].lower()}/"))


def import_file(world: World, runtime: Document, path: str, found: Document, source: str) -> None:
    """Copy a file of the data lake into the runtime."""
    key = f"{runtime['id'].lower()}/{path}"
    old = world.store.get(FILES, key)
    if old is not None:
        contents.delete(world, str(old["content"]))
    content = contents.create(world)
    contents.copy(world, content, 0, str(found["content"]), length=int(found["size"]))
    stamp = {"etag": found["etag"], "source": source, "imported": world.clock.timestamp()}
    world.store.put(FILES, key, {"path": path, "content": content, "size": found["size"], **stamp})


def _drop_files(world: World, runtime: Document) -> None:
    for document in list(list_imported_files(world, runtime)):
        contents.delete(world, str(document["content"]))
        world.store.remove(FILES, f"{runtime['id'].lower()}/{document['path']}")


def python_version(version: str) -> str:
    """The Python that the service has with that Airflow; for those that only this Azure has, the one it runs with."""
    return _PYTHON.get(version) or ".".join(platform.python_version_tuple()[:2])


def _check(airflow: Document, version: str, before: Document) -> None:
    if version not in _PYTHON and _HERE_TOO.fullmatch(version) is None:
        newer = "the local Azure also takes 2.10.x, 2.11.x and 3.x.y"
        raise bad_request(
            f"The Airflow version '{version}' is not supported; use one of {', '.join(_PYTHON)} ({newer})."
        )
    if before and before["airflowVersion"] != version:
        raise bad_request("The Airflow version of an existing integration runtime cannot be changed.")
    requirements: object = airflow.get("airflowRequirements", [])
    variables: object = airflow.get("airflowEnvironmentVariables", {})
    if not isinstance(requirements, list) or not isinstance(variables, dict):
        raise bad_request(
            "airflowRequirements must be a list of strings, airflowEnvironmentVariables an object of strings."
        )
    texts = [*cast("list[object]", requirements), *cast("Document", variables).values()]
    if not all(isinstance(text, str) for text in texts):
        raise bad_request("airflowRequirements and airflowEnvironmentVariables may hold strings only.")


def _check_compute(compute: Document, factory: Document) -> None:
    if str(compute["computeSize"]) not in {"Small", "Large"}:
        raise bad_request("The computeSize must be Small or Large.")
    if short_location(str(compute["location"])) != short_location(factory["location"]):
        raise bad_request(
            f"The location of the integration runtime must be that of the factory, '{factory['location']}'."
        )


def bad_request(message: str) -> AzureError:
    """Data Factory's 400."""
    return AzureError(status=400, code="BadRequest", message=message)


def dag_ids(text: str, path: str) -> list[str]:
    """The DAGs that a file declares, as far as its text says so; else one named as the file."""
    named = re.findall(r"\bDAG\(\s*(?:dag_id\s*=\s*)?[\"']([\w.-]+)[\"']|\bdag_id\s*=\s*[\"']([\w.-]+)[\"']", text)
    return sorted({one or other for one, other in named}) or [path.rsplit("/", 1)[-1].removesuffix(".py")]


resources.on_delete[TYPE.lower()] = _drop_files
