"""Airflow runtimes of data factories (Workflow Orchestration Manager): their properties, state and imported files.

Settings for tests (PUT /settings/airflow at the control endpoint): `start_seconds` until a new runtime is Started,
`state` instead of that, such as Failed; `rollout_seconds` until the changes of a PUT are active; `mask_variables` hides
variables from GET (all, or those of a list); `imports_fail`: an import is accepted, and nothing comes of it;
`tells_sources`: while there is no real Airflow, its API answers as if one had parsed what was imported. The service
creates runtimes of Airflow 2.6.3 and older, with Python 3.8; here 2.10.x, 2.11.x and 3.x.y are accepted, too, so that
DAGs can be tried on later versions.
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
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.DataFactory/factories/integrationruntimes"
FILES = "airflow_files"
MASK = "**********"
HOST_SUFFIX = "airflow.svc.datafactory.azure.com"
_SETTINGS: Document = {
    "start_seconds": 0.0,
    "rollout_seconds": 0.0,
    "mask_variables": False,
    "state": "",
    "imports_fail": False,
    "tells_sources": False,
}
_PYTHON_VERSIONS = {"2.2.2": "3.8", "2.2.4": "3.8", "2.4.3": "3.8", "2.6.3": "3.8"}
_NEWEST = "2.6.3"
_LOCAL_ONLY = re.compile(r"2\.1[01]\.\d{1,3}|3\.\d{1,3}\.\d{1,3}")
_DEFAULTS: Document = {
    "airflowRequirements": [],
    "airflowEnvironmentVariables": {},
    "airflowEntityReferences": [],
    "packageProviderPath": "plugins",
    "enableAADIntegration": True,
    "enableTriggerers": False,
}


def settings_for_tests(tenant: Tenant) -> Document:
    """Return the settings for tests, with defaults."""
    return {**_SETTINGS, **(tenant.store.get("settings", "airflow") or {})}


def new_runtime(tenant: Tenant, factory: Document, properties: Document, old: Document | None) -> Document:
    """Return the document of the runtime that a PUT creates or replaces. Raises the service's 400."""
    type_properties = deepcopy(object_at(properties, "typeProperties"))
    airflow, compute = object_at(type_properties, "airflowProperties"), object_at(type_properties, "computeProperties")
    object_at(airflow, "gitSyncProperties")
    before: Document = old["properties"]["typeProperties"]["airflowProperties"] if old else {}
    version = str(airflow.get("airflowVersion") or before.get("airflowVersion") or _NEWEST)
    _check_airflow(airflow, version, before)
    compute = {"location": factory["location"], "computeSize": "Small", "extraNodes": 0, **compute}
    _check_compute(compute, factory)
    web_id = str(old["_web_id"]) if old else tenant.clock.new_id().replace("-", "")
    airflow = {**_DEFAULTS, **airflow, "airflowVersion": version, "pythonVersion": python_version(version)}
    airflow["airflowWebUrl"] = f"https://{web_id}.{short_location(factory['location'])}.{HOST_SUFFIX}/login/"
    now = tenant.clock.timestamp()
    type_properties |= {"computeProperties": compute, "airflowProperties": airflow}
    return {
        "properties": {**properties, "typeProperties": type_properties},
        "_web_id": web_id,
        "_created": old["_created"] if old else now,
        "_rolled_out": now + settings_for_tests(tenant)["rollout_seconds"],
        "_before": active_airflow_properties(tenant, old) if old else None,
    }


def active_airflow_properties(tenant: Tenant, runtime: Document) -> Document:
    """Return the airflowProperties with which workers run: the previous ones until a change is rolled out."""
    before: Document | None = runtime.get("_before")
    is_pending = tenant.clock.timestamp() < runtime.get("_rolled_out", 0.0)  # absent: written by an older version
    return before if before and is_pending else runtime["properties"]["typeProperties"]["airflowProperties"]


def state(tenant: Tenant, runtime: Document) -> str:
    """Return the runtime's state: Starting, then Started; or the one that a test has set."""
    if fixed := str(settings_for_tests(tenant)["state"]):
        return fixed
    is_started = tenant.clock.timestamp() >= runtime["_created"] + settings_for_tests(tenant)["start_seconds"]
    return "Started" if is_started else "Starting"


