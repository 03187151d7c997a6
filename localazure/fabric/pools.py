"""The pools that Airflow jobs of a workspace run on: the starter pool, and templates of pools of one's own.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob/pool-management-(beta)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.json_body import object_at
from localazure.fabric import api

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_TABLE = "fabric_pools"
_POOLS = "/apacheAirflowJobs/poolTemplates"
JOB_VERSION = "1.0.0"
_FEWEST_NODES = 5
STARTER: Document = {
    "id": "00000000-0000-0000-0000-000000000000",
    "name": "StarterPool",
    "nodeSize": "Small",
    "shutdownPolicy": "OneHourInactivity",
    "computeScalability": {"minNodeCount": 5, "maxNodeCount": 5},
    "apacheAirflowJobVersion": JOB_VERSION,
}
SERVICE = api.fabric_service("pools", "/v1/workspaces/[^/]+/apacheAirflowJobs/(settings|poolTemplates(/[^/]+)?)/?")


def require_pool(tenant: Tenant, workspace: Document, pool_id: str) -> Document:
    """Return a pool of a workspace. Raises 404."""
    pool = tenant.store.get(_TABLE, _store_key(workspace, pool_id))
    if pool is None and pool_id != STARTER["id"]:
        raise api.item_not_found("The requested pool template was not found.")
    return pool or STARTER


def default_pool_id(workspace: Document) -> str:
    """Return the id of the pool that a new job of the workspace gets."""
    return str(workspace.get("_default_pool") or STARTER["id"])


@api.route(SERVICE, "GET", "/apacheAirflowJobs/settings", role="Viewer", beta=True)
def get_settings(_: Call, workspace: Document) -> Reply:
    """Show the pool of new jobs."""
    return Reply(body={"defaultPoolTemplateId": default_pool_id(workspace)})


@api.route(SERVICE, "PATCH", "/apacheAirflowJobs/settings", role="Contributor", beta=True)
def update_settings(call: Call, workspace: Document) -> Reply:
    """Set the pool of new jobs."""
    pool = require_pool(call.tenant, workspace, str(call.json().get("defaultPoolTemplateId", "")).lower())
    call.tenant.store.put(api.WORKSPACES, str(workspace["id"]), {**workspace, "_default_pool": pool["id"]})
    return Reply(body={"defaultPoolTemplateId": pool["id"]})


@api.route(SERVICE, "GET", _POOLS, role="Viewer", beta=True)
def list_pools(call: Call, workspace: Document) -> Reply:
    """List the workspace's own pools."""
    return api.page(call, [pool for _, pool in call.tenant.store.rows(_TABLE, _store_key(workspace, ""))])


@api.route(SERVICE, "POST", _POOLS, role="Contributor", beta=True)
def create_pool(call: Call, workspace: Document) -> Reply:
    """Create a pool, which is always on."""
    body = call.json()
    scalability = object_at(body, "computeScalability")
    fewest, most = scalability.get("minNodeCount"), scalability.get("maxNodeCount")
    if not isinstance(body.get("name"), str) or not body["name"] or body.get("nodeSize") not in {"Small", "Large"}:
        raise api.invalid_request("A pool needs a name, and the nodeSize Small or Large.")
    if not isinstance(fewest, int) or not isinstance(most, int) or not _FEWEST_NODES <= fewest <= most:
        raise api.invalid_request(
            f"The minNodeCount must be at least {_FEWEST_NODES}, and no more than the maxNodeCount."
        )
    if body.get("apacheAirflowJobVersion") != JOB_VERSION:
        raise api.invalid_request(f"The apacheAirflowJobVersion must be {JOB_VERSION}.")
    pool: Document = {
        "id": call.tenant.clock.new_id(),
        "name": body["name"],
        "nodeSize": body["nodeSize"],
        "shutdownPolicy": "AlwaysOn",
        "computeScalability": {"minNodeCount": fewest, "maxNodeCount": most},
        "apacheAirflowJobVersion": JOB_VERSION,
    }
    call.tenant.store.put(_TABLE, _store_key(workspace, str(pool["id"])), pool)
    location = f"https://{api.HOST}/v1/workspaces/{workspace['id']}{_POOLS}/{pool['id']}"
    return Reply(status=201, body=pool, headers={"Location": location})


@api.route(SERVICE, "GET", _POOLS + "/{pool}", role="Viewer", beta=True)
def get_pool(call: Call, workspace: Document) -> Reply:
    """Show a pool."""
    return Reply(body=require_pool(call.tenant, workspace, call.params["pool"].lower()))


@api.route(SERVICE, "DELETE", _POOLS + "/{pool}", role="Contributor", beta=True)
def delete_pool(call: Call, workspace: Document) -> Reply:
    """Delete a pool of one's own. Raises 404."""
    if not call.tenant.store.remove(_TABLE, _store_key(workspace, call.params["pool"].lower())):
        raise api.item_not_found("The requested pool template was not found.")
    return Reply()


def _store_key(workspace: Document, pool_id: str) -> str:
    return f"{workspace['id']}/{pool_id}"
