"""The environment that an Airflow job runs in: its status, settings, requirements and pool.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/environment-(beta)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.json_body import objects_at
from localazure.fabric import airflow_jobs, api, files, operations, pools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localazure.app.call import Call
    from localazure.app.store import Document

_ENVIRONMENT = airflow_jobs.JOB + "/environment"
SERVICE = api.fabric_service("environments", "/v1/workspaces/[^/]+/apacheAirflowJobs/[^/]+/environment(/.*)?")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(?:==\s*([^\s;]+))?")
_LISTS = {
    "environmentVariables": "airflowEnvironmentVariables",
    "airflowConfigurationOverrides": "airflowConfigurationOverrides",
}


@api.route(SERVICE, "GET", _ENVIRONMENT, role="Viewer", beta=True)
def get_status(call: Call, workspace: Document) -> Reply:
    """Show the status."""
    return Reply(
        body={"status": airflow_jobs.status(call.tenant, airflow_jobs.require_job_and_capacity(call, workspace))}
    )


@api.route(SERVICE, "POST", _ENVIRONMENT + "/start", role="Contributor", beta=True)
def start(call: Call, workspace: Document) -> Reply:
    """Start the environment: 202, or 200 if it runs."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    if airflow_jobs.status(call.tenant, job) == "Started":
        return Reply()
    seconds = float(api.settings_for_tests(call.tenant)["start_seconds"])
    airflow_jobs.begin_status_change(call.tenant, job, "Starting", "Started", seconds)
    return operations.begin_operation(call, seconds)


@api.route(SERVICE, "POST", _ENVIRONMENT + "/stop", role="Contributor", beta=True)
def stop(call: Call, workspace: Document) -> Reply:
    """Stop the environment: 202, or 200 if it does not run."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    if airflow_jobs.status(call.tenant, job) in {"Initial", "Stopped"}:
        return Reply()
    airflow_jobs.begin_status_change(call.tenant, job, "Stopping", "Stopped", 0.0)
    return operations.begin_operation(call, 0.0)


@api.route(SERVICE, "GET", _ENVIRONMENT + "/settings", role="Viewer", beta=True)
def get_settings(call: Call, workspace: Document) -> Reply:
    """Show environment variables, configuration overrides, and whether there are triggerers."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    airflow: Document = job["_airflow"]
    body: Document = {
        name: _pairs(airflow_jobs.masked_variables(call.tenant, airflow[key])) for name, key in _LISTS.items()
    }
    return Reply(body={**body, "triggerers": "Enabled" if airflow["enableTriggerers"] else "Disabled"})


@api.route(SERVICE, "POST", _ENVIRONMENT + "/updateSettings", role="Contributor", beta=True)
def update_settings(call: Call, workspace: Document) -> Reply:
    """Replace each list that the body has as a whole: 202."""
    job, body = airflow_jobs.require_job_and_capacity(call, workspace), call.json()
    changes: Document = {key: _pairs_as_dict(body, name) for name, key in _LISTS.items() if name in body}
    airflow_jobs.refuse_reserved_variables(call.tenant, changes.get("airflowEnvironmentVariables", {}))
    triggerers = body.get("triggerers")
    if triggerers is not None:
        if triggerers not in {"Enabled", "Disabled"}:
            raise api.invalid_request("triggerers must be Enabled or Disabled.")
        changes["enableTriggerers"] = triggerers == "Enabled"
    return operations.begin_operation(call, airflow_jobs.begin_airflow_update(call.tenant, job, **changes))


@api.route(SERVICE, "GET", _ENVIRONMENT + "/libraries", role="Viewer", beta=True)
def list_libraries(call: Call, workspace: Document) -> Reply:
    """List the packages of the requirements."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    matches = [_REQUIREMENT.match(line) for line in job["_airflow"]["airflowRequirements"]]
    common = {"libraryType": "Public", "source": "PyPI"}
    return api.page(call, [{"name": one[1], **common, "version": one[2] or ""} for one in matches if one])


@api.route(SERVICE, "POST", _ENVIRONMENT + "/deployRequirements", role="Contributor", beta=True)
def deploy_requirements(call: Call, workspace: Document) -> Reply:
    """Install the requirements in the body, or those in the job's file `filePath`: 202. The environment must run."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    if airflow_jobs.status(call.tenant, job) != "Started":
        raise api.invalid_request("The Apache Airflow job must be in the state 'Started'.")
    content = call.body
    if path := call.query.get("filepath", ""):
        file = files.list_files(call.tenant, job).get(path)
        if file is None:
            raise api.item_not_found("The requested file was not found.")
        content = files.content_of(file)
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    requirements = [line for line in lines if line and not line.startswith("#")]
    return operations.begin_operation(
        call, airflow_jobs.begin_airflow_update(call.tenant, job, airflowRequirements=requirements)
    )


@api.route(SERVICE, "GET", _ENVIRONMENT + "/compute", role="Viewer", beta=True)
def get_compute(call: Call, workspace: Document) -> Reply:
    """Show the pool."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    pool = pools.require_pool(call.tenant, workspace, str(job["_pool"]))
    versions = {"apacheAirflowVersion": airflow_jobs.AIRFLOW_VERSION, "pythonVersion": airflow_jobs.PYTHON_VERSION}
    others = {name: value for name, value in pool.items() if name not in {"id", "name"}}
    return Reply(
        body={
            "poolTemplateId": pool["id"],
            "poolTemplateName": pool["name"],
            **others,
            "apacheAirflowJobVersionDetails": versions,
            "availabilityZones": "Disabled",
        }
    )


@api.route(SERVICE, "POST", _ENVIRONMENT + "/updateCompute", role="Contributor", beta=True)
def update_compute(call: Call, workspace: Document) -> Reply:
    """Run the job on another pool: 202."""
    job = airflow_jobs.require_job_and_capacity(call, workspace)
    pool = pools.require_pool(call.tenant, workspace, str(call.json().get("poolTemplateId", "")).lower())
    return operations.begin_operation(
        call, airflow_jobs.begin_airflow_update(call.tenant, {**job, "_pool": pool["id"]})
    )


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _pairs_as_dict(body: Document, name: str) -> dict[str, str]:
    """Return a list of names and values as a dict. Raises 400."""
    pairs = objects_at(body, name)
    if not all(isinstance(pair.get("name"), str) and isinstance(pair.get("value"), str) for pair in pairs):
        raise api.invalid_request(f"{name} must be a list of names and values.")
    return {str(pair["name"]): str(pair["value"]) for pair in pairs}
