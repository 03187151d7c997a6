"""An Apache Airflow job of a Fabric workspace: made if absent. Its owner tag is in its description.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/items
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotAuthorized, Refused
from provisioner.kind import Checked, Container, Kind, Preflight, Verdict, compare
from provisioner.model import Change, Forces, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.fabric import Compute, Fabric, Workspace
    from provisioner.cloud.cloud import Cloud

ACTIVE = "Active"
STARTER = "starter"
ROLE = "the caller's role in the workspace"
UNKNOWN_ROLE = f"{ROLE}: only the creation of the job shows whether it is Contributor"
RESUME = "Resume it: `az fabric capacity resume`, or in the Azure portal"


@dataclass(frozen=True, kw_only=True)
class FabricAirflowJob:
    """What the spec declares.

    workspace: name or GUID. pool: `starter`, or name or GUID of one. version: of Airflow. environment: the owner tag's
    value.
    """

    workspace: str
    name: str
    pool: str
    version: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedFabricAirflowJob(Observed):
    """What exists. path: of the job in Fabric's API. declared_pool: the GUID of the pool that the spec names."""

    path: str
    environment: str
    finished: bool
    compute: Compute
    declared_pool: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to."""

    path: Output[str] = Output()


def _read(cloud: Cloud, desired: FabricAirflowJob) -> ObservedFabricAirflowJob | None:
    fabric = _fabric(cloud)
    try:
        job = fabric.find_job(_require_workspace(cloud, desired).id, desired.name)
        compute = fabric.get_compute(job.path) if job else None
    except Conflict as error:  # its capacity is paused, say
        raise Refused(f"workspace {desired.workspace}", error.message.rstrip("."), error.remedy) from error
    if job is None or compute is None:
        return None
    return ObservedFabricAirflowJob(
        owned=job.owner == desired.environment,
        path=job.path,
        environment=desired.environment,
        finished=job.finished,
        compute=compute,
        declared_pool=pool.pool_id if (pool := _find_pool(cloud, desired)) else "",
    )


def _fabric(cloud: Cloud) -> Fabric:
    return cloud.client("fabric")


def _require_workspace(cloud: Cloud, desired: FabricAirflowJob) -> Workspace:
    """Raises Refused if there is none, or none that the caller may see."""
    workspace = _fabric(cloud).find_workspace(desired.workspace)
    if workspace is None:
        remedy = "Correct `airflow.workspace`, or ask an admin of the workspace to make you Contributor in it"
        raise Refused(f"workspace {desired.workspace}", "there is none of that name in which you have a role", remedy)
    return workspace


def _find_pool(cloud: Cloud, desired: FabricAirflowJob) -> Compute | None:
    """None if there is none. Raises Refused without the workspace."""
    return _fabric(cloud).find_pool(_require_workspace(cloud, desired).id, desired.pool)


def _require_pool(cloud: Cloud, desired: FabricAirflowJob) -> Compute:
    """Raises Refused if there is none."""
    pool = _find_pool(cloud, desired)
    if pool is None:
        remedy = "Create it in the workspace's settings under Apache Airflow runtime, or correct `airflow.pool`"
        raise Refused(f"workspace {desired.workspace}", f"it has no pool {desired.pool}", remedy)
    return pool


def _diff(desired: FabricAirflowJob, observed: ObservedFabricAirflowJob, _view: View) -> Iterator[Change]:
    # https://learn.microsoft.com/fabric/data-factory/apache-airflow-jobs-concepts
    reason = "Fabric does not change it: name another job"
    yield from compare("version", observed.compute.version, desired.version, reason=reason, forces=Forces.REFUSE)
    if observed.owned and not observed.finished:
        yield Change(field="definition", after=desired.version, reason="its creation was cut off")
    elif observed.owned:
        reason = "Airflow restarts on another pool"
        yield from compare("pool", observed.compute.pool_id, observed.declared_pool, reason=reason)


def _publish(observed: ObservedFabricAirflowJob, _view: View | None) -> Outputs:
    return Outputs(path=observed.path)


def _create(cloud: Cloud, desired: FabricAirflowJob) -> None:
    """Make the item, then what it runs: Fabric refuses both at once. Goes on with one that an earlier try has made."""
    fabric, workspace = _fabric(cloud), _require_workspace(cloud, desired).id
    pool = _require_pool(cloud, desired)
    job_path = fabric.create_job(workspace, desired.name, desired.environment)
    _finish_creation(cloud, desired, job_path, pool)


def _finish_creation(cloud: Cloud, desired: FabricAirflowJob, job_path: str, pool: Compute) -> None:
    """Give a job that this environment has made what it runs, and note that it is finished.

    Only for one that is not finished yet: a definition replaces settings and files.
    """
    _fabric(cloud).define_new_job(job_path, desired.version, pool)
    _fabric(cloud).mark_job_finished(job_path, desired.environment)


def _update(cloud: Cloud, desired: FabricAirflowJob, observed: ObservedFabricAirflowJob) -> None:
    pool = _require_pool(cloud, desired)
    if not observed.finished:
        _finish_creation(cloud, desired, observed.path, pool)
    else:
        _fabric(cloud).move_to_pool(observed.path, pool)


def _delete(cloud: Cloud, observed: ObservedFabricAirflowJob) -> None:
    _fabric(cloud).delete_job(observed.path)


def _unmanaged(cloud: Cloud, observed: ObservedFabricAirflowJob) -> tuple[str, ...]:
    fabric = _fabric(cloud)
    settings = fabric.get_environment(observed.path).unmanaged(observed.environment)
    files = fabric.files.list_unmanaged(observed.path, observed.environment)
    return (*(f"setting {name}" for name in settings), *files)


def _ready(cloud: Cloud, desired: FabricAirflowJob, observed: ObservedFabricAirflowJob | None) -> Iterator[Checked]:
    """Check the capacity and the caller's role."""
    workspace = _require_workspace(cloud, desired)
    yield _capacity(cloud, workspace)
    yield (
        _role_check_on_workspace(cloud, workspace)
        if observed is None
        else _role_check_on_job(cloud, workspace, observed.path)
    )
    if observed is not None and not observed.owned and observed.compute.pool_id != observed.declared_pool:
        what = f"it runs on the pool {observed.compute.pool_name}; it is adopted, so it is left there"
        yield Checked(verdict=Verdict.NOTE, what=what)


