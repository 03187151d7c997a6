"""Managed clusters over Resource Manager: what Azure adds to a cluster, and its OIDC issuer. No Kubernetes runs behind.

https://learn.microsoft.com/rest/api/aks/managed-clusters
https://learn.microsoft.com/azure/aks/use-oidc-issuer
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, groups, operations, regions, resources
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import REGION, SEEDED_AKS, SUBSCRIPTION, TENANT_ID
from localazure.containerservice import service_accounts
from localazure.rbac import access

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.ContainerService/managedClusters"
_SPELLING = "Microsoft.ContainerService/ManagedClusters"  # of `type` in responses
_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourcegroups/{{group}}/providers/{TYPE}"
_ONE = f"{_GROUP}/{{name}}"
_LOCATIONS = f"{_SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/{{location}}"
_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?")
_VERSION = "1.33.5"
_SEEDED_ISSUER = "6f1c2b7a-9c02-4f8e-8d5a-3b1d0e7a4c11"


def _seed(tenant: Tenant) -> None:
    """Store the cluster of a new tenant, which has an OIDC issuer and workload identity."""
    groups.seed_group(tenant)
    security = {"workloadIdentity": {"enabled": True}}
    requested = {"oidcIssuerProfile": {"enabled": True}, "securityProfile": security}
    cluster = _new_cluster(SEEDED_AKS, REGION, {}, requested, issuer_id=_SEEDED_ISSUER)
    cluster["properties"]["provisioningState"] = "Succeeded"
    resources.put(tenant, cluster)


SERVICE = arm_service(
    "kubernetes",
    r".*/providers/Microsoft\.ContainerService(/.*)?",
    ("2024-02-01", "2024-09-01", "2025-01-01", "2025-05-01", "2025-07-01", "2025-10-01", "2026-01-01", "2026-04-01"),
    seed=_seed,
)


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_cluster(call: Call) -> Reply:
    """Show a cluster. Raises 404 ResourceNotFound."""
    return Reply(body=resources.response_body(groups.require_resource(call, TYPE, call.params["name"])))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_cluster(call: Call) -> Reply:
    """Create or update a cluster: 201 or 200. What the body leaves out stays."""
    groups.require_usable_group(call)
    name, body = call.params["name"], call.json()
    _require_valid_name(name)
    cluster_id, location = groups.resource_id(call, TYPE, name), regions.require_location(body)
    requested, tags = bodies.requested_properties(body), bodies.validated_tags(body.get("tags"))
    existing = resources.find(call.tenant, cluster_id)
    if existing is None:
        _require_nodes(requested)
        cluster = _new_cluster(cluster_id, location, tags, requested, issuer_id=call.tenant.clock.new_id())
    else:
        regions.refuse_location_change(existing, location)
        cluster = _updated_cluster(existing, tags, requested)
    stored = resources.put(call.tenant, cluster)
    operation = operations.begin(call.tenant, "succeed", stored["id"])
    headers = {"Azure-AsyncOperation": _operation_url(call, operation, location), **operations.POLL}
    return Reply(status=200 if existing else 201, body=resources.response_body(stored), headers=headers)


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def update_tags(call: Call) -> Reply:
    """Replace the tags of a cluster."""
    cluster = groups.require_resource(call, TYPE, call.params["name"])
    cluster["tags"] = bodies.validated_tags(call.json().get("tags"))
    return Reply(body=resources.response_body(resources.put(call.tenant, cluster)))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_cluster(call: Call) -> Reply:
    """Delete a cluster: 202, or 204 when there was none."""
    groups.require_usable_group(call)
    cluster = resources.find(call.tenant, groups.resource_id(call, TYPE, call.params["name"]))
    if cluster is None:
        return Reply(status=204)
    cluster["properties"]["provisioningState"] = "Deleting"
    resources.put(call.tenant, cluster)
    operation = operations.begin(call.tenant, "delete", cluster["id"])
    url = _operation_url(call, operation, str(cluster["location"]))
    location = {"Location": url.replace("/operations/", "/operationresults/"), "Azure-AsyncOperation": url}
    return Reply(status=202, headers={**location, **operations.POLL})


@SERVICE.route("GET", _GROUP, action=f"{TYPE}/read")
def list_group_clusters(call: Call) -> Reply:
    """List the clusters of a group."""
    return _list_reply(resources.list_of_type(call.tenant, TYPE, groups.require_usable_group(call)["id"]))


@SERVICE.route("GET", f"{_SUBSCRIPTION}/providers/{TYPE}", action=None, why="shows what the caller may read")
def list_clusters(call: Call) -> Reply:
    """List the clusters of the subscription that the caller may read."""
    caller = call.authenticated_caller.object_id
    clusters = resources.list_of_type(call.tenant, TYPE, SUBSCRIPTION)
    return _list_reply(
        one for one in clusters if access.is_principal_allowed(call.tenant, caller, f"{TYPE}/read", one["id"])
    )


@SERVICE.route(
    "GET",
    f"{_LOCATIONS}/operations/{{operation}}",
    action="Microsoft.ContainerService/locations/operations/read",
)
def get_operation(call: Call) -> Reply:
    """Show the status of an operation."""
    return operations.answer_async_poll(call, call.params["operation"])


@SERVICE.route(
    "GET",
    f"{_LOCATIONS}/operationresults/{{operation}}",
    action="Microsoft.ContainerService/locations/operationresults/read",
)
def get_operation_result(call: Call) -> Reply:
    """Answer 202 until the operation is over."""
    return operations.answer_location_poll(call, call.params["operation"])


def _new_cluster(
    cluster_id: str, location: str, tags: dict[str, str], requested: Document, *, issuer_id: str
) -> Document:
    """Return a cluster with what Azure adds. issuer_id: the GUID in the address of its issuer."""
    name, group = cluster_id.rsplit("/", 1)[-1], cluster_id.split("/")[4]
    host = f"{requested.get('dnsPrefix') or name}-{issuer_id[:8]}".lower()
    added: Document = {
        "provisioningState": "Creating",
        "powerState": {"code": "Running"},
        "kubernetesVersion": _VERSION,
        "currentKubernetesVersion": _VERSION,
        "dnsPrefix": name,
        "fqdn": f"{host}.hcp.{location}.azmk8s.io",
        "nodeResourceGroup": f"MC_{group}_{name}_{location}",
        "enableRBAC": True,
        "supportPlan": "KubernetesOfficial",
        "disableLocalAccounts": False,
        "securityProfile": {},
        "agentPoolProfiles": [],
    }
    cluster: Document = {
        "id": cluster_id,
        "name": name,
        "type": _SPELLING,
        "location": location,
        "tags": tags,
        "sku": {"name": "Base", "tier": "Free"},
        "properties": added | requested,
        "_issuer_id": issuer_id,
    }
    return _with_issuer(cluster)


def _updated_cluster(existing: Document, tags: dict[str, str], requested: Document) -> Document:
    """Return the cluster after an update. Raises 400 for one that would lose its issuer."""
    before, after = (object_at(one, "oidcIssuerProfile").get("enabled") for one in (existing["properties"], requested))
    if before is True and after is False:  # https://learn.microsoft.com/azure/aks/use-oidc-issuer
        message = "Disabling the OIDC issuer is not supported after it was enabled on the cluster."
        raise AzureError(status=400, code="OIDCIssuerUnsupportedChange", message=message)
    changed = {**existing["properties"], **requested, "provisioningState": "Updating"}
    return _with_issuer({**existing, "tags": tags, "properties": changed})


def _with_issuer(cluster: Document) -> Document:
    """Return the cluster with the address of its issuer if that is enabled; the slash at its end is part of it."""
    properties, issuer_id = cluster["properties"], cluster["_issuer_id"]
    if object_at(properties, "oidcIssuerProfile").get("enabled") is not True:
        return {**cluster, "properties": {**properties, "oidcIssuerProfile": {"enabled": False}}}
    url = f"https://{cluster['location']}.{service_accounts.ISSUER_SUFFIX}/{TENANT_ID}/{issuer_id}/"
    return {**cluster, "properties": {**properties, "oidcIssuerProfile": {"enabled": True, "issuerURL": url}}}


def _require_nodes(requested: Document) -> None:
    """Raise 400 for a new cluster without nodes."""
    if not requested.get("agentPoolProfiles"):
        message = "Required parameter agentPoolProfiles is missing (null)."
        raise AzureError(status=400, code="InvalidParameter", message=message)


def _require_valid_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        message = (
            f"The value of parameter resourceName '{name}' is invalid. Error details: it must be 1 to 63 letters, "
            "numbers, underscores and hyphens, and start and end with a letter or number."
        )
        raise AzureError(status=400, code="InvalidParameter", message=message)


def _operation_url(call: Call, operation: Document, location: str) -> str:
    path = f"{SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/{location}/operations/{operation['id']}"
    return f"https://{call.host}{path}?api-version={call.query.get('api-version', '')}"


def _list_reply(clusters: Iterable[Document]) -> Reply:
    return Reply(body={"value": [resources.response_body(cluster) for cluster in clusters]})


resources.on_delete[TYPE.lower()] = service_accounts.delete_key_and_issuer
