"""Sign-in with a token of another issuer, which a federated identity credential of the application names.

https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

import jwt

from localazure.app.call import AzureError
from localazure.entra import directory, issuers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ADVICE = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)
_CASE = (
    f"The subject matches with case-insensitive comparison, but not with case-sensitive comparison. {_ADVICE}. See "
    "breaking change notification and remediation at: "
    "https://learn.microsoft.com/en-us/entra/identity-platform/reference-breaking-changes#august-2024."
)
_MALFORMED = (50027, "JWT token is invalid or malformed.")
_LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()  # that can be shown


def require_trusted_assertion(tenant: Tenant, app: Document, assertion: str, now: float) -> None:
    """Raise Entra's error unless the token is one that the application trusts, signed by its issuer and valid now.

    The texts are those that people report: github.com/Azure/azure-workload-identity/issues/1200 (issuer),
    github.com/Azure/login/issues/482 and 515 (subject), github.com/Azure/azure-workload-identity/issues/1232 (key).
    """
    header, claims = _decode_unverified(assertion)
    trusted: Sequence[Document] = app.get(directory.TRUSTED, ())
    if not trusted:
        client = f"'{app['appId']}'({app['displayName']})"
        _refuse(70025, f"The client {client} has no configured federated identity credentials.")
    _require_matching_credential(trusted, claims)
    _check_signature(tenant, assertion, str(claims["iss"]), str(header.get("kid", "")))
    _check_time(claims, now)


def _decode_unverified(assertion: str) -> tuple[Document, Document]:
    """Return the header and claims, nothing of which is verified yet."""
    try:
        token: Document = jwt.decode_complete(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        _refuse(*_MALFORMED)
    claims: Document = token["payload"]
    if not all(isinstance(moment, int | float) and 0 <= moment < _LAST_MOMENT for moment in _validity_bounds(claims)):
        _refuse(*_MALFORMED)
    return token["header"], claims


def _validity_bounds(claims: Document) -> tuple[Any, Any]:
    return claims.get("nbf", 0), claims.get("exp", 0)


def _require_matching_credential(trusted: Sequence[Document], claims: Document) -> None:
    """Raise Entra's error unless one credential has the token's issuer, subject and one of its audiences.

    Each is compared byte for byte.
    """
    issuer, subject, audiences = str(claims.get("iss", "")), str(claims.get("sub", "")), _audiences(claims)
    of_issuer = [one for one in trusted if one["issuer"] == issuer]
    if not of_issuer:
        _refuse(700211, _unmatched("issuer", issuer, _ADVICE))
    of_subject = [one for one in of_issuer if one["subject"] == subject]
    if not of_subject and any(one["subject"].lower() == subject.lower() for one in of_issuer):
        _refuse(7002138, _unmatched("subject", subject, _CASE))
    if not of_subject:
        _refuse(700213, _unmatched("subject", subject, _ADVICE))
    if not any(audience in one["audiences"] for one in of_subject for audience in audiences):
        _refuse(700212, _unmatched("audience", ", ".join(audiences), _ADVICE))


def _audiences(claims: Document) -> list[str]:
    """Return `aud`, which is a text or a list of them."""
    audience: Any = claims.get("aud", [])
    return [str(one) for one in cast("list[Any]", audience if isinstance(audience, list) else [audience])]


def _check_signature(tenant: Tenant, assertion: str, issuer: str, key_id: str) -> None:
    """Verify the signature with the issuer's key. Raises Entra's error for an issuer that does not answer, too."""
    key_set = issuers.find_key_set(tenant, issuer)
    if key_set is None:
        _refuse(50166, "Request to External OIDC endpoint failed.")
    key = next((one for one in key_set["keys"] if one["kid"] == key_id), None)
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        if key is not None:
            jwt.decode(assertion, jwt.PyJWK(key).key, algorithms=["RS256"], options=options)
            return
    except jwt.PyJWTError:
        pass
    _refuse(
        7000272,
        f"The certificate with identifier {key_id} used to sign the federated credential could not be found in the "
        f"metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes the "
        "key used to sign the incoming token.",
    )


def _check_time(claims: Document, now: float) -> None:
    begins, ends = _validity_bounds(claims)
    if begins <= now < ends:
        return
    current, valid_from, expiry = (_format(moment) for moment in (now, begins, ends))
    _refuse(
        700024,
        f"Client assertion is not within its valid time range. Current time: {current}, assertion valid from "
        f"{valid_from}, expiry time of assertion {expiry}. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    )


def _format(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def _unmatched(what: str, value: str, advice: str) -> str:
    return f"No matching federated identity record found for presented assertion {what} '{value}'. {advice}"


def _refuse(code: int, text: str) -> NoReturn:
    raise AzureError(status=401, code="invalid_client", message=f"AADSTS{code}: {text}", details={"codes": (code,)})
