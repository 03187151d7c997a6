"""The OIDC issuer of a cluster (`REGION.oic.prod-aks.azure.com/TENANT/ID/`): discovery document and keys, for anybody.

https://learn.microsoft.com/azure/aks/use-oidc-issuer#get-the-discovery-document
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import resources
from localazure.app.service import Service
from localazure.containerservice import service_accounts
from localazure.containerservice.managed_clusters import TYPE

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_PUBLIC = "public metadata"


def render(_: Call, error: AzureError) -> Reply:
    """Render an error as the storage behind the issuer's addresses does, in XML."""
    text = f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
    return Reply(
        status=error.status,
        body=f'<?xml version="1.0" encoding="utf-8"?>{text}',
        headers={"Content-Type": "application/xml"},
    )


SERVICE = Service(name="kubernetes_issuer", hosts=(f"*.{service_accounts.ISSUER_SUFFIX}",), render=render)


@SERVICE.route("GET", "/{tenant}/{issuer}/.well-known/openid-configuration", action=None, why=_PUBLIC)
def get_configuration(call: Call) -> Reply:
    """Show the discovery document."""
    issuer = service_accounts.issuer_of(_require_cluster(call))
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    return Reply(body=document)


@SERVICE.route("GET", "/{tenant}/{issuer}/openid/v1/jwks", action=None, why=_PUBLIC)
def list_keys(call: Call) -> Reply:
    """Show the keys that sign the tokens of service accounts."""
    return Reply(body=service_accounts.key_set(call.tenant, _require_cluster(call)))


def _require_cluster(call: Call) -> Document:
    """Return the cluster whose issuer the path names. Raises 404."""
    issuer = f"https://{call.host}/{call.params['tenant']}/{call.params['issuer']}/"
    for cluster in resources.list_of_type(call.tenant, TYPE):
        if service_accounts.issuer_of(cluster) == issuer:
            return cluster
    message = "The specified resource does not exist."
    raise AzureError(status=404, code="ResourceNotFound", message=message)
