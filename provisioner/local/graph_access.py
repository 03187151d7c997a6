"""Graph's errors, and who may do what there: application permissions are roles in the token, ownership counts.

https://learn.microsoft.com/graph/permissions-reference#applicationreadwriteownedby
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.local import directory
from provisioner.local.call import AzureError, Reply

if TYPE_CHECKING:
    from provisioner.local.call import Call
    from provisioner.local.store import Document
    from provisioner.local.tokens import Refusal

HOST = "graph.microsoft.com"
APP_ID = "00000003-0000-0000-c000-000000000000"
OWNED = "Application.ReadWrite.OwnedBy"
WRITERS = frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All"})
READERS = WRITERS | {OWNED, "Application.Read.All", "Directory.Read.All"}


def render(call: Call, error: AzureError) -> Reply:
    """An error as Graph shows it."""
    asked = call.headers.get("client-request-id") or call.request_id
    inner = {"date": f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S}", "request-id": call.request_id}
    body = {"code": error.code, "message": error.message, **error.details}
    body["innerError"] = {**inner, "client-request-id": asked}
    return Reply(status=error.status, body={"error": body}, headers={"request-id": call.request_id})


def unauthenticated(_call: Call, refusal: Refusal) -> AzureError:
    """Graph's words for a token that does not do."""
    message = {
        "missing": "Access token is empty.",
        "malformed": "IDX14100: JWT is not well formed, there are no dots (.).",
        "signature": "Access token validation failure. Signature is invalid.",
        "expired": "Lifetime validation failed, the token is expired.",
        "audience": "Access token validation failure. Invalid audience.",
        "tenant": "Access token validation failure. Invalid issuer.",
        "caller": "The identity of the calling application could not be established.",
    }[refusal.reason]
    authority = "https://login.microsoftonline.com/common/oauth2/authorize"
    challenge = {"WWW-Authenticate": f'Bearer realm="", authorization_uri="{authority}", client_id="{APP_ID}"'}
    return AzureError(status=401, code="InvalidAuthenticationToken", message=message, headers=challenge)


def denied() -> AzureError:
    """The caller lacks a permission."""
    message = "Insufficient privileges to complete the operation."
    return AzureError(status=403, code="Authorization_RequestDenied", message=message)


def missing(what: str) -> AzureError:
    """Nothing there by that key."""
    message = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return AzureError(status=404, code="Request_ResourceNotFound", message=message)


def bad(message: str, code: str = "Request_BadRequest") -> AzureError:
    """Graph's 400."""
    return AzureError(status=400, code=code, message=message)


def no_application(app_id: str) -> AzureError:
    """A service principal needs an application of the tenant."""
    message = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    detail = {"code": "NoBackingApplicationObject", "message": message, "target": "appId"}
    return AzureError(status=400, code="Request_BadRequest", message=message, details={"details": [detail]})


def taken(name: str) -> AzureError:
    """Two objects may not share this value; soft-deleted ones count."""
    return bad(f"Another object with the same value for property {name} already exists.")


def need_read(call: Call) -> None:
    """Refuse a caller who may not read applications and principals."""
    if not _roles(call) & READERS:
        raise denied()


def need_create(call: Call) -> None:
    """Refuse a caller who may make nothing."""
    if not _roles(call) & (WRITERS | {OWNED}):
        raise denied()


def need_write(call: Call, document: Document) -> None:
    """Refuse a caller who may not change this application or principal."""
    roles = _roles(call)
    if roles & WRITERS:
        return
    if OWNED not in roles or call.who.object_id not in owners(call, document):
        raise denied()


def owners(call: Call, document: Document) -> list[str]:
    """Who owns an object: its owners, and for a principal those of its application."""
    app = directory.application_of(call.world, document["appId"]) or {}
    return [*document.get("_owners", []), *app.get("_owners", [])]


def _roles(call: Call) -> frozenset[str]:
    return frozenset(call.who.claims.get("roles", ()))
