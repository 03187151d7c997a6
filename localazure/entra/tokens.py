"""Verifies the access token of a call: signature, audience, tenant, lifetime and principal."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from localazure.app.call import Caller
from localazure.app.signing import InvalidToken
from localazure.entra import directory

if TYPE_CHECKING:
    from localazure.app.tenant import Tenant


def authenticate(tenant: Tenant, authorization: str, audiences: tuple[str, ...], tenant_id: str) -> Caller:
    """Return the caller of an Authorization header. Raises InvalidToken."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("missing")
    claims = tenant.signer.verify_signature(token.strip())
    if claims.get("tid") != tenant_id:
        raise InvalidToken("tenant", str(claims.get("iss", "")))
    if not any(audience_matches(str(claims.get("aud", "")), audience) for audience in audiences):
        raise InvalidToken("audience", str(claims.get("aud", "")))
    begins, ends = claims.get("nbf", 0), claims.get("exp", 0)
    if not all(isinstance(moment, int | float) for moment in (begins, ends)):
        raise InvalidToken("malformed")
    if not begins <= tenant.clock.timestamp() < ends:
        raise InvalidToken("expired", str(ends))
    principal = directory.find_principal(tenant, str(claims.get("oid", "")))
    if principal is None or not principal.get("accountEnabled", True):
        raise InvalidToken("caller", str(claims.get("oid", "")))
    return Caller(
        object_id=str(claims["oid"]), app_id=str(claims["appid"]), tenant_id=str(claims["tid"]), claims=claims
    )


def audience_matches(actual: str, expected: str) -> bool:
    """Compare audiences without case and trailing slash; `*` in the expected one matches any text."""
    return fnmatch.fnmatchcase(actual.rstrip("/").lower(), expected.rstrip("/").lower())
