"""A cluster's API server (`NAME.hcp.REGION.azmk8s.io`): of Kubernetes only the request for a service account's token.

Its callers are those who may fetch the kubeconfig of the cluster's administrator, since that allows everything.
https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import resources
from localazure.app.service import Service
from localazure.containerservice import service_accounts
from localazure.containerservice.managed_clusters import TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localazure.app.call import Call
    from localazure.app.signing import InvalidToken
    from localazure.app.store import Document

_AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"  # the first-party application of every cluster
_SECONDS = 3600
_SHORTEST_SECONDS = 600
_ACTION = f"{TYPE}/listClusterAdminCredential/action"


def render(_: Call, error: AzureError) -> Reply:
    """Render an error as Kubernetes' Status."""
    reason = {"message": error.message, "reason": error.code, "code": error.status}
    return Reply(status=error.status, body={"kind": "Status", "apiVersion": "v1", "status": "Failure", **reason})


def _scope(call: Call) -> str:
    return str(_require_cluster(call)["id"])


def _unauthenticated(_: Call, __: InvalidToken) -> AzureError:
    return AzureError(status=401, code="Unauthorized", message="Unauthorized")


def _forbidden(call: Call, _: str, __: str) -> AzureError:
    message = f'User "{call.authenticated_caller.object_id}" cannot create resource "serviceaccounts/token".'
    return AzureError(status=403, code="Forbidden", message=message)


SERVICE = Service(
    name="kubernetes_api",
    hosts=("*.hcp.*.azmk8s.io",),
    audiences=(_AKS_SERVER,),
    render=render,
    scope=_scope,
    unauthenticated=_unauthenticated,
    forbidden=_forbidden,
)


@SERVICE.route("POST", "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", action=_ACTION)
def create_token(call: Call) -> Reply:
    """Issue a token: 201 with the TokenRequest. Raises 422 for a lifetime below ten minutes."""
    body = call.json()
    spec = object_at(body, "spec")
    seconds = int(spec.get("expirationSeconds") or _SECONDS)
    if seconds < _SHORTEST_SECONDS:
        message = f"spec.expirationSeconds: Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        raise AzureError(status=422, code="Invalid", message=message)
    namespace, name = call.params["namespace"], call.params["name"]
    cluster = _require_cluster(call)
    audiences = cast("Sequence[str]", spec.get("audiences") or (service_accounts.issuer_of(cluster),))
    token = service_accounts.create_token(call.tenant, cluster, namespace, name, audiences=audiences, seconds=seconds)
    ends = datetime.fromtimestamp(int(call.tenant.clock.timestamp()) + seconds, UTC)
    status: dict[str, Any] = {"token": token, "expirationTimestamp": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    kind = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
    metadata = {"name": name, "namespace": namespace}
    return Reply(status=201, body={**kind, "metadata": metadata, "spec": spec, "status": status})


def _require_cluster(call: Call) -> Document:
    """Return the cluster whose API server has this name. Raises 404."""
    for cluster in resources.list_of_type(call.tenant, TYPE):
        if cluster["properties"]["fqdn"] == call.host:
            return cluster
    raise AzureError(status=404, code="NotFound", message="the server could not find the requested resource")
