"""Workspaces, which are given: a new tenant has one, and nothing here creates another.

https://learn.microsoft.com/rest/api/fabric/core/workspaces
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.fabric import api

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

WORKSPACE_ID = "7d1e5c40-2f6b-4a93-8c1d-5b0e9f3a7c21"
CAPACITY_ID = "b3a0c6d2-94e7-4f18-a5d1-0c8e7b6f4a32"


def _seed(tenant: Tenant) -> None:
    """Store the workspace of a new tenant."""
    workspace: Document = {
        "id": WORKSPACE_ID,
        "displayName": "flink-workspace",
        "description": "",
        "type": "Workspace",
        "capacityId": CAPACITY_ID,
    }
    tenant.store.put(api.WORKSPACES, WORKSPACE_ID, workspace)


SERVICE = api.fabric_service("workspaces", ".*", seed=_seed)


@SERVICE.route("GET", "/v1/workspaces", action=None, why="shows those in which the caller has a role")
def list_workspaces(call: Call) -> Reply:
    """List the workspaces in which the caller has a role."""
    api.check_principals_allowed(call)
    return api.page(call, [one for _, one in call.tenant.store.rows(api.WORKSPACES)] if api.role_of(call) else [])


@api.route(SERVICE, "GET", "", role="Viewer")
def get_workspace(call: Call, workspace: Document) -> Reply:
    """Show a workspace."""
    if not api.settings_for_tests(call.tenant)["capacity"]:
        return Reply(body={name: value for name, value in workspace.items() if name != "capacityId"})
    return Reply(body={**workspace, "capacityRegion": "West Europe", "capacityAssignmentProgress": "Completed"})


@api.route(SERVICE, "GET", "/roleAssignments", role="Member")
def list_role_assignments(call: Call, _: Document) -> Reply:
    """List who has which role in a workspace."""
    roles: dict[str, str] = api.settings_for_tests(call.tenant)["roles"]
    principals = [{"id": key, "type": "ServicePrincipal"} for key in roles]
    assignments = [{"id": one["id"], "principal": one, "role": roles[one["id"]]} for one in principals]
    return api.page(call, assignments)


@SERVICE.route("GET", "/v1/capacities", action=None, why="shows those of workspaces in which the caller has a role")
def list_capacities(call: Call) -> Reply:
    """List the capacity of the workspaces, and whether it is paused."""
    api.check_principals_allowed(call)
    capacity = {"id": CAPACITY_ID, "displayName": "f2", "sku": "F2", "region": "West Europe"}
    settings = api.settings_for_tests(call.tenant)
    shown = api.role_of(call) and settings["capacity"] and settings["shows_capacity"]
    return api.page(call, [{**capacity, "state": settings["capacity"]}] if shown else [])
