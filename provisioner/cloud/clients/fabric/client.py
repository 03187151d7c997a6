"""Apache Airflow jobs, their environments and files. Values of settings are secrets here and are never logged."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from provisioner.cloud.clients.fabric import marks
from provisioner.cloud.clients.fabric.files import JobFiles
from provisioner.cloud.clients.fabric.objects import (
    CHANGING,
    FAILED,
    STARTED,
    AirflowJob,
    Compute,
    JobEnvironment,
    Workspace,
    read_job,
    read_settings,
    read_workspace,
    settings_body,
)
from provisioner.cloud.clients.fabric.requests import Requests
from provisioner.errors import NotFound, Unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session
    from provisioner.secret import Secret

GONE = 404
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CONTENT = "apacheairflowjob-content.json"
STARTER = Compute(pool_id="00000000-0000-0000-0000-000000000000", pool_name="StarterPool", version="")


class Fabric:
    """Every method raises CloudError. What this run has written is read anew each time.

    workspace: a GUID. job_path: the path of a job, `/workspaces/GUID/apacheAirflowJobs/GUID`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._requests = Requests(session)
        self.files = JobFiles(self._requests)

    def find_workspace(self, name_or_id: str) -> Workspace | None:
        """A workspace by its GUID, or by its name among those in which the caller has a role; once per pass.

        https://learn.microsoft.com/rest/api/fabric/core/workspaces
        """

        def fetch() -> Workspace | None:
            if GUID.fullmatch(name_or_id):
                answer = self._requests.send("GET", f"/workspaces/{name_or_id}", missing_ok=True)
                return None if answer.status_code == GONE else read_workspace(answer.json())
            every = map(read_workspace, self._requests.list_all("/workspaces"))
            return next((one for one in every if one.name.casefold() == name_or_id.casefold()), None)

        return self._session.reads.get(("fabric workspace", name_or_id), fetch)

    def find_capacity_state(self, capacity_id: str) -> str:
        """Active or Inactive; empty if the caller may not see the capacity.

        https://learn.microsoft.com/rest/api/fabric/core/capacities/list-capacities
        """
        every = self._requests.list_all("/capacities")
        return next((str(one["state"]) for one in every if one["id"].lower() == capacity_id.lower()), "")

    def find_job(self, workspace: str, name: str) -> AirflowJob | None:
        """The job of that name in a workspace (its GUID).

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items/list-apache-airflow-jobs
        """
        every = self._requests.read_once(
            f"/workspaces/{workspace}/apacheAirflowJobs", lambda: self.list_jobs(workspace)
        )
        return next((one for one in every if one.name.casefold() == name.casefold()), None)

    def list_jobs(self, workspace: str) -> tuple[AirflowJob, ...]:
        """As `find_job`, all of them, asked now."""
        listed = self._requests.list_all(f"/workspaces/{workspace}/apacheAirflowJobs")
        return tuple(read_job(one, workspace) for one in listed)

    def create_job(self, workspace: str, name: str, environment: str) -> str:
        """Create an empty job and wait until Fabric shows it. Returns its path.

        Its definition comes after it, since the service refuses both at once.

        environment: who owns it. https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items
        """
        path = f"/workspaces/{workspace}/apacheAirflowJobs"
        body = {"displayName": name, "description": marks.job_description(environment, finished=False)}
        self._requests.mark_written(path)
        self._requests.await_operation(self._requests.send("POST", path, json=body), f"the creation of {name}")

        def created() -> str:
            job = self.find_job(workspace, name)
            if job is None:
                raise NotFound(operation=f"GET fabric {name}", status=GONE, code="ItemNotFound")
            return job.path

        return self._session.waits.until_visible(created, what=f"Fabric to show {name}", on=(NotFound,))

    def define_new_job(self, job_path: str, version: str, pool: Compute) -> None:
        """Say what a new job runs, and on which pool. Only for a new job: it replaces all settings and files.

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items/update-apache-airflow-job-definition
        """
        payload = base64.b64encode(json.dumps(_definition(version, pool)).encode()).decode()
        parts = [{"path": CONTENT, "payload": payload, "payloadType": "InlineBase64"}]
        answer = self._send_write("POST", job_path, "/updateDefinition", json={"definition": {"parts": parts}})
        self._requests.await_operation(answer, "the definition of the job")

    def probe_contributor(self, job_path: str) -> None:
        """Ask for the definition, which takes Contributor in the workspace and changes nothing.

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items/get-apache-airflow-job-definition
        """
        self._requests.await_operation(
            self._requests.send("POST", f"{job_path}/getDefinition"), "the definition of the job"
        )

    def list_roles(self, workspace: str) -> tuple[str, ...]:
        """The roles that are given in a workspace; takes Member in it.

        https://learn.microsoft.com/rest/api/fabric/core/workspaces/list-workspace-role-assignments
        """
        return tuple(str(one["role"]) for one in self._requests.list_all(f"/workspaces/{workspace}/roleAssignments"))

    def mark_job_finished(self, job_path: str, environment_id: str) -> None:
        """Note in its description that it has its definition."""
        self._send_write("PATCH", job_path, json={"description": marks.job_description(environment_id, finished=True)})

    def delete_job(self, job_path: str) -> None:
        """Delete it with its files; fine if it is gone.

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items/delete-apache-airflow-job
        """
        self._send_write("DELETE", job_path, missing_ok=True)

    def find_pool(self, workspace: str, name_or_id: str) -> Compute | None:
        """A pool of the workspace.

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/pool-management-(beta)
        """
        if name_or_id.casefold() in {"starter", STARTER.pool_id}:
            return STARTER
        wanted = name_or_id.casefold()
        for one in self._requests.list_all(f"/workspaces/{workspace}/apacheAirflowJobs/poolTemplates", beta=True):
            if wanted in {one["id"].lower(), one["name"].casefold()}:
                return Compute(pool_id=str(one["id"]), pool_name=str(one["name"]), version="")
        return None

    def get_compute(self, job_path: str) -> Compute:
        """What the job runs on. https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/environment-(beta)."""
        path = f"{job_path}/environment/compute"
        shown = self._requests.read_once(path, lambda: self._requests.send("GET", path, beta=True).json())
        versions: dict[str, Any] = shown.get("apacheAirflowJobVersionDetails") or {}
        return Compute(
            pool_id=str(shown["poolTemplateId"]),
            pool_name=str(shown.get("poolTemplateName") or ""),
            version=str(versions.get("apacheAirflowVersion") or ""),
        )

    def move_to_pool(self, job_path: str, pool: Compute) -> None:
        """Run the job on another pool, which restarts it."""
        answer = self._send_write(
            "POST", job_path, "/environment/updateCompute", beta=True, json={"poolTemplateId": pool.pool_id}
        )
        self._requests.await_operation(answer, f"the move of the job to {pool.pool_name}")

    def get_environment(self, job_path: str) -> JobEnvironment:
        """What the job's Airflow runs with, once per pass.

        https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/environment-(beta)
        """
        return self._requests.read_once(f"{job_path}/environment", lambda: self.get_environment_now(job_path))

    def get_environment_now(self, job_path: str) -> JobEnvironment:
        """As `get_environment`, but always asks."""
        path = f"{job_path}/environment"
        settings: dict[str, Any] = self._requests.send("GET", f"{path}/settings", beta=True).json()
        libraries = self._requests.list_all(f"{path}/libraries", beta=True)
        return JobEnvironment(
            status=self.get_environment_status(job_path),
            triggerers=str(settings.get("triggerers") or "Disabled"),
            libraries={str(one["name"]): str(one.get("version") or "") for one in libraries},
            variables=read_settings(settings.get("environmentVariables") or ()),
            overrides=read_settings(settings.get("airflowConfigurationOverrides") or ()),
        )

    def get_environment_status(self, job_path: str) -> str:
        """Started, Stopped and others, now."""
        shown: dict[str, Any] = self._requests.send("GET", f"{job_path}/environment", beta=True).json()
        return str(shown["status"])

    def set_settings(
        self, job_path: str, base: JobEnvironment, *, variables: Mapping[str, Secret], overrides: Mapping[str, Secret]
    ) -> None:
        """Replace all variables and overrides. base: as it was read, for what is sent back. There is no ETag."""
        body = {
            "environmentVariables": settings_body(variables),
            "airflowConfigurationOverrides": settings_body(overrides),
            "triggerers": base.triggerers,
        }
        answer = self._send_write("POST", job_path, "/environment/updateSettings", beta=True, json=body)
        self._requests.await_operation(answer, "the change of Airflow's settings")

    def deploy_requirements(self, job_path: str, lines: tuple[str, ...]) -> None:
        """Install exactly these requirements. The environment must run."""
        content = "".join(f"{line}\n" for line in lines).encode()
        path = "/environment/deployRequirements"
        answer = self._send_write("POST", job_path, path, beta=True, content=content, content_type="text/plain")
        self._requests.await_operation(answer, "the installation of requirements")

    def start_environment(self, job_path: str) -> None:
        """Start the environment if it does not run, and wait until it does: minutes, on the starter pool.

        Raises Unexpected if it fails, NotYetVisible at the deadline.
        """

        def started() -> bool:
            status = self.get_environment_status(job_path)
            if status == FAILED:
                remedy = "Look at the job in Fabric, restart it there, and run the command again."
                raise Unexpected(
                    operation="the start of Airflow in Fabric", message="its state is Failed", remedy=remedy
                )
            if status != STARTED and status not in CHANGING:
                answer = self._send_write("POST", job_path, "/environment/start", beta=True)
                self._requests.await_operation(answer, "the start of Airflow in Fabric")
            return status == STARTED

        deadline = self._session.waits.limits.operation_seconds
        self._session.waits.until(started, deadline_seconds=deadline, what="Airflow in Fabric to start")

    def _send_write(self, method: str, job_path: str, path: str = "", **options: Any) -> HttpResponse:
        """A write."""
        self._requests.mark_written(
            job_path.rpartition("/")[0], f"{job_path}/environment", f"{job_path}/environment/compute"
        )
        return self._requests.send(method, f"{job_path}{path}", **options)


def _definition(version: str, pool: Compute) -> dict[str, Any]:
    """As Fabric exports one.

    https://learn.microsoft.com/rest/api/fabric/articles/item-management/definitions/apache-airflow-job-definition
    """
    airflow: dict[str, Any] = {
        "airflowConfigurationOverrides": {},
        "airflowEnvironmentVariables": {},
        "airflowRequirements": [],
        "airflowVersion": version,
        "enableAADIntegration": True,
        "enableTriggerers": False,
    }
    compute = {
        "computePool": "StarterPool" if pool.pool_id == STARTER.pool_id else "CustomPool",
        "computeSize": "Small",
        "poolId": pool.pool_id,
        "poolName": pool.pool_name,
    }
    properties: dict[str, Any] = {"airflowProperties": airflow, "computeProperties": compute}
    return {"properties": {"type": "Airflow", "typeProperties": properties}}
