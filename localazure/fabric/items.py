"""Apache Airflow jobs as items of a workspace, and their definitions.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import resources
from localazure.fabric import airflow_jobs, api, definitions, files, operations
from localazure.fabric.airflow_jobs import JOB, JOBS

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_LONGEST = 256
SERVICE = api.fabric_service(
    "items",
    "/v1/workspaces/[^/]+/apacheAirflowJobs(/(?!settings|poolTemplates)[^/]+(/(getDefinition|updateDefinition))?)?/?",
)


@api.route(SERVICE, "GET", JOBS, role="Viewer")
def list_items(call: Call, workspace: Document) -> Reply:
    """List the jobs of a workspace."""
    return api.page(call, [resources.response_body(job) for job in airflow_jobs.list_jobs(call.tenant, workspace)])


@api.route(SERVICE, "POST", JOBS, role="Contributor")
def create_item(call: Call, workspace: Document) -> Reply:
    """Create a job, with its definition if the body has one."""
    api.require_active_capacity(call)
    body = call.json()
    name = _valid_unused_name(call, workspace, body.get("displayName"))
    job = airflow_jobs.new_job(call, workspace, name, _valid_description(body.get("description") or ""))
    if body.get("definition") is not None:
        definitions.replace_settings_and_files(call, job, body)
    airflow_jobs.put(call.tenant, job)
    return Reply(status=201, body=resources.response_body(job))


@api.route(SERVICE, "GET", JOB, role="Viewer")
def get_item(call: Call, workspace: Document) -> Reply:
    """Show a job."""
    return Reply(body=resources.response_body(airflow_jobs.require_job_and_capacity(call, workspace)))


@api.route(SERVICE, "PATCH", JOB, role="Contributor")
def update_item(call: Call, workspace: Document) -> Reply:
    """Change name and description."""
    job, body = airflow_jobs.require_job_and_capacity(call, workspace), call.json()
    if not {"displayName", "description"} & body.keys():
        raise api.invalid_request("The request has neither displayName nor description.")
    if "displayName" in body:
        job["displayName"] = _valid_unused_name(call, workspace, body["displayName"], except_job=job)
    if "description" in body:
        job["description"] = _valid_description(body["description"])
    return Reply(body=resources.response_body(airflow_jobs.put(call.tenant, job)))


@api.route(SERVICE, "DELETE", JOB, role="Contributor")
def delete_item(call: Call, workspace: Document) -> Reply:
    """Delete a job with its files."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    files.delete_all_files(call.tenant, job)
    airflow_jobs.delete(call.tenant, job)
    return Reply()


@api.route(SERVICE, "POST", JOB + "/getDefinition", role="Contributor")
def get_definition(call: Call, workspace: Document) -> Reply:
    """Show the definition: the settings and the files."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    return Reply(body={"definition": {"parts": definitions.parts_of(call.tenant, job)}})


@api.route(SERVICE, "POST", JOB + "/updateDefinition", role="Contributor")
def update_definition(call: Call, workspace: Document) -> Reply:
    """Replace the definition, settings and files: 202."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    return operations.begin_operation(call, definitions.replace_settings_and_files(call, job, call.json()))


def _valid_unused_name(call: Call, workspace: Document, name: object, *, except_job: Document | None = None) -> str:
    """Return the name of a job. Raises 400 for none, 409 for one that another job of the workspace has."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST:
        raise api.invalid_request(f"The displayName must be a text of 1 to {_LONGEST} characters.")
    others = [
        job for job in airflow_jobs.list_jobs(call.tenant, workspace) if not except_job or job["id"] != except_job["id"]
    ]
    if any(str(job["displayName"]).lower() == name.lower() for job in others):
        message = "Requested item display name is already in use."
        raise AzureError(status=409, code="ItemDisplayNameAlreadyInUse", message=message)
    return name


def _valid_description(text: object) -> str:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise api.invalid_request(f"The description must be a text of at most {_LONGEST} characters.")
    return text
