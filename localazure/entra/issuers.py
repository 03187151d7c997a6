"""Issuers of tokens whose keys the local Entra can read: those of the clusters that the local Azure has.

Entra reads `ISSUER/.well-known/openid-configuration` and the keys that it names. The local Azure reaches no other host,
so whatever serves an issuer writes its keys here.
https://learn.microsoft.com/entra/workload-id/workload-identity-federation#how-it-works
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_TABLE = "issuers"


def put(tenant: Tenant, issuer: str, key_set: Document) -> None:
    """Store the JSON Web Key Set of an issuer, which is compared byte for byte."""
    tenant.store.put(_TABLE, issuer, key_set)


def find_key_set(tenant: Tenant, issuer: str) -> Document | None:
    """Return the JSON Web Key Set of an issuer, or None if it cannot be reached."""
    return tenant.store.get(_TABLE, issuer)


def remove(tenant: Tenant, issuer: str) -> None:
    """Forget an issuer."""
    tenant.store.remove(_TABLE, issuer)
