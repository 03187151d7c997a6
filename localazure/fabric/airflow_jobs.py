"""Apache Airflow jobs of a workspace as documents: the item, what its Airflow is set to, and where that is.

A job is `{"id", "displayName", "description", "type", "workspaceId", "_airflow", "_before", "_rolled_out", "_pool",
"_status", "_next", "_changes_at"}`: `_airflow` are the airflowProperties of its definition, `_before` those with which
its workers run until `_rolled_out`; its status is `_status` until `_changes_at`, then `_next`.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from localazure.fabric import api, pools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "ApacheAirflowJob"
JOBS = "/apacheAirflowJobs"
JOB = JOBS + "/{job}"
_TABLE = "fabric_jobs"
# The region's label of an Airflow's address; the service's own is the name of a region.
WEB_SUFFIX = "fabric.airflow.svc.datafactory.azure.com"
AIRFLOW_VERSION, PYTHON_VERSION = "2.10.5", "3.12"
# With the job's Fabric connections on, the service sets these itself, and refuses to have them set:
# https://learn.microsoft.com/fabric/data-factory/apache-airflow-jobs-workspace-identity
_RESERVED = frozenset({"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"})
_MASK = "**********"


def new_job(call: Call, workspace: Document, name: str, description: str) -> Document:
    """Return the document of a job that is created; not yet stored."""
    airflow: Document = {
        "airflowConfigurationOverrides": {},
        "airflowEnvironment": f"FabricAirflowJob-{pools.JOB_VERSION}",
        "airflowEnvironmentVariables": {},
        "airflowRequirements": [],
        "airflowVersion": AIRFLOW_VERSION,
        "enableAADIntegration": True,
        "enableTriggerers": False,
        "packageProviderPath": "plugins",
        "pythonVersion": PYTHON_VERSION,
    }
    return {
        "id": call.tenant.clock.new_id(),
        "displayName": name,
        "description": description,
        "type": TYPE,
        "workspaceId": workspace["id"],
        "_airflow": airflow,
        "_before": airflow,
        "_rolled_out": 0.0,
        "_pool": pools.default_pool_id(workspace),
        "_status": "Initial",
        "_next": "Initial",
        "_changes_at": 0.0,
    }


def put(tenant: Tenant, job: Document) -> Document:
    """Store a job. Returns it."""
    return tenant.store.put(_TABLE, f"{job['workspaceId']}/{job['id']}", job)


def delete(tenant: Tenant, job: Document) -> None:
    """Remove the document of a job; its files are deleted by `files.delete_all_files`."""
    tenant.store.remove(_TABLE, f"{job['workspaceId']}/{job['id']}")


def list_jobs(tenant: Tenant, workspace: Document | None = None) -> Iterator[Document]:
    """Iterate over the jobs of one workspace, or of all."""
    return (job for _, job in tenant.store.rows(_TABLE, f"{workspace['id']}/" if workspace else ""))


def require_job_and_capacity(call: Call, workspace: Document) -> Document:
    """Return the job of the path. Raises 403 while the capacity is paused, 404."""
    api.require_active_capacity(call)
    job = call.tenant.store.get(_TABLE, f"{workspace['id']}/{call.params['job'].lower()}")
    if job is None:
        raise api.item_not_found()
    return job


def status(tenant: Tenant, job: Document) -> str:
    """Return the status of a job's environment, or the one that a test has set."""
    if fixed := str(api.settings_for_tests(tenant)["state"]):
        return fixed
    return str(job["_status"] if tenant.clock.timestamp() < job["_changes_at"] else job["_next"])


def begin_status_change(tenant: Tenant, job: Document, first_status: str, next_status: str, seconds: float) -> None:
    """Store that the environment has one status for so many seconds, then another."""
    job.update({"_status": first_status, "_next": next_status, "_changes_at": tenant.clock.timestamp() + seconds})
    put(tenant, job)


def begin_airflow_update(tenant: Tenant, job: Document, **changes: object) -> float:
    """Change airflowProperties; an environment that runs is rebuilt. Returns how many seconds that takes."""
    settings, runs = api.settings_for_tests(tenant), status(tenant, job) == "Started"
    seconds = float(settings["rollout_seconds"]) if runs else 0.0
    rolled_out = seconds + (float(settings["workers_lag_seconds"]) if runs else 0.0)
    before = active_airflow_properties(tenant, job)
    airflow = {**deepcopy(job["_airflow"]), **changes}
    job.update({"_airflow": airflow, "_before": before, "_rolled_out": tenant.clock.timestamp() + rolled_out})
    if status(tenant, job) == "Started":
        begin_status_change(tenant, job, "Upgrading", "Started", seconds)
    put(tenant, job)
    return seconds


def active_airflow_properties(tenant: Tenant, job: Document) -> Document:
    """Return the airflowProperties with which the workers run: the previous ones until a change is rolled out."""
    return job["_before"] if tenant.clock.timestamp() < job["_rolled_out"] else job["_airflow"]


def refuse_reserved_variables(tenant: Tenant, variables: Mapping[str, object]) -> None:
    """Raise 400 for variables that the service sets itself."""
    reserved = sorted(_RESERVED & variables.keys())
    if reserved and api.settings_for_tests(tenant)["fabric_connections"]:
        raise api.invalid_request(f"The environment variables {', '.join(reserved)} are reserved.")


def masked_variables(tenant: Tenant, variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables as GET shows them."""
    hidden = set(api.settings_for_tests(tenant)["mask_variables"])
    return {name: _MASK if name in hidden else value for name, value in variables.items()}


def web_id(job: Document) -> str:
    """Return the first label of the address of a job's Airflow."""
    return str(job["id"]).replace("-", "")


def web_url(job: Document) -> str:
    """Return the address of a job's Airflow; of the API, nothing shows it, the job's page does."""
    return f"https://{web_id(job)}.{WEB_SUFFIX}"