def response_body(tenant: Tenant, runtime: Document, *, state_override: str = "") -> Document:
    """Return the runtime as a response shows it: passwords and git credentials masked, variables if so set."""
    result = resources.response_body(deepcopy(runtime))
    properties: Document = result["properties"]
    if properties["type"] != "Airflow":
        return result
    airflow: Document = properties["typeProperties"]["airflowProperties"]
    git: Document = airflow.get("gitSyncProperties") or {}
    for holder, name in ((airflow, "password"), (git, "credential")):
        if holder.get(name):
            holder[name] = MASK
    variables, masked = airflow["airflowEnvironmentVariables"], settings_for_tests(tenant)["mask_variables"]
    for name in variables.keys() if masked is True else variables.keys() & set(masked or ()):
        variables[name] = MASK
    properties["state"] = state_override or state(tenant, runtime)
    return result


def find_by_web_id(tenant: Tenant, web_id: str) -> Document | None:
    """Find the runtime whose web server has this id in its host name."""
    return next((d for d in resources.list_of_type(tenant, TYPE) if d.get("_web_id") == web_id.lower()), None)


def list_imported_files(tenant: Tenant, runtime: Document) -> Iterator[Document]:
    """Iterate over the imported files, `{"path", "content", "size", "etag", "source", "imported"}`, sorted by path."""
    return (document for _, document in tenant.store.rows(FILES, f"{runtime['id'].lower()}/"))


def import_file(tenant: Tenant, runtime: Document, path: str, file: Document, source: str) -> None:
    """Copy a file of the data lake into the runtime at a path. source: where it comes from, for people."""
    key = f"{runtime['id'].lower()}/{path}"
    old = tenant.store.get(FILES, key)
    if old is not None:
        contents.delete(tenant, str(old["content"]))
    content = contents.create_empty(tenant)
    contents.copy(tenant, content, 0, str(file["content"]), length=int(file["size"]))
    origin = {"etag": file["etag"], "source": source, "imported": tenant.clock.timestamp()}
    tenant.store.put(FILES, key, {"path": path, "content": content, "size": file["size"], **origin})


def _delete_files(tenant: Tenant, runtime: Document) -> None:
    for document in list(list_imported_files(tenant, runtime)):
        contents.delete(tenant, str(document["content"]))
        tenant.store.remove(FILES, f"{runtime['id'].lower()}/{document['path']}")


def python_version(airflow_version: str) -> str:
    """Return the Python version of an Airflow in the service; for versions that only the local Azure has, its own."""
    return _PYTHON_VERSIONS.get(airflow_version) or ".".join(platform.python_version_tuple()[:2])


def _check_airflow(airflow: Document, version: str, before: Document) -> None:
    if version not in _PYTHON_VERSIONS and _LOCAL_ONLY.fullmatch(version) is None:
        local = "the local Azure also takes 2.10.x, 2.11.x and 3.x.y"
        raise bad_request(
            f"The Airflow version '{version}' is not supported; use one of {', '.join(_PYTHON_VERSIONS)} ({local})."
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
    """Return Data Factory's 400 BadRequest."""
    return AzureError(status=400, code="BadRequest", message=message)


def dag_ids(text: str, path: str) -> list[str]:
    """Return the ids of the DAGs that a file's text declares; if none can be read, the file's name.

    In safe mode Airflow reads no file without the words "dag" and "airflow":
    https://airflow.apache.org/docs/apache-airflow/2.6.3/configurations-ref.html#dag-discovery-safe-mode
    """
    if not {"dag", "airflow"} <= set(re.findall("dag|airflow", text.lower())):
        return []
    matches = re.findall(r"\bDAG\(\s*(?:dag_id\s*=\s*)?[\"']([\w.-]+)[\"']|\bdag_id\s*=\s*[\"']([\w.-]+)[\"']", text)
    return sorted({first or second for first, second in matches}) or [path.rsplit("/", 1)[-1].removesuffix(".py")]


resources.on_delete[TYPE.lower()] = _delete_files
