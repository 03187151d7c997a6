"""Importing DAGs into an Airflow runtime: the linked service leads to a container, the factory's identity reads it.

https://learn.microsoft.com/azure/data-factory/airflow-import-dags-blob-storage
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from localazure.app import contents
from localazure.app.call import AzureError
from localazure.app.json_body import object_at
from localazure.app.resource_manager import resources
from localazure.datafactory import airflow_runtimes
from localazure.datafactory.airflow_runtimes import bad_request
from localazure.storage.data import containers, paths
from localazure.storage.data.paths import PathAddress
from localazure.storage.data.storage_access import ACCOUNTS, readable_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.store import Document
    from localazure.app.world import World

LINKED = "Microsoft.DataFactory/factories/linkedservices"
_FIELDS = ("IntegrationRuntimeName", "LinkedServiceName", "StorageFolderPath")
_FOLDERS = ("dags", "plugins")


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What a sync call asks for."""

    runtime: str
    linked_service: str
    container: str
    folder: str
    keeps_structure: bool
    overwrites: bool
    adds_requirements: bool


def parse_request(body: Document) -> ImportRequest:
    """Out of a sync call's body, whose keys are in Pascal case; 400 for what is missing."""
    given = {key.lower(): value for key, value in body.items()}
    missing = [name for name in _FIELDS if not given.get(name.lower())]
    if missing:
        raise bad_request(f"The property {missing[0]} is required.")
    container, _, folder = str(given["storagefolderpath"]).strip("/").partition("/")
    return ImportRequest(
        runtime=str(given["integrationruntimename"]),
        linked_service=str(given["linkedservicename"]),
        container=container,
        folder=folder.strip("/"),
        keeps_structure=given.get("copyfolderstructure") is not False,
        overwrites=given.get("overwrite") is not False,
        adds_requirements=given.get("addrequirementsfromfile") is True,
    )


def import_files(world: World, factory: Document, runtime: Document, linked: Document, sought: ImportRequest) -> None:
    """Copy `dags/` and `plugins/` into the runtime; 403 when the factory may not read them."""
    account = _open(world, factory, linked, sought.container)
    top = PathAddress(account=account, container=sought.container, path=sought.folder)
    found = list(_found(world, top))
    if not found:
        raise bad_request(f"The folder '{sought.container}/{sought.folder}' has no folder 'dags'.")
    known = {str(document["path"]) for document in airflow_runtimes.list_imported_files(world, runtime)}
    for path, document in found:
        target = path if sought.keeps_structure else f"{path.split('/')[0]}/{path.rsplit('/', 1)[-1]}"
        if sought.overwrites or target not in known:
            airflow_runtimes.import_file(world, runtime, target, document, f"{account}/{sought.container}/{path}")
    if sought.adds_requirements:
        _add_requirements(world, runtime, top)


def _found(world: World, top: PathAddress) -> Iterator[tuple[str, Document]]:
    """Files below `dags` and `plugins`, with their paths from there; the container itself may be named `dags`."""
    if top.container in _FOLDERS and not top.path:
        yield from ((f"{top.container}/{d['name']}", d) for d in paths.list_below(world, top) if not d["directory"])
        return
    start = len(top.path) + 1 if top.path else 0
    for folder in _FOLDERS:
        place = top.with_path(f"{top.path}/{folder}")
        yield from ((str(d["name"])[start:], d) for d in paths.list_below(world, place) if not d["directory"])


def _add_requirements(world: World, runtime: Document, top: PathAddress) -> None:
    found = paths.find(world, top.with_path(f"{top.path}/requirements.txt"))
    if found is None or found["directory"]:
        return
    text = contents.read_all(world, str(found["content"]), int(found["size"])).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    airflow: Document = runtime["properties"]["typeProperties"]["airflowProperties"]
    airflow["airflowRequirements"] = list(dict.fromkeys([*airflow["airflowRequirements"], *lines]))
    resources.put(world, runtime)


def _open(world: World, factory: Document, linked: Document, container: str) -> str:
    """The account's name, once it is clear that the linked service may read the container."""
    properties: Document = linked["properties"]
    sent = object_at(linked, "_type_properties")
    if properties.get("type") != "AzureBlobStorage":
        raise bad_request(f"The linked service '{linked['name']}' must be of the type AzureBlobStorage.")
    if sent.get("serviceEndpoint"):
        account = str(urlsplit(str(sent["serviceEndpoint"])).hostname).partition(".")[0]
        _read_as(world, str(object_at(factory, "identity").get("principalId", "")), account, container)
        return account
    return _by_key(world, _text(sent.get("connectionString")), container)


def _read_as(world: World, object_id: str, account: str, container: str) -> None:
    try:
        readable_container(world, object_id, account, container)
    except AzureError as error:
        message = f"Failed to import from '{account}/{container}': {error.code}: {error.message}"
        code = "Forbidden" if error.status == 403 else "BadRequest"
        raise AzureError(status=403 if error.status == 403 else 400, code=code, message=message) from error


def _by_key(world: World, connection: str, container: str) -> str:
    parts = dict(pair.split("=", 1) for pair in connection.split(";") if "=" in pair)
    account, key = parts.get("AccountName", ""), parts.get("AccountKey", "")
    found = resources.find_by_name(world, ACCOUNTS, account)
    if not account or found is None:
        raise bad_request(
            "The linked service names no storage account that exists; Key Vault references are not supported."
        )
    if found["properties"].get("allowSharedKeyAccess") is False or key not in found.get("_keys", ()):
        message = f"Failed to import from '{account}': the account key is not accepted."
        raise AzureError(status=403, code="Forbidden", message=message)
    containers.get(world, account, container)
    return account


def _text(value: object) -> str:
    """A string, or a SecureString's value."""
    secure = cast("Document", value) if isinstance(value, dict) else {"value": value}
    return str(secure.get("value") or "")
