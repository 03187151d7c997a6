"""The web server of an Airflow job: the real Airflow 2.10.5 behind it, for who is Contributor in the workspace.

Its address is on the job's page only; here the control endpoint shows it (GET /airflow-jobs). So that a file can name
it before there is a job, the job's name in place of its id leads there, too: nothing of Fabric's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.program import ProgramSpec
from localazure.app.runtime import Runtime
from localazure.app.service import Service
from localazure.entra.worker_sign_in import try_sign_in
from localazure.fabric import airflow_jobs, api, files
from localazure.runtimes import airflow
from localazure.runtimes.airflow import forward, home, modelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localazure.app.call import Call
    from localazure.app.signing import InvalidToken
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.app.wire import Request

_DATA_FACTORY = "5d13f7d7-0567-429c-9880-320e9555e5fc"  # the first-party application behind this host
_EVERY_RUN = "/api/v1/dags/~/dagRuns"
_RUNS = {"Started", "Upgrading"}


def _render(_: Call, error: AzureError) -> Reply:
    """Render an error as Airflow's problem document."""
    body = {"detail": error.message, "status": error.status, "title": error.code, "type": "about:blank"}
    return Reply(status=error.status, body=body, headers={**error.headers, "Content-Type": "application/problem+json"})


def _unauthenticated(_: Call, invalid: InvalidToken) -> AzureError:
    return AzureError(status=401, code="Unauthorized", message=f"The access token does not do: {invalid.reason}.")


def _list_airflows_and_sign_ins(tenant: Tenant, send: Callable[[Request], Reply | None]) -> list[dict[str, Any]]:
    """Return the address of each job's Airflow, as the job's page shows it, the job's status, and its workers' sign-in.

    They sign in with the arguments of their secrets backend, if these have a credential.
    """
    return [
        {"id": job["id"], "name": job["displayName"], "url": airflow_jobs.web_url(job)}
        | {"status": airflow_jobs.status(tenant, job)}
        | _try_worker_sign_in(tenant, send, job)
        for job in airflow_jobs.list_jobs(tenant)
    ]


def _try_worker_sign_in(tenant: Tenant, send: Callable[[Request], Reply | None], job: Document) -> dict[str, Any]:
    overrides = airflow_jobs.active_airflow_properties(tenant, job)["airflowConfigurationOverrides"]
    try:
        arguments: Any = json.loads(overrides.get("AIRFLOW__SECRETS__BACKEND_KWARGS", "{}"))
    except ValueError:
        return {}
    if not isinstance(arguments, dict) or "client_secret" not in arguments:
        return {}
    found = cast("Document", arguments)
    return try_sign_in(tenant, send, str(found.get("client_id", "")), str(found["client_secret"]))


SERVICE = Service(
    name="fabric airflow",
    hosts=(f"*.{airflow_jobs.WEB_SUFFIX}",),
    path="/.*",
    audiences=(_DATA_FACTORY,),
    render=_render,
    unauthenticated=_unauthenticated,
    reports={"/airflow-jobs": _list_airflows_and_sign_ins},
)


def forward_call(call: Call) -> Reply:
    """Forward a call to the job's Airflow. Raises 403 for whoever may not change the workspace, 404, 503."""
    job = next((one for one in airflow_jobs.list_jobs(call.tenant) if call.host in _web_host_names(one)), None)
    if job is None:
        raise AzureError(status=404, code="Not Found", message="There is no Airflow at this address.")
    if api.role_of(call) not in {"Contributor", "Member", "Admin"}:
        raise AzureError(status=403, code="Forbidden", message="Contributor in the workspace is needed.")
    if airflow_jobs.status(call.tenant, job) not in _RUNS:
        raise forward.unavailable("The environment of the Apache Airflow job does not run.")
    reply = forward.forward_to_airflow(call, SERVICE, _resource_id(job))
    if reply is None:
        version = str(airflow_jobs.active_airflow_properties(call.tenant, job)["airflowVersion"])
        reply = modelled.advance_and_reply(call, _resource_id(job), version, _dag_texts(call.tenant, job))
    if reply is None and call.path == _EVERY_RUN:
        return Reply(body={"dag_runs": [], "total_entries": 0})  # no Airflow runs, so no DAG does
    message = f"There is no {call.path} while no real Airflow runs: `provisioner local runtimes up` starts it."
    return reply or _render(call, AzureError(status=404, code="Not Found", message=message))


for _method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
    SERVICE.route(_method, "/{rest:path}", action=None, why="Contributor in the workspace")(forward_call)


def _dag_texts(tenant: Tenant, job: Document) -> Iterator[tuple[str, str]]:
    for path, file in files.list_files(tenant, job).items():
        if path.startswith("dags/") and path.endswith(".py"):
            yield path, files.content_of(file).decode("utf-8", "replace")


def _web_host_names(job: Document) -> tuple[str, ...]:
    return tuple(
        f"{name}.{airflow_jobs.WEB_SUFFIX}" for name in (airflow_jobs.web_id(job), str(job["displayName"]).lower())
    )


def _resource_id(job: Document) -> str:
    """Return what stands for a job among the resources that have programs; it is none of Resource Manager's."""
    return f"/workspaces/{job['workspaceId']}/apacheAirflowJobs/{job['id']}"


def _specs(tenant: Tenant) -> Iterator[ProgramSpec]:
    """Yield the spec of a program for each job whose environment runs."""
    for job in airflow_jobs.list_jobs(tenant):
        if airflow_jobs.status(tenant, job) in _RUNS:
            properties = airflow_jobs.active_airflow_properties(tenant, job)
            url = f"{airflow_jobs.web_url(job)}/login/"
            yield ProgramSpec(
                resource_id=_resource_id(job),
                name=str(job["displayName"]),
                version=str(properties["airflowVersion"]),
                parameters={"airflow": {**properties, "airflowWebUrl": url}, "web_id": airflow_jobs.web_id(job)},
            )


def _sync_files(tenant: Tenant, spec: ProgramSpec, folder: Path) -> None:
    """Bring the files in the program's home up to date with those of its job."""
    job = next((one for one in airflow_jobs.list_jobs(tenant) if _resource_id(one) == spec.resource_id), None)
    if job is not None:
        present = files.list_files(tenant, job)
        versions = {path: str(file["version"]) for path, file in present.items()}
        airflow_home = home.home_folder(folder, spec.parameters["web_id"])
        home.synchronize_files(airflow_home, versions, lambda path: files.content_of(present[path]))


RUNTIME = Runtime(kind=airflow.KIND, specs=_specs, prepare=airflow.prepare, sync_files=_sync_files)
