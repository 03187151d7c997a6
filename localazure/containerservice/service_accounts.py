"""The tokens of a cluster's service accounts, signed with a key of the cluster that its OIDC issuer publishes.

https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localazure.app.json_body import object_at
from localazure.app.signing import Signer
from localazure.entra import issuers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

ISSUER_SUFFIX = "oic.prod-aks.azure.com"
AUDIENCE = "api://AzureADTokenExchange"
_KEYS = "cluster_keys"


def issuer_of(cluster: Document) -> str:
    """Return the address of a cluster's issuer, empty while it is not enabled."""
    return str(object_at(cluster["properties"], "oidcIssuerProfile").get("issuerURL") or "")


def key_set(tenant: Tenant, cluster: Document) -> dict[str, Any]:
    """Return the JSON Web Key Set of a cluster's issuer."""
    return _get_or_create_signer(tenant, cluster).key_set()


def create_token(
    tenant: Tenant, cluster: Document, namespace: str, name: str, *, audiences: Sequence[str], seconds: int
) -> str:
    """Return a token of a service account, which need not exist: there is no Kubernetes behind the cluster."""
    now = int(tenant.clock.timestamp())
    account = {"name": name, "uid": tenant.clock.new_id()}
    claims = {
        "aud": list(audiences),
        "exp": now + seconds,
        "iat": now,
        "iss": issuer_of(cluster),
        "jti": tenant.clock.new_id(),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": account},
        "nbf": now,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    return _get_or_create_signer(tenant, cluster).sign(claims)


def _get_or_create_signer(tenant: Tenant, cluster: Document) -> Signer:
    """Return what signs for a cluster. The key is created at the first call, and Entra may read it from then on."""
    table_key = str(cluster["id"]).lower()
    stored = tenant.store.get(_KEYS, table_key)
    if stored is None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        stored = tenant.store.put(_KEYS, table_key, {"der": base64.b64encode(key.private_bytes(*form)).decode()})
    signer = _signer_with(str(stored["der"]))
    if issuers.find_key_set(tenant, issuer_of(cluster)) is None:
        issuers.put(tenant, issuer_of(cluster), signer.key_set())
    return signer


@lru_cache(maxsize=32)
def _signer_with(der: str) -> Signer:
    """Return what signs with a stored key; each time it is read, the key is checked, which takes long."""
    return Signer(der=base64.b64decode(der))


def delete_key_and_issuer(tenant: Tenant, cluster: Document) -> None:
    """Remove the signing key and the issuer of a deleted cluster, so that Entra no longer accepts its tokens."""
    tenant.store.remove(_KEYS, str(cluster["id"]).lower())
    issuers.remove(tenant, issuer_of(cluster))
