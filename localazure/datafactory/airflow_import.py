"""Imports DAGs into an Airflow runtime, from the container of a linked service, with the factory's identity.

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
from localazure.storage.data.storage_access import ACCOUNTS, require_readable_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

LINKED_SERVICE = "Microsoft.DataFactory/factories/linkedservices"
_FIELDS = ("IntegrationRuntimeName", "LinkedServiceName", "StorageFolderPath")
_FOLDERS = ("dags", "plugins")


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """The request of a sync call: what to import from where, and how."""

    runtime: str
    linked_service: str
    container: str
    folder: str
    keep_structure: bool
    overwrite: bool
    add_requirements: bool


def parse_request(body: Document) -> ImportRequest:
    """Parse the body of a sync call, whose keys are in Pascal case. Raises 400 for a missing one."""
    members = {key.lower(): value for key, value in body.items()}
    missing = [name for name in _FIELDS if not members.get(name.lower())]
    if missing:
        raise bad_request(f"The property {missing[0]} is required.")
    container, _, folder = str(members["storagefolderpath"]).strip("/").partition("/")
    return ImportRequest(
        runtime=str(members["integrationruntimename"]),
        linked_service=str(members["linkedservicename"]),
        container=container,
        folder=folder.strip("/"),
        keep_structure=members.get("copyfolderstructure") is not False,
        overwrite=members.get("overwrite") is not False,
        add_requirements=members.get("addrequirementsfromfile") is True,
    )


def import_files(
    tenant: Tenant, factory: Document, runtime: Document, linked: Document, request: ImportRequest
) -> None:
    """Copy the files below `dags/` and `plugins/` into the runtime. Raises 403 if the factory may not read them."""
    account = _require_readable_account(tenant, factory, linked, request.container)
    top = PathAddress(account=account, container=request.container, path=request.folder)
    files = list(_importable_files(tenant, top))
    if not files:
        raise bad_request(f"The folder '{request.container}/{request.folder}' has no folder 'dags'.")
    imported = {str(document["path"]) for document in airflow_runtimes.list_imported_files(tenant, runtime)}
    for path, document in files:
        target = path if request.keep_structure else f"{path.split('/')[0]}/{path.rsplit('/', 1)[-1]}"
        if request.overwrite or target not in imported:
            airflow_runtimes.import_file(tenant, runtime, target, document, f"{account}/{request.container}/{path}")
    if request.add_requirements:
        _add_requirements(tenant, runtime, top)


def _importable_files(tenant: Tenant, top: PathAddress) -> Iterator[tuple[str, Document]]:
    """Yield relative paths and documents of the files below `dags` and `plugins`; the container may be named `dags`."""
    if top.container in _FOLDERS and not top.path:
        yield from ((f"{top.container}/{d['name']}", d) for d in paths.list_below(tenant, top) if not d["directory"])
        return
    start = len(top.path) + 1 if top.path else 0
    for folder in _FOLDERS:
        location = top.with_path(f"{top.path}/{folder}")
        yield from ((str(d["name"])[start:], d) for d in paths.list_below(tenant, location) if not d["directory"])


def _add_requirements(tenant: Tenant, runtime: Document, top: PathAddress) -> None:
    """Add the lines of requirements.txt to the runtime's requirements, if the file exists."""
    file = paths.find(tenant, top.with_path(f"{top.path}/requirements.txt"))
    if file is None or file["directory"]:
        return
    text = contents.read_all(tenant, str(file["content"]), int(file["size"])).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    airflow: Document = runtime["properties"]["typeProperties"]["airflowProperties"]
    airflow["airflowRequirements"] = list(dict.fromkeys([*airflow["airflowRequirements"], *lines]))
    resources.put(tenant, runtime)


def _require_readable_account(tenant: Tenant, factory: Document, linked: Document, container: str) -> str:
    """Return the name of the linked service's account.

    Raises 403 if the factory's identity, or the account key of the connection string, may not read the container, 400
    otherwise.
    """
    properties: Document = linked["properties"]
    type_properties = object_at(linked, "_type_properties")
    if properties.get("type") != "AzureBlobStorage":
        raise bad_request(f"The linked service '{linked['name']}' must be of the type AzureBlobStorage.")
    if type_properties.get("serviceEndpoint"):
        account = str(urlsplit(str(type_properties["serviceEndpoint"])).hostname).partition(".")[0]
        _require_identity_access(tenant, str(object_at(factory, "identity").get("principalId", "")), account, container)
        return account
    return _require_account_of_key(tenant, _plain_text(type_properties.get("connectionString")), container)


def _require_identity_access(tenant: Tenant, object_id: str, account: str, container: str) -> None:
    try:
        require_readable_container(tenant, object_id, account, container)
    except AzureError as error:
        message = f"Failed to import from '{account}/{container}': {error.code}: {error.message}"
        code = "Forbidden" if error.status == 403 else "BadRequest"
        raise AzureError(status=403 if error.status == 403 else 400, code=code, message=message) from error


def _require_account_of_key(tenant: Tenant, connection_string: str, container: str) -> str:
    """Check the account key of a connection string. Returns the account's name. Raises 400 or 403.

    404 without the container, in the storage service's words.
    """
    settings = dict(pair.split("=", 1) for pair in connection_string.split(";") if "=" in pair)
    account, key = settings.get("AccountName", ""), settings.get("AccountKey", "")
    resource = resources.find_by_name(tenant, ACCOUNTS, account)
    if not account or resource is None:
        raise bad_request(
            "The linked service names no storage account that exists; Key Vault references are not supported."
        )
    if resource["properties"].get("allowSharedKeyAccess") is False or key not in resource.get("_keys", ()):
        message = f"Failed to import from '{account}': the account key is not accepted."
        raise AzureError(status=403, code="Forbidden", message=message)
    containers.get(tenant, account, container)
    return account


def _plain_text(value: object) -> str:
    """Return a string, or the value of a SecureString."""
    secure = cast("Document", value) if isinstance(value, dict) else {"value": value}
    return str(secure.get("value") or "")