def _capacity(cloud: Cloud, workspace: Workspace) -> Checked:
    """https://learn.microsoft.com/fabric/enterprise/pause-resume."""
    if not workspace.capacity_id:
        remedy = "Assign a capacity of Fabric to it, in its settings under License info"
        return Checked(verdict=Verdict.STOPS, what=f"the workspace {workspace.name} has no capacity", remedy=remedy)
    state = _fabric(cloud).find_capacity_state(workspace.capacity_id)
    what = f"the capacity of the workspace {workspace.name} is {state or 'none that the caller may see'}"
    if state in {"", ACTIVE}:
        return Checked(verdict=Verdict.HOLDS if state else Verdict.UNKNOWN, what=what)
    return Checked(verdict=Verdict.STOPS, what=what, remedy=RESUME)


def _role_check_on_workspace(cloud: Cloud, workspace: Workspace) -> Checked:
    """Only a Member may list who has which role; nothing else tells a Contributor's, and nothing is tried out."""
    try:
        _fabric(cloud).list_roles(workspace.id)
    except NotAuthorized:
        return Checked(verdict=Verdict.UNKNOWN, what=UNKNOWN_ROLE)
    return Checked(verdict=Verdict.HOLDS, what=f"{ROLE} {workspace.name}")


def _role_check_on_job(cloud: Cloud, workspace: Workspace, job_path: str) -> Checked:
    """Ask for the definition, which takes the role and changes nothing."""
    try:
        _fabric(cloud).probe_contributor(job_path)
    except NotAuthorized as error:
        what = f"the caller is not Contributor in the workspace {workspace.name}"
        return Checked(verdict=Verdict.STOPS, what=what, remedy=error.remedy)
    return Checked(verdict=Verdict.HOLDS, what=f"{ROLE} {workspace.name}")


def _check(cloud: Cloud, desired: FabricAirflowJob) -> None:
    """Raises Refused for a pool that the workspace does not have."""
    if desired.pool != STARTER:
        _require_pool(cloud, desired)


KIND: Kind[FabricAirflowJob, ObservedFabricAirflowJob] = Kind(
    diff=lambda desired, observed, view: tuple(_diff(desired, observed, view)),
    publish=_publish,
    read=_read,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(check=_check, ready=_ready),
    container=Container(unmanaged=_unmanaged),
)
