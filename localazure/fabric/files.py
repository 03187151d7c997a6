"""The files of an Airflow job, below `dags/` and `plugins/`.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/files-(beta)
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.fabric import airflow_jobs, api
from localazure.fabric.airflow_jobs import JOB
from localazure.runtimes.airflow import home

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_TABLE = "fabric_files"
_MOST_BYTES = 2 << 20
_FILES = JOB + "/files"
SERVICE = api.fabric_service("files", "/v1/workspaces/[^/]+/apacheAirflowJobs/[^/]+/files(/.*)?")


def is_valid_path(path: str) -> bool:
    """Return whether a file may have this path."""
    return home.is_importable(path) and not path.endswith("/")


def list_files(tenant: Tenant, job: Document) -> dict[str, Document]:
    """Return the files of a job by path: `{"content", "size", "version"}`, the content in base64."""
    prefix = f"{job['id']}/"
    return {key.removeprefix(prefix): file for key, file in tenant.store.rows(_TABLE, prefix)}


def content_of(file: Document) -> bytes:
    """Return the bytes of a file."""
    return base64.b64decode(str(file["content"]))


def put_file(tenant: Tenant, job: Document, path: str, content: bytes) -> None:
    """Create or replace a file. Raises 400 for one that is too large."""
    if len(content) > _MOST_BYTES:
        raise api.invalid_request("The file is larger than 2 MB.")
    version = hashlib.sha256(content).hexdigest()
    file = {"content": base64.b64encode(content).decode(), "size": len(content), "version": version}
    tenant.store.put(_TABLE, f"{job['id']}/{path}", file)


def delete_all_files(tenant: Tenant, job: Document) -> None:
    """Delete the files of a job."""
    for path in list_files(tenant, job):
        tenant.store.remove(_TABLE, f"{job['id']}/{path}")


@api.route(SERVICE, "GET", _FILES, role="Viewer", beta=True)
def list_folder(call: Call, workspace: Document) -> Reply:
    """List the files that are directly in the folder `rootPath`; without one, those in `dags` and in `plugins`."""
    job, folder = airflow_jobs.require_job_and_capacity(call, workspace), call.query.get("rootpath", "").strip("/")
    if folder and folder.split("/")[0] not in {"dags", "plugins"}:
        raise api.invalid_request("The rootPath must start with dags/ or plugins/.")
    folders = {folder} if folder else {"dags", "plugins"}
    files = list_files(call.tenant, job).items()
    return api.page(
        call,
        [{"filePath": path, "sizeInBytes": file["size"]} for path, file in files if path.rpartition("/")[0] in folders],
    )


@api.route(SERVICE, "GET", _FILES + "/{path:path}", role="Viewer", beta=True)
def get_file(call: Call, workspace: Document) -> Reply:
    """Return the bytes of a file."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    file = list_files(call.tenant, job).get(_valid_path(call))
    if file is not None:
        return Reply(body=content_of(file), headers={"Content-Type": "application/octet-stream"})
    if api.settings_for_tests(call.tenant)["missing_file_status"] != 404:
        raise AzureError(status=500, code="InternalServerError", message="An unexpected error occurred.")
    raise api.item_not_found("The requested file was not found.")


@api.route(SERVICE, "PUT", _FILES + "/{path:path}", role="Contributor", beta=True)
def create_or_update_file(call: Call, workspace: Document) -> Reply:
    """Create or replace a file."""
    put_file(call.tenant, airflow_jobs.require_job_and_capacity(call, workspace), _valid_path(call), call.body)
    return Reply()


@api.route(SERVICE, "DELETE", _FILES + "/{path:path}", role="Contributor", beta=True)
def delete_file(call: Call, workspace: Document) -> Reply:
    """Delete a file. Raises 404."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    if not call.tenant.store.remove(_TABLE, f"{job['id']}/{_valid_path(call)}"):
        raise api.item_not_found("The requested file was not found.")
    return Reply()


def _valid_path(call: Call) -> str:
    path = call.params["path"]
    if not is_valid_path(path):
        raise api.invalid_request("Files must be located within the dags/ or plugins/ folders.")
    return path
